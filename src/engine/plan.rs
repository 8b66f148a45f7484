//! A plan: the actions that bring the actual state to the desired one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::diff::FieldChange;
use super::error::StepError;
use super::operations::Observed;
use super::refusal::{self, RefusedChange};
use super::step::{Step, StepId};
use crate::state::Record;

/// What happens to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The resource is as desired.
    Unchanged,
    /// The resource is created.
    Create,
    /// The resource is as desired and not recorded yet: it is recorded.
    Adopt,
    /// The resource is changed in place.
    Update,
    /// The resource is replaced by a new one, because AWS can't change it in place or the user forces it.
    Replace,
    /// The resource is deleted.
    Delete,
    /// Other deployments use the shared resource too: only our use mark is removed.
    Leave,
    /// The resource is gone and not desired: its record is removed.
    Forget,
}

/// A desired step with its action.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The step. References are resolved as far as the outputs are known.
    pub step: Step,
    /// What happens to it.
    pub action: Action,
    /// The fields that differ, if the resource exists.
    pub changes: Vec<FieldChange>,
    /// The actual resource.
    pub observed: Option<Observed>,
    /// The record of the resource.
    pub record: Option<Record>,
    /// The recorded dependencies, of a pending intent too: what the actual resource uses or may use.
    pub used: BTreeSet<StepId>,
    /// A replacement creates the new resource before it deletes the old one.
    pub create_before_destroy: bool,
    /// The step needs a replacement, but the deposed object of its last one isn't deleted yet: a later run replaces it.
    pub postponed: bool,
}

/// A resource that exists, or may exist, and isn't desired.
#[derive(Clone, Debug)]
pub struct Removal {
    /// The step that it was recorded under.
    pub id: StepId,
    /// Its record.
    pub record: Record,
    /// `Delete`, `Leave` or `Forget`.
    pub action: Action,
    /// It is the deposed object of a replaced step.
    pub deposed: bool,
    /// The desired step that the resource belongs to after a rename. The old record is removed once the new one exists.
    pub renamed_to: Option<StepId>,
}

/// All actions that bring the actual state to the desired one.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The desired steps, each after its dependencies.
    pub steps: Vec<Planned>,
    /// The resources that aren't desired any more.
    pub removals: Vec<Removal>,
    /// Steps that can't be planned.
    pub failures: Vec<(StepId, StepError)>,
    /// Changes that can't be made while the resource exists. Their steps are planned as unchanged, and nothing of a plan that
    /// has any is executed.
    pub refusals: Vec<RefusedChange>,
    /// Steps that depend on one that can't be planned, each with that one.
    pub blocked: Vec<(StepId, StepId)>,
}

impl Plan {
    /// True if there is nothing to do. Recording and forgetting count as something to do: they may follow a crash.
    pub fn is_empty(&self) -> bool {
        self.failures.is_empty() && self.refusals.is_empty() && !self.has_changes()
    }

    /// True if there is something to do that can be planned.
    pub fn has_changes(&self) -> bool {
        !self.removals.is_empty() || self.steps.iter().any(|planned| planned.action != Action::Unchanged)
    }

    /// Refuses a plan with changes that can't be made while the resource exists.
    pub fn check_refusals(&self) -> Result<(), StepError> {
        refusal::check(&self.refusals)
    }

    /// The number of steps and removals with this action.
    pub fn count(&self, action: Action) -> usize {
        let steps = self.steps.iter().filter(|planned| planned.action == action).count();
        steps + self.removals.iter().filter(|removal| removal.action == action).count()
    }

    /// The steps that can't be planned, and those that depend on them.
    pub(super) fn unplanned(&self) -> impl Iterator<Item = &StepId> {
        self.failures.iter().map(|(id, _)| id).chain(self.blocked.iter().map(|(id, _)| id))
    }
}
