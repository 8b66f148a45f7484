//! What the engine asks of the world: observe, create, update, delete. The resources answer it.

use async_trait::async_trait;
use serde_json::Value;

use super::diff::FieldChange;
use super::ownership::Ownership;
use super::refusal::Refusal;
use super::step::{Step, Tags};
use super::type_info::TypeInfo;

/// A resource as it stands.
#[derive(Clone, Debug)]
pub struct Observed {
    /// What stands, in the words of the spec.
    pub spec: Value,
    /// Ids, ARNs, endpoints.
    pub outputs: Value,
    /// Whose it is.
    pub ownership: Ownership,
    /// What the spec doesn't decide but people want to know, for example the live weights of a listener.
    pub live: Option<String>,
}

impl Observed {
    /// Its tags, if its type has tags.
    pub fn tags(&self) -> Option<&Tags> {
        self.ownership.tags()
    }
}

/// A step with what is known of it at the time of a call.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The step, its spec resolved as far as outputs are known.
    pub step: &'a Step,
    /// What the state file remembers of its outputs.
    pub known: Option<&'a Value>,
    /// The same for every try to make this one generation of this step: AWS's idempotency token. Empty where nobody has
    /// announced to make it.
    pub token: &'a str,
    /// The outputs of what this one replaces and that still stands: it isn't this one, be its name and tags the same.
    pub predecessor: Option<&'a Value>,
}

/// Why a step failed, for people.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct StepError {
    /// What went wrong, in one sentence.
    pub message: String,
    /// The AWS service and operation, for example `ec2:CreateVpc`.
    pub operation: Option<String>,
    /// AWS's error code.
    pub code: Option<String>,
    /// AWS's request id.
    pub request_id: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// The call may have taken effect: only another look at AWS can tell.
    pub outcome_unknown: bool,
}

impl StepError {
    /// An error that no AWS call gave.
    pub fn new(message: impl Into<String>) -> Self {
        StepError {
            message: message.into(),
            operation: None,
            code: None,
            request_id: None,
            help: None,
            outcome_unknown: false,
        }
    }

    /// The same with advice.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// All that can be done with one resource type in one region.
#[async_trait]
pub trait Operations: Send + Sync {
    /// The constant facts of the type.
    fn type_info(&self) -> TypeInfo;
    /// The spec in the one form in which it is compared: what has no order sorted, documents in normal form. References
    /// that were resolved may have put it out of that.
    fn canonical(&self, spec: &Value) -> Result<Value, StepError>;
    /// What AWS charges for it by the hour: a plain sentence, or `None` for what costs nothing while it stands idle.
    fn hourly_charge(&self, spec: &Value) -> Option<String>;

    /// The outputs as they would be if each of them were this: AWS can be asked with them for something that nobody has
    /// recorded.
    fn called(&self, id: &str) -> Value;

    /// What stands, or `None` if nothing does. A failed read is an error, never `None`.
    async fn observe(&self, target: Target<'_>) -> Result<Option<Observed>, StepError>;
    /// Makes it with its tags, waits until it can be used, returns its outputs.
    async fn create(&self, target: Target<'_>) -> Result<Value, StepError>;
    /// Changes it in place, returns its outputs.
    async fn update(
        &self,
        target: Target<'_>,
        observed: &Observed,
        changes: &[FieldChange],
    ) -> Result<Value, StepError>;
    /// Sets and removes tags.
    async fn tag(&self, step: &Step, outputs: &Value, set: &Tags, remove: &[String]) -> Result<(), StepError>;
    /// Why the resource can't change in place from the actual spec to the desired one, both canonical, for what
    /// [`TypeInfo::immutable`] can't say: an engine's downgrade, smaller storage.
    fn check_transition(&self, desired: &Value, actual: &Value) -> Result<Option<Refusal>, StepError> {
        let _ = (desired, actual);
        Ok(None)
    }
    /// Deletes it and waits until it is gone. Fine if it is gone already.
    async fn delete(&self, step: &Step, outputs: &Value) -> Result<(), StepError>;
}

/// Finds the operations of a type.
pub trait Provider: Send + Sync {
    /// The operations of `kind`, an error for a kind that this build doesn't know.
    fn operations(&self, kind: &str) -> Result<&dyn Operations, StepError>;

    /// True if AWS refuses to delete a resource of `kind` while a `dependent` uses it.
    fn blocks_deletion(&self, dependent: &str, kind: &str) -> bool {
        self.operations(dependent).is_ok_and(|operations| operations.type_info().blocks_deletion_of.contains(&kind))
    }
}
