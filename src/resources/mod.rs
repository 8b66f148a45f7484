//! The AWS resource types: one folder a service, one file a type.
//!
//! A type is a struct that says what can be asked of one resource; [`Resource`] is all there is to do with it. References
//! to other resources are typed ids ([`ids`]). [`registry`] lists all types.

pub mod bound;
pub mod document;
pub mod form;
pub mod ids;
pub mod outcome;
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
use crate::aws::{Cx, Result};
use crate::engine::{FieldChange, Tags};
pub use crate::engine::{Immutable, TypeInfo};

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

    /// Brings what `found` shows to what `self` says, in place. `changes` never names a field of
    /// [`TypeInfo::force_new`], nor tags. If AWS says that a part of it is done already, or says nothing, [`outcome`]
    /// finds out.
    fn update(
        &self,
        cx: &Cx,
        found: &Found<Self>,
        changes: &Changes<'_>,
    ) -> impl Future<Output = Result<Self::Outputs>> + Send;

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
    /// Its tags; `None` for a type that carries none.
    pub tags: Option<Tags>,
    /// See [`Found::unmarked`].
    pub unmarked: bool,
    /// What the spec doesn't decide but people want to know, for example live weights.
    pub live: Option<String>,
}

impl<R: Resource> Found<R> {
    /// A resource that carries tags: they tell whose it is.
    pub fn tagged(spec: R, outputs: R::Outputs, tags: Tags) -> Self {
        Found { spec, outputs, tags: Some(tags), unmarked: false, live: None }
    }

    /// A part of another resource (a route of a route table, a rule of a group): it belongs to whom that belongs to.
    pub fn untagged(spec: R, outputs: R::Outputs) -> Self {
        Found { spec, outputs, tags: None, unmarked: false, live: None }
    }

    /// A resource that carries no tags and is no part of one that does (a dashboard, a record in a given zone): only the
    /// state tells whose it is, and one that the state doesn't know is never adopted.
    pub fn unmarked(spec: R, outputs: R::Outputs) -> Self {
        Found { spec, outputs, tags: None, unmarked: true, live: None }
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
