//! Limits a plan to the selected steps.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::Graph;
use super::plan::{Action, Plan, Removal};
use super::selection::Selection;
use super::step::StepId;
use crate::state::State;

impl Selection {
    /// Removes from a plan what isn't selected. The dependencies of selected steps stay, and so do the dependents of resources
    /// that are deleted: they have to change first.
    pub(super) fn limit(&self, mut plan: Plan, graph: &Graph, state: &State) -> Plan {
        if self.is_whole() {
            return plan;
        }
        let included = self.included(&plan, graph, state);
        plan.steps.retain(|planned| included.contains(&planned.step.id));
        // A renamed step keeps its old record until the new name is planned too.
        let is_elsewhere = |removal: &Removal| removal.renamed_to.as_ref().is_some_and(|step| !included.contains(step));
        plan.removals.retain(|removal| included.contains(&removal.id) && !is_elsewhere(removal));
        plan.failures.retain(|(id, _)| included.contains(id));
        plan.refusals.retain(|refused| included.contains(&refused.step));
        plan.blocked.retain(|(id, _)| included.contains(id));
        plan
    }

    fn included(&self, plan: &Plan, graph: &Graph, state: &State) -> BTreeSet<StepId> {
        let mut deleted: BTreeSet<&StepId> = plan.removals.iter().map(|removal| &removal.id).collect();
        let replaced = plan.steps.iter().filter(|planned| planned.action == Action::Replace);
        deleted.extend(replaced.map(|planned| &planned.step.id));
        let observed = plan.steps.iter().filter(|planned| planned.observed.is_some());
        let existing: BTreeSet<&StepId> = observed.map(|planned| &planned.step.id).chain(state.steps.keys()).collect();
        let dependents = dependents(graph, state, &existing);
        let planned = plan.steps.iter().map(|planned| &planned.step.id);
        let all = planned.chain(plan.unplanned()).chain(plan.removals.iter().map(|removal| &removal.id));
        let mut pending: Vec<StepId> = all.filter(|id| self.contains(id)).cloned().collect();
        let mut included = BTreeSet::new();
        while let Some(id) = pending.pop() {
            if included.contains(&id) {
                continue;
            }
            pending.extend(graph.get(&id).into_iter().flat_map(|step| step.dependencies()));
            if deleted.contains(&id) {
                pending.extend(dependents.get(&id).into_iter().flatten().map(|dependent| (*dependent).clone()));
            }
            included.insert(id);
        }
        included
    }
}

/// The dependents of each step among the existing ones, desired and recorded.
fn dependents<'a>(
    graph: &'a Graph,
    state: &'a State,
    existing: &BTreeSet<&StepId>,
) -> BTreeMap<StepId, BTreeSet<&'a StepId>> {
    let desired = graph.in_order().filter(|step| existing.contains(&step.id));
    let desired = desired.map(|step| (&step.id, step.dependencies()));
    let recorded = state.steps.iter().chain(&state.deposed).map(|(id, record)| (id, record.dependencies.clone()));
    let intended = state.intents.iter().map(|(id, intent)| (id, intent.dependencies.clone()));
    let mut dependents: BTreeMap<StepId, BTreeSet<&StepId>> = BTreeMap::new();
    for (dependent, dependencies) in desired.chain(recorded).chain(intended) {
        for dependency in dependencies {
            dependents.entry(dependency).or_default().insert(dependent);
        }
    }
    dependents
}
