//! Finds what a plan would break: stateful resources, live traffic, replacements that AWS would refuse halfway.

use std::collections::{BTreeMap, BTreeSet};

use super::advice::Advice;
use super::context::EngineContext;
use super::error::StepError;
use super::plan::{Action, Plan, Planned, Removal};
use super::step::{Step, StepId, environment_of};
use super::type_info::TypeInfo;
use crate::state::State;

/// A step that can serve customer traffic and that the plan deletes or replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// The step.
    pub step: StepId,
    /// Its environment; `None` if all environments share it.
    pub environment: Option<String>,
}

impl EngineContext<'_> {
    /// The stateful resources that the plan deletes or replaces.
    pub fn data_losses(&self, plan: &Plan) -> Vec<StepId> {
        let replaced = replaced(plan).filter(|planned| self.is_type(planned.step.kind, |info| info.stateful));
        let deleted = deleted(plan).filter(|removal| self.is_type(&removal.record.kind, |info| info.stateful));
        replaced.map(|planned| planned.step.id.clone()).chain(deleted.map(|removal| removal.id.clone())).collect()
    }

    /// The steps that serve traffic and that the plan makes unavailable, if only for a moment. With `all`, also every other
    /// step of an environment that is deleted or replaced, for example a route.
    pub fn interruptions(&self, plan: &Plan, all: bool) -> Vec<Interruption> {
        let interruption = |step: &StepId, kind: &str, environment: Option<String>| {
            let counts = self.is_type(kind, |info| info.serves_traffic) || (all && environment.is_some());
            counts.then(|| Interruption { step: step.clone(), environment })
        };
        let replaced = replaced(plan).filter(|planned| all || !planned.create_before_destroy);
        let replaced = replaced.map(|planned| &planned.step);
        let replaced = replaced.filter_map(|step| interruption(&step.id, step.kind, step.environment.clone()));
        let deleted = deleted(plan).filter(|removal| !removal.deposed);
        let deleted = deleted.filter_map(|removal| {
            interruption(&removal.id, &removal.record.kind, environment_of(&removal.record.tags))
        });
        replaced.chain(deleted).collect()
    }

    /// Refuses forced replacements that would also replace a type that can't be.
    pub fn check_forced_replacements(&self, plan: &Plan) -> Result<(), StepError> {
        if self.selection.replaced.is_empty() {
            return Ok(());
        }
        for planned in replaced(plan) {
            if let Some(why) = self.provider.operations(planned.step.kind)?.type_info().no_forced_replace {
                let message = format!("can't replace {}: {why}", planned.step.id);
                return Err(StepError::new(message).with_advice(Advice::OmitReplace));
            }
        }
        Ok(())
    }

    fn is_type(&self, kind: &str, test: impl Fn(TypeInfo) -> bool) -> bool {
        self.provider.operations(kind).is_ok_and(|operations| test(operations.type_info()))
    }

    /// Turns replacements into failures that would delete a resource while a dependent, which stays, blocks that: AWS would
    /// refuse halfway. Returns the steps that depend on them, each with the failed one.
    pub(super) fn refuse_blocked_replacements(
        &self,
        planned: &mut BTreeMap<StepId, Planned>,
        failures: &mut Vec<(StepId, StepError)>,
        state: &State,
    ) -> Vec<(StepId, StepId)> {
        let mut blocked = Vec::new();
        loop {
            let found = planned
                .values()
                .find_map(|replaced| Some((replaced.step.id.clone(), self.blocker(replaced, planned, state)?.clone())));
            let Some((replaced, blocker)) = found else { return blocked };
            let message = format!("can't replace it: {blocker} still depends on it");
            planned.remove(&replaced);
            failures.push((replaced.clone(), StepError::new(message).with_advice(Advice::RemoveBlocker { blocker })));
            let mut unplanned = BTreeSet::from([replaced.clone()]);
            for step in self.graph.in_order() {
                if !step.dependencies().is_disjoint(&unplanned) && planned.remove(&step.id).is_some() {
                    unplanned.insert(step.id.clone());
                    blocked.push((step.id.clone(), replaced.clone()));
                }
            }
        }
    }

    /// A dependent that exists, stays, and blocks the deletion of a step that is deleted before it is recreated.
    fn blocker(&self, replaced: &Planned, planned: &BTreeMap<StepId, Planned>, state: &State) -> Option<&StepId> {
        if !is_deleted_first(replaced) {
            return None;
        }
        let stays = |dependent: &&Step| match planned.get(&dependent.id) {
            Some(dependent) => dependent.observed.is_some() && !is_deleted_first(dependent),
            None => state.steps.contains_key(&dependent.id),
        };
        let dependents = self.graph.in_order().filter(|step| step.dependencies().contains(&replaced.step.id));
        let mut blockers =
            dependents.filter(|dependent| self.provider.blocks_deletion(dependent.kind, replaced.step.kind));
        blockers.find(stays).map(|blocker| &blocker.id)
    }
}

fn is_deleted_first(planned: &Planned) -> bool {
    planned.action == Action::Replace && !planned.create_before_destroy
}

fn replaced(plan: &Plan) -> impl Iterator<Item = &Planned> {
    plan.steps.iter().filter(|planned| planned.action == Action::Replace)
}

fn deleted(plan: &Plan) -> impl Iterator<Item = &Removal> {
    plan.removals.iter().filter(|removal| removal.action == Action::Delete)
}
