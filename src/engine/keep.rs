//! Keeps resources that steps may still use. A step that can't be planned may use what the rest of the plan deletes.

use std::collections::{BTreeMap, BTreeSet};

use super::context::EngineContext;
use super::plan::{Action, Plan, Planned, Removal};
use super::step::{Step, StepId};
use crate::state::State;

/// Removes from the plan the deletion of resources that an unplanned step may still use. Returns those resources, each with the
/// step that may use it: removals that are skipped, and replaced steps whose deposed object has to stay.
pub(super) fn keep_used(engine: &EngineContext<'_>, plan: &mut Plan, state: &State) -> Vec<(StepId, StepId)> {
    let mut users: Vec<StepId> = plan.unplanned().cloned().collect();
    let mut kept = keep_possibly_renamed(engine, plan, state, &users);
    users.extend(kept.iter().map(|(id, _)| id.clone()));
    while let Some(user) = users.pop() {
        let used = recorded_dependencies(&user, state);
        let removals = std::mem::take(&mut plan.removals);
        let (skipped, executed) = removals.into_iter().partition(|removal: &Removal| used.contains(&removal.id));
        plan.removals = executed;
        let skipped = skipped.into_iter().map(|removal| removal.id);
        let is_deposed = |planned: &&Planned| planned.action == Action::Replace && planned.create_before_destroy;
        let deposed = plan.steps.iter().filter(is_deposed).map(|planned| planned.step.id.clone());
        let deposed = deposed.filter(|id| used.contains(id) && !kept.iter().any(|(kept, _)| kept == id));
        let found: Vec<_> = skipped.chain(deposed).collect();
        kept.extend(found.iter().map(|id| (id.clone(), user.clone())));
        users.extend(found);
    }
    kept
}

/// An unplanned step without a record may have been renamed: a removal of its type and region may be its resource.
fn keep_possibly_renamed(
    engine: &EngineContext<'_>,
    plan: &mut Plan,
    state: &State,
    unplanned: &[StepId],
) -> Vec<(StepId, StepId)> {
    let unrecorded = unplanned.iter().filter(|id| !state.steps.contains_key(*id));
    let unrecorded: Vec<&Step> = unrecorded.filter_map(|id| engine.graph.get(id)).collect();
    let mut kept = Vec::new();
    plan.removals.retain(|removal| {
        let may_be = |step: &&&Step| removal.record.kind == step.kind && removal.record.region == step.region;
        let step = unrecorded.iter().find(may_be).filter(|_| !removal.deposed);
        kept.extend(step.map(|step| (removal.id.clone(), step.id.clone())));
        step.is_none()
    });
    kept
}

fn recorded_dependencies<'a>(id: &StepId, state: &'a State) -> BTreeSet<&'a StepId> {
    let records = [state.steps.get(id), state.deposed.get(id)];
    let records = records.into_iter().flatten().map(|record| &record.dependencies);
    let intent = state.intents.get(id).map(|intent| &intent.dependencies);
    records.chain(intent).flatten().collect()
}

/// Removes from the plan the steps that have changed their region or type and whose old resource isn't deleted in this run: the
/// state records one resource for a step, so it would forget the old one. Their dependents are removed too. Returns all removed
/// steps, each with the step that moved.
pub(super) fn skip_moved(engine: &EngineContext<'_>, plan: &mut Plan, state: &State) -> Vec<(StepId, StepId)> {
    let deleted: BTreeSet<&StepId> =
        plan.removals.iter().filter(|removal| !removal.deposed).map(|removal| &removal.id).collect();
    let has_moved = |step: &Step| {
        let record = state.steps.get(&step.id).map(|record| (&record.kind, &record.region));
        let intent = state.intents.get(&step.id).map(|intent| (&intent.kind, &intent.region));
        let is_elsewhere = |(kind, region): (&String, &String)| !engine.is_same_place(kind, region, step);
        record.or(intent).is_some_and(is_elsewhere)
    };
    let planned: BTreeSet<&StepId> = plan.steps.iter().map(|planned| &planned.step.id).collect();
    let mut skipped: BTreeMap<StepId, StepId> = BTreeMap::new();
    for step in engine.graph.in_order().filter(|step| planned.contains(&step.id)) {
        let moved = (has_moved(step) && !deleted.contains(&step.id)).then_some(&step.id);
        let dependency = || step.dependencies().iter().find_map(|dependency| skipped.get(dependency).cloned());
        if let Some(moved) = moved.cloned().or_else(dependency) {
            skipped.insert(step.id.clone(), moved);
        }
    }
    plan.steps.retain(|planned| !skipped.contains_key(&planned.step.id));
    skipped.into_iter().collect()
}
