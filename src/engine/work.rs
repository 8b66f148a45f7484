//! The work of an execution: its actions, and what each of them waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::advice::Advice;
use super::context::EngineContext;
use super::error::StepError;
use super::operations::Observed;
use super::plan::{Action, Plan, Planned, Removal};
use super::schedule::{self, Node};
use super::step::{Step, StepId};
use crate::state::Record;

/// The errors of steps that wait for each other.
pub(super) type CycleErrors = Vec<(StepId, StepError)>;

/// One piece of work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    /// Create, update or record a step.
    Act(StepId),
    /// Delete a resource that isn't desired, or the old one of a step that is deleted before it is recreated.
    Remove(StepId),
    /// Delete the deposed object of a step after its replacement.
    RemoveDeposed(StepId),
}

impl Work {
    pub fn id(&self) -> &StepId {
        match self {
            Work::Act(id) | Work::Remove(id) | Work::RemoveDeposed(id) => id,
        }
    }
}

/// All work of an execution.
pub(super) struct WorkList {
    /// The desired steps.
    pub steps: BTreeMap<StepId, Planned>,
    /// The resources that are deleted: not desired, or deleted before they are recreated.
    pub removals: BTreeMap<StepId, Removal>,
    /// The deposed objects: deleted after their replacement is created and used.
    pub deposed: BTreeMap<StepId, Removal>,
    /// Steps whose deposed object stays: a later run deletes it.
    kept: BTreeSet<StepId>,
}

impl WorkList {
    pub fn new(plan: Plan, kept: BTreeSet<StepId>) -> Self {
        let (mut removals, mut deposed) = (BTreeMap::new(), BTreeMap::new());
        for removal in plan.removals {
            let list = if removal.deposed { &mut deposed } else { &mut removals };
            list.insert(removal.id.clone(), removal);
        }
        let mut steps = BTreeMap::new();
        for planned in plan.steps {
            let id = planned.step.id.clone();
            if let (Some(observed), Action::Replace) = (&planned.observed, planned.action) {
                let old = replaced_resource(&planned, observed);
                if planned.create_before_destroy { &mut deposed } else { &mut removals }.insert(id.clone(), old);
            }
            steps.insert(id, planned);
        }
        WorkList { steps, removals, deposed, kept }
    }

    /// The steps of all work.
    pub fn ids(&self) -> impl Iterator<Item = &StepId> {
        let deposed = self.deposed.keys().filter(|id| !self.kept.contains(*id));
        self.steps.keys().chain(self.removals.keys()).chain(deposed)
    }

    /// The work and what each piece waits for, or the errors of the steps that wait for each other.
    pub fn nodes(&self, engine: &EngineContext<'_>) -> Result<BTreeMap<Work, Node<Work>>, CycleErrors> {
        let cautious = self.nodes_after(engine, true);
        if schedule::cycles(&cautious).is_empty() {
            return Ok(cautious);
        }
        let nodes = self.nodes_after(engine, false);
        let cycles = schedule::cycles(&nodes);
        if cycles.is_empty() { Ok(nodes) } else { Err(cycles.iter().map(|cycle| self.cycle_error(cycle)).collect()) }
    }

    /// A step waits for its dependencies, and for the deletion of its old resource if that comes first. A deletion waits until
    /// every user of the resource is deleted or uses something else. With `unobserved` that includes users that don't exist as
    /// far as AWS says: they may appear later.
    fn nodes_after(&self, engine: &EngineContext<'_>, unobserved: bool) -> BTreeMap<Work, Node<Work>> {
        let typical_time = |kind: &str| {
            let operations = engine.provider.operations(kind);
            operations.map_or(Duration::ZERO, |operations| operations.type_info().typical_create_time)
        };
        let mut nodes = BTreeMap::new();
        for (id, planned) in &self.steps {
            let resolved = planned.step.dependencies();
            // The planned step has some references resolved; the one in the graph has all of them.
            let desired = engine.graph.get(id).map(Step::dependencies).unwrap_or_default();
            let old = self.removals.contains_key(id).then(|| Work::Remove(id.clone()));
            let needs = resolved.into_iter().chain(desired).map(Work::Act).chain(old).collect();
            let typical_time = match planned.action {
                Action::Create | Action::Replace => typical_time(planned.step.kind),
                _ => Duration::from_secs(1),
            };
            nodes.insert(Work::Act(id.clone()), Node { needs, typical_time });
        }
        let deposed = self.deposed.iter().filter(|(id, _)| !self.kept.contains(*id)).map(|(id, r)| (id, r, true));
        for (id, removal, deposed) in self.removals.iter().map(|(id, r)| (id, r, false)).chain(deposed) {
            let needs = self.removal_needs(removal, deposed, unobserved);
            let work = if deposed { Work::RemoveDeposed(id.clone()) } else { Work::Remove(id.clone()) };
            nodes.insert(work, Node { needs, typical_time: typical_time(&removal.record.kind) / 2 });
        }
        nodes
    }

    fn removal_needs(&self, removal: &Removal, deposed: bool, unobserved: bool) -> BTreeSet<Work> {
        let id = &removal.id;
        let is_desired = self.steps.contains_key(id);
        let renamed = removal.renamed_to.clone().filter(|other| self.steps.contains_key(other));
        let mut needs: BTreeSet<Work> = renamed.map(Work::Act).into_iter().collect();
        for user in self.users(id, unobserved) {
            if self.removals.contains_key(&user) {
                needs.insert(Work::Remove(user.clone()));
            }
            if self.deposed.contains_key(&user) {
                needs.insert(Work::RemoveDeposed(user.clone()));
            }
            // A user that stays has to use something else first. It can't if the resource is deleted before it is recreated:
            // the new one doesn't exist yet.
            let is_recreated = !deposed && is_desired;
            if self.steps.contains_key(&user) && !is_recreated && !self.removals.contains_key(&user) {
                needs.insert(Work::Act(user));
            }
        }
        if deposed && is_desired {
            needs.insert(Work::Act(id.clone()));
        }
        needs
    }

    /// The steps that use a resource according to their records.
    fn users(&self, id: &StepId, unobserved: bool) -> Vec<StepId> {
        let removed = self.removals.values().chain(self.deposed.values());
        let removed = removed.map(|removal| (&removal.id, &removal.record.dependencies));
        let existing = self.steps.iter().filter(|(_, planned)| unobserved || planned.observed.is_some());
        let existing = existing.map(|(id, planned)| (id, &planned.used));
        let all = removed.chain(existing).filter(|(user, used)| *user != id && used.contains(id));
        all.map(|(user, _)| user.clone()).collect()
    }

    /// The error of steps that wait for each other: one of them uses a resource that can only be deleted after it has changed,
    /// and can only change after that deletion.
    fn cycle_error(&self, cycle: &[Work]) -> (StepId, StepError) {
        let members: BTreeSet<&StepId> = cycle.iter().map(Work::id).collect();
        let names: Vec<&str> = members.iter().map(|id| id.0.as_str()).collect();
        let exists = |id: &&&StepId| self.steps.get(*id).is_some_and(|planned| planned.observed.is_some());
        let dependents = members.iter().filter(exists).filter(|id| !self.removals.contains_key(**id));
        let dependents: Vec<StepId> = dependents.map(|id| (*id).clone()).collect();
        let step = dependents.first().cloned().unwrap_or_else(|| cycle[0].id().clone());
        let message =
            format!("{} wait for each other: each can only change or be deleted after another one", names.join(", "));
        (step, StepError::new(message).with_advice(Advice::SplitChange { dependents }))
    }
}

/// The present resource of a step, as the removal that its replacement makes of it.
pub(super) fn replaced_resource(planned: &Planned, observed: &Observed) -> Removal {
    let unrecorded = || {
        let record = planned.step.record(observed.outputs.clone(), planned.used.clone());
        Record { spec: observed.spec.clone(), ..record }
    };
    let record = planned.record.clone().unwrap_or_else(unrecorded);
    let record = Record { outputs: observed.outputs.clone(), ..record };
    Removal { id: planned.step.id.clone(), record, action: Action::Delete, deposed: false, renamed_to: None }
}
