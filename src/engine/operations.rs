//! The interface between the engine and the resource types: observe, create, update, delete.

use async_trait::async_trait;
use serde_json::Value;

use super::diff::FieldChange;
use super::error::StepError;
use super::ownership::Ownership;
use super::step::{Step, Tags};
use super::type_info::{Refusal, TypeInfo};

/// An actual resource.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The actual values of the spec's fields.
    pub spec: Value,
    /// Ids, ARNs, endpoints.
    pub outputs: Value,
    /// How AWS shows whose resource it is.
    pub ownership: Ownership,
    /// Information for people that isn't part of the spec, for example the live weights of a listener.
    pub live: Option<String>,
}

impl Observed {
    /// The tags, if the type has tags.
    pub fn tags(&self) -> Option<&Tags> {
        self.ownership.tags()
    }
}

/// A step with what is known about its resource at the time of a call.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The step. References are resolved as far as the outputs are known.
    pub step: &'a Step,
    /// The recorded outputs.
    pub known: Option<&'a Value>,
    /// AWS's idempotency token: the same for every attempt to create this generation of the resource. Empty if no intent is
    /// recorded.
    pub token: &'a str,
    /// The outputs of the deposed object that this resource replaces. It isn't this resource, even if name and tags match.
    pub predecessor: Option<&'a Value>,
}

/// Everything that the engine can do with one resource type.
#[async_trait]
pub trait Operations: Send + Sync {
    /// The constant facts of the type.
    fn type_info(&self) -> TypeInfo;
    /// The spec in the form in which specs are compared: sets sorted, documents normalized. Resolved references may have
    /// changed the order.
    fn canonical(&self, spec: &Value) -> Result<Value, StepError>;
    /// The hourly price of the resource in a few words; `None` if an idle one is free.
    fn hourly_charge(&self, spec: &Value) -> Option<String>;

    /// Outputs in which every field is `id`: enough to look up a resource that the state doesn't record.
    fn outputs_for(&self, id: &str) -> Value;

    /// Reads the actual resource; `None` if it doesn't exist. A failed read is an error, never `None`.
    async fn observe(&self, target: Target<'_>) -> Result<Option<Observed>, StepError>;
    /// Creates the resource with its tags, waits until it is usable, returns its outputs.
    async fn create(&self, target: Target<'_>) -> Result<Value, StepError>;
    /// Changes the resource in place and returns its outputs.
    async fn update(
        &self,
        target: Target<'_>,
        observed: &Observed,
        changes: &[FieldChange],
    ) -> Result<Value, StepError>;
    /// Sets and removes tags.
    async fn tag(&self, step: &Step, outputs: &Value, set: &Tags, remove: &[String]) -> Result<(), StepError>;
    /// Why the resource can't change in place from the actual spec to the desired one, both canonical, for rules that
    /// [`TypeInfo::immutable`] can't express: an engine downgrade, smaller storage.
    fn check_transition(&self, desired: &Value, actual: &Value) -> Result<Option<Refusal>, StepError> {
        let _ = (desired, actual);
        Ok(None)
    }
    /// Deletes the resource and waits until it is gone. Succeeds if it is gone already.
    async fn delete(&self, step: &Step, outputs: &Value) -> Result<(), StepError>;
}

/// Finds the operations of a resource type.
pub trait Provider: Send + Sync {
    /// The operations of `kind`; an error for a type that this build doesn't have.
    fn operations(&self, kind: &str) -> Result<&dyn Operations, StepError>;

    /// True if AWS refuses to delete a resource of `kind` while a `dependent` uses it.
    fn blocks_deletion(&self, dependent: &str, kind: &str) -> bool {
        self.operations(dependent).is_ok_and(|operations| operations.type_info().blocks_deletion_of.contains(&kind))
    }
}
