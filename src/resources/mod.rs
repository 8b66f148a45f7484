//! The AWS resource types: one folder a service, one file a type.
//!
//! A type is a struct that says what can be asked of one resource; [`Resource`] is all there is to do with it. References
//! to other resources are typed ids ([`ids`]). [`registry`] lists all types.

pub mod bound;
pub mod document;
pub mod form;
pub mod ids;
pub mod outcome;
pub mod pages;
pub mod prelude;
pub mod registry;
pub mod tags;

pub mod acm;
pub mod application_autoscaling;
pub mod backup;
pub mod cloudwatch;
pub mod config;
pub mod dynamodb;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod elb;
pub mod events;
pub mod iam;
pub mod kms;
pub mod lambda;
pub mod logs;
pub mod rds;
pub mod route53;
pub mod s3;
pub mod secrets;
pub mod sns;
pub mod sqs;
pub mod ssm;
pub mod waf;

use std::future::Future;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::form::Form;
use crate::aws::{Cx, Error, Result};
pub use crate::engine::ownership::Ownership;
use crate::engine::{FieldChange, Tags};
pub use crate::engine::{Immutable, Refusal, TypeInfo};

/// One AWS resource type. The struct itself is the spec: plain data, with typed ids as references to other steps.
///
/// Every field of the struct is compared with what AWS has, except those named in [`TypeInfo::write_only`]: `observe`
/// gives back the same struct, filled from AWS, and the engine compares the two field by field. So a field can't be
/// forgotten: the struct wouldn't be complete.
pub trait Resource: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The constant facts of the type.
    const TYPE: TypeInfo;

    /// What it gives to others: ids, ARNs, endpoints; strings or typed ids, nothing else.
    type Outputs: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// What stands, `None` if nothing does; a failed read is an error. `known` is what the state file remembers.
    /// Batched: reads through `cx.inventory`, so that one list call answers for all steps of the type. Ids in `self` may
    /// still be references (`⟦...⟧`) if what they refer to doesn't stand: they match nothing.
    fn observe(
        &self,
        cx: &Cx,
        known: Option<&Self::Outputs>,
    ) -> impl Future<Output = Result<Option<Found<Self>>>> + Send;

    /// Makes it, with `cx.tags` in the create call and `cx.token` where the API takes one; waits until it can be used.
    /// If AWS says that it is there already, or says nothing, [`outcome`] finds out.
    fn create(&self, cx: &Cx) -> impl Future<Output = Result<Self::Outputs>> + Send;

    /// Waits until it can be used, as `create` does: for one that stands although `create` has no answer to its call.
    fn until_ready(&self, cx: &Cx, outputs: &Self::Outputs) -> impl Future<Output = Result<()>> + Send {
        let _ = (cx, outputs);
        async { Ok(()) }
    }

    /// Changes the resource in place from `found` to `self`. `changes` never names a field of [`TypeInfo::force_new`] or
    /// [`TypeInfo::immutable`], nor tags. After a lost response [`outcome`] reads the resource again and calls it with what is
    /// left to change. A type without a field that can change in place leaves it out: it is never called.
    fn update(
        &self,
        cx: &Cx,
        found: &Found<Self>,
        changes: &Changes<'_>,
    ) -> impl Future<Output = Result<Self::Outputs>> + Send {
        let _ = (cx, found);
        let fields: Vec<&str> = changes.0.iter().map(FieldChange::field).collect();
        let message = format!("{} can't change in place: {}", Self::TYPE.kind, fields.join(", "));
        async { Err(Error::local(message)) }
    }

    /// Refuses a change from the `actual` spec that AWS can't make while the resource exists, and that
    /// [`TypeInfo::immutable`] can't express: an engine's downgrade, smaller storage. `plan` calls it before every update.
    fn check_transition(&self, actual: &Self) -> std::result::Result<(), Refusal> {
        let _ = actual;
        Ok(())
    }

    /// Sets and removes tags. Never called for a type whose `observe` gives no tags.
    fn tag(cx: &Cx, outputs: &Self::Outputs, set: &Tags, remove: &[String]) -> impl Future<Output = Result<()>> + Send {
        let _ = (cx, outputs, set, remove);
        async { Ok(()) }
    }

    /// Deletes it and waits until it is gone, so that what it held can go. Fine if it is gone already.
    fn delete(cx: &Cx, outputs: &Self::Outputs) -> impl Future<Output = Result<()>> + Send;

    /// The resource in a CloudFormation template, for `provisioner export`. Write it with
    /// [`properties!`](crate::properties): then no field can be forgotten. Outputs that the [`Form`] doesn't set become
    /// parameters of the template.
    fn cloudformation(&self) -> Form;

    /// What AWS charges by the hour while it stands, in a few words; `None` if nothing.
    fn hourly_charge(&self) -> Option<String> {
        None
    }
}

/// A resource as AWS has it.
#[derive(Debug)]
pub struct Found<R: Resource> {
    /// In the words of the spec.
    pub spec: R,
    /// Ids, ARNs, endpoints.
    pub outputs: R::Outputs,
    /// Whose it is.
    pub ownership: Ownership,
    /// What the spec doesn't decide but people want to know, for example live weights.
    pub live: Option<String>,
}

impl<R: Resource> Found<R> {
    /// A resource with tags.
    pub fn tagged(spec: R, outputs: R::Outputs, tags: Tags) -> Self {
        Found { spec, outputs, ownership: Ownership::Tagged(tags), live: None }
    }

    /// A part of another resource: see [`Ownership::Child`].
    pub fn child(spec: R, outputs: R::Outputs) -> Self {
        Found { spec, outputs, ownership: Ownership::Child, live: None }
    }

    /// A resource that has a name and no tags: see [`Ownership::NameOnly`].
    pub fn name_only(spec: R, outputs: R::Outputs) -> Self {
        Found { spec, outputs, ownership: Ownership::NameOnly, live: None }
    }
}

/// The fields that an update has to change.
#[derive(Debug)]
pub struct Changes<'a>(pub &'a [FieldChange]);

impl Changes<'_> {
    /// True if any of these fields of the struct changes.
    pub fn any(&self, fields: &[&str]) -> bool {
        self.0.iter().any(|change| fields.contains(&change.field()))
    }

    /// True if this field of the struct changes.
    pub fn has(&self, field: &str) -> bool {
        self.any(&[field])
    }
}

/// So many minutes, for [`TypeInfo::typical_create_time`].
pub const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// So many seconds, for [`TypeInfo::typical_create_time`].
pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}
