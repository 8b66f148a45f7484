//! What to do about an error, as data: the words, and the commands in them, are in `report::advice`.

use super::selection::BadSelection;
use super::step::StepId;
use crate::state::{EditError, StateError};

/// What to do about an error.
#[derive(Clone, Debug)]
pub enum Advice {
    /// The words of a resource type.
    Text(String),
    /// Omit the forced replacement.
    OmitReplace,
    /// Undo the change that replaces a resource while `blocker` depends on it, or delete the blocker first.
    RemoveBlocker {
        /// The dependent step.
        blocker: StepId,
    },
    /// Apply again: each run completes one replacement of the step.
    CompleteReplacement,
    /// Give one of two steps another name.
    RenameStep,
    /// Record in the state that a step was renamed, or let its resource be deleted first.
    RecordRename {
        /// The step that the resource is tagged with.
        former: StepId,
        /// The step that would use its name.
        step: StepId,
    },
    /// Take another suffix, delete the unmanaged resource, or import it.
    ResolveUnmanaged {
        /// The step that would use the name.
        step: StepId,
        /// The unmanaged resource.
        resource: String,
    },
    /// Change in two parts, or delete these dependents first.
    SplitChange {
        /// The existing steps of the cycle.
        dependents: Vec<StepId>,
    },
    /// Delete the resource with its dependents, then apply.
    DeleteThenApply,
    /// Choose one of the existing steps.
    ListSteps {
        /// A step with a similar name.
        similar: Option<StepId>,
    },
    /// Remove the step from the state before it gets another resource.
    RemoveFromState(StepId),
    /// Let an apply resolve the pending intent.
    ResolveIntent(StepId),
    /// Recover the tagged resource, or delete it.
    RecoverTagged,
    /// Give an identifier that AWS knows.
    CheckIdentifier,
    /// Remove the ownership tags of the other step first.
    ReleaseFromOther,
    /// Set the configuration to the actual values, or allow the replacement.
    MatchConfiguration,
    /// Set the configuration to the actual values.
    MatchImmutable,
    /// The advice for an error of the state store.
    State(StateError),
    /// The advice for a manual change of the state.
    Edit(EditError),
    /// The advice for a selection.
    Selection(BadSelection),
    /// Plan again: the resource was deleted outside of provisioner.
    FindMissing,
    /// Take another suffix, or delete the other resource with this name.
    FreeName,
    /// Run the command again in some minutes.
    WaitAndRetry,
    /// Run the command again: AWS throttles the account.
    RetryThrottled,
    /// Check the credentials and their permissions.
    CheckCredentials,
    /// Raise a quota of the account.
    RaiseQuota,
    /// Correct the value in the configuration.
    CorrectConfiguration,
    /// Run the command again: it finds out whether the call took effect.
    ResolveOutcome,
}
