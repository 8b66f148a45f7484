//! Plans the removal of resources that are recorded and not desired.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use serde_json::Value;

use super::compare::differing_fields;
use super::context::EngineContext;
use super::error::StepError;
use super::operations::{Observed, Target};
use super::ownership::Provenance;
use super::plan::{Action, Planned, Removal};
use super::progress::{Progress, READS};
use super::step::{Step, StepId};
use super::unmanaged::check_managed;
use crate::state::{Record, State};

/// The removals, and the resources for which none can be planned.
pub(super) async fn plan(
    engine: &EngineContext<'_>,
    state: &State,
    progress: &Progress<'_>,
) -> (Vec<Removal>, Vec<(StepId, StepError)>) {
    let decided = undesired(engine, state).map(|undesired| async move {
        let id = undesired.id;
        let outcome = undesired.decide(engine, state).await;
        progress.advance();
        outcome.map_err(|error| (id.clone(), error))
    });
    let decided: Vec<_> = futures::stream::iter(decided).buffer_unordered(READS).collect().await;
    let (mut removals, mut failures) = (Vec::new(), Vec::new());
    for outcome in decided {
        match outcome {
            Ok(removal) => removals.push(removal),
            Err(failure) => failures.push(failure),
        }
    }
    removals.sort_by(|a, b| a.id.cmp(&b.id));
    leave_parts_of_shared_resources(&mut removals);
    (removals, failures)
}

/// A resource that is recorded and not desired.
pub(super) struct Undesired<'a> {
    id: &'a StepId,
    record: Record,
    deposed: bool,
}

/// The resources that are recorded and not desired, deposed objects and pending intents included.
pub(super) fn undesired<'a>(engine: &'a EngineContext<'_>, state: &'a State) -> impl Iterator<Item = Undesired<'a>> {
    let is_desired = |id: &StepId, kind: &str, region: &str| {
        engine.graph.get(id).is_some_and(|step| engine.is_same_place(kind, region, step))
    };
    let steps = state.steps.iter().filter(move |(id, record)| !is_desired(id, &record.kind, &record.region));
    let steps = steps.map(|(id, record)| Undesired { id, record: record.clone(), deposed: false });
    // The call of a pending intent in another region may have succeeded.
    let intents = state.intents.iter().filter(move |(id, intent)| !is_desired(id, &intent.kind, &intent.region));
    let intents = intents.filter(|(id, _)| !state.steps.contains_key(*id));
    let intents = intents.map(|(id, intent)| Undesired { id, record: intent.fulfilled(Value::Null), deposed: false });
    let deposed = state.deposed.iter().map(|(id, record)| Undesired { id, record: record.clone(), deposed: true });
    steps.chain(intents).chain(deposed)
}

impl Undesired<'_> {
    /// Observes the resource: it may be gone, or an unmanaged one may have taken its name.
    async fn decide(&self, engine: &EngineContext<'_>, state: &State) -> Result<Removal, StepError> {
        let Undesired { id, record, deposed } = self;
        let operations = engine.provider.operations(&record.kind)?;
        let info = operations.type_info();
        if *deposed && state.steps.get(*id).is_some_and(|current| current.outputs == record.outputs) {
            // AWS returned the old resource when it was asked for the new one: it is the current one.
            return Ok(self.removal(Action::Forget, None));
        }
        let step = Step::recorded(id, record, info.kind);
        let known = Some(&record.outputs).filter(|outputs| !outputs.is_null());
        let token = state.intents.get(*id).filter(|_| known.is_none()).map_or("", |intent| &intent.token);
        let predecessor = state.deposed.get(*id).filter(|_| !deposed).map(|record| &record.outputs);
        let target = Target { step: &step, known, token, predecessor };
        let (mut observed, mut is_recorded) = (operations.observe(target.clone()).await?, known.is_some());
        if observed.is_none() && is_recorded && !deposed {
            // The recorded resource is gone; one that was created since is this step's too.
            observed = operations.observe(Target { known: None, token: "", ..target }).await?;
            is_recorded = false;
        }
        let Some(observed) = observed else { return Ok(self.removal(Action::Forget, None)) };
        let provenance = match (is_recorded, info.no_tag_on_create) {
            (true, _) => Provenance::Recorded,
            (false, true) => Provenance::Intended,
            (false, false) => Provenance::Unknown,
        };
        let by_name = !is_recorded && differing_fields(operations, &step, &observed).is_empty();
        let action = match check_managed(engine, &step, &observed, provenance, by_name) {
            // An unmanaged resource has the name of the intended one: that was never created.
            Err(_) if !is_recorded => Action::Forget,
            Err(error) => return Err(error),
            Ok(()) if record.shared && engine.is_used_by_others(&observed) => Action::Leave,
            Ok(()) => Action::Delete,
        };
        Ok(self.removal(action, Some(observed)))
    }

    fn removal(&self, action: Action, observed: Option<Observed>) -> Removal {
        let mut record = self.record.clone();
        if let Some(observed) = observed {
            record.outputs = observed.outputs;
        }
        Removal { id: self.id.clone(), record, action, deposed: self.deposed, renamed_to: None }
    }
}

/// A part of a shared resource carries no use marks: it stays as long as the resource does.
fn leave_parts_of_shared_resources(removals: &mut [Removal]) {
    loop {
        let left: BTreeSet<StepId> = removals
            .iter()
            .filter(|removal| removal.action == Action::Leave)
            .map(|removal| removal.id.clone())
            .collect();
        let is_part = |removal: &&mut Removal| {
            let shared = removal.record.shared && removal.action == Action::Delete;
            shared && !removal.record.dependencies.is_disjoint(&left)
        };
        let mut parts = removals.iter_mut().filter(is_part).peekable();
        if parts.peek().is_none() {
            return;
        }
        parts.for_each(|part| part.action = Action::Leave);
    }
}

/// Keeps a resource whose step was renamed: it is recorded under the old name and observed for a step of the new one.
pub(super) fn forget_renamed(
    engine: &EngineContext<'_>,
    removals: &mut [Removal],
    planned: &BTreeMap<StepId, Planned>,
) {
    for removal in removals {
        let Record { kind, region, outputs, spec, .. } = &removal.record;
        let is_same = |planned: &Planned| {
            let is_it = |observed: &Observed| {
                // The specs tell resources without tags apart.
                observed.outputs == *outputs || (observed.tags().is_none() && planned.step.spec == *spec)
            };
            engine.is_same_place(kind, region, &planned.step) && planned.observed.as_ref().is_some_and(is_it)
        };
        let same = planned.values().find(|planned| !outputs.is_null() && is_same(planned));
        if let Some(same) = same.filter(|same| !removal.deposed || same.step.id != removal.id) {
            removal.action = Action::Forget;
            removal.renamed_to = Some(same.step.id.clone());
        }
    }
}
