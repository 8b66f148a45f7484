//! The AWS resource types: one folder for each service, one file for each type.
//!
//! A type is a struct, its spec: the desired state of one resource. It implements [`Resource`]. References to other resources
//! are typed ids ([`ids`]). [`registry`] lists all types, [`prelude`] contains what a file of a type imports.

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

/// An AWS resource type. The struct is the spec: plain data, with typed ids as references to other steps.
///
/// `observe` returns the same struct with the actual state, and the engine compares the two field by field, except fields in
/// [`TypeInfo::write_only`]. A change of a field is made by `update`, unless [`TypeInfo`] lists the field: then it replaces the
/// resource (`force_new`), or `plan` refuses it (`immutable`).
pub trait Resource: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The constant facts of the type.
    const TYPE: TypeInfo;

    /// What other steps can refer to: ids, ARNs, endpoints. Its fields are strings or typed ids.
    type Outputs: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// The actual state; `None` if the resource doesn't exist. A failed read is an error. `known` are the outputs in the state
    /// file. Read through `cx.inventory`, so that one list call serves all steps of the type. Ids in `self` may be references
    /// (`⟦...⟧`) to resources that don't exist yet: they match nothing.
    fn observe(
        &self,
        cx: &Cx,
        known: Option<&Self::Outputs>,
    ) -> impl Future<Output = Result<Option<Found<Self>>>> + Send;

    /// Creates the resource, with `cx.tags` in the create call and `cx.token` as its idempotency token, and waits until it can be
    /// used. [`outcome`] resolves lost responses and names that exist.
    fn create(&self, cx: &Cx) -> impl Future<Output = Result<Self::Outputs>> + Send;

    /// Waits until the resource can be used, as `create` does. Called for a resource whose create call had no response.
    fn until_ready(&self, cx: &Cx, outputs: &Self::Outputs) -> impl Future<Output = Result<()>> + Send {
        let _ = (cx, outputs);
        async { Ok(()) }
    }

    /// Changes the resource in place from `found` to `self`. `changes` never names a field of [`TypeInfo::force_new`] or
    /// [`TypeInfo::immutable`], nor tags. After a lost response [`outcome`] reads the resource again and calls it with the
    /// remaining changes. Types without a field that can change in place don't implement it.
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

    /// Sets and removes tags. Types with [`Ownership::Tagged`] have to implement it.
    fn tag(cx: &Cx, outputs: &Self::Outputs, set: &Tags, remove: &[String]) -> impl Future<Output = Result<()>> + Send {
        let _ = (cx, outputs, set, remove);
        async { Ok(()) }
    }

    /// Deletes the resource and waits until it is gone, so that it blocks nothing. Succeeds if it doesn't exist.
    fn delete(cx: &Cx, outputs: &Self::Outputs) -> impl Future<Output = Result<()>> + Send;

    /// The resource in a CloudFormation template, for `provisioner export`. Write it with
    /// [`properties!`](crate::properties): then no field can be forgotten. Outputs that the [`Form`] doesn't set become
    /// parameters of the template.
    fn cloudformation(&self) -> Form;

    /// What AWS charges for the resource while it exists, in a few words; `None` if nothing.
    fn hourly_charge(&self) -> Option<String> {
        None
    }
}

/// The actual state of a resource.
#[derive(Debug)]
pub struct Found<R: Resource> {
    /// The actual state in the form of the spec.
    pub spec: R,
    /// Ids, ARNs, endpoints.
    pub outputs: R::Outputs,
    /// How AWS shows its owner.
    pub ownership: Ownership,
    /// State that the spec doesn't contain, for people: for example live weights.
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

/// A number of minutes, for [`TypeInfo::typical_create_time`].
pub const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// A number of seconds, for [`TypeInfo::typical_create_time`].
pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}
