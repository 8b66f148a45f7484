//! Imports an unmanaged resource: records it for a step and gives it the ownership tags.

use std::collections::BTreeMap;

use serde_json::Value;

use super::advice::Advice;
use super::compare::{compare, resolve};
use super::context::EngineContext;
use super::diff::FieldChange;
use super::error::StepError;
use super::operations::{Observed, Operations, Target};
use super::ownership::{Ownership, Provenance, STEP, SUFFIX, SYSTEM};
use super::plan::Action;
use super::refusal::refused_changes;
use super::selection::similar_step;
use super::step::{Step, StepId, Tags};
use super::unmanaged::display_name;
use crate::state::journal::Entry;
use crate::state::{Record, Session};

/// An imported resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// Ids, ARNs, endpoints.
    pub outputs: Value,
    /// What the next apply does with it.
    pub next: Action,
    /// The fields that differ from the desired ones.
    pub changes: Vec<FieldChange>,
}

impl EngineContext<'_> {
    /// Records the resource with this identifier (id, ARN, URL or name) for a step. Gives it the step's ownership tags if it can
    /// carry tags, and changes nothing else.
    ///
    /// # Errors
    /// There is no such step, or it has a resource already; AWS knows no such resource; the resource belongs to another step or
    /// deployment; the next apply would refuse or (without `may_replace`) replace it.
    pub async fn import(
        &self,
        id: &StepId,
        identifier: &str,
        may_replace: bool,
        session: &Session,
    ) -> Result<Imported, StepError> {
        let Some(desired) = self.graph.get(id) else {
            let similar = similar_step(id, self.graph.in_order().map(|step| &step.id));
            return Err(StepError::new(format!("there is no step {id}")).with_advice(Advice::ListSteps { similar }));
        };
        check_unrecorded(id, identifier, session)?;
        let operations = self.provider.operations(desired.kind)?;
        let outputs: BTreeMap<_, _> =
            session.read(|state| state.steps.iter().map(|(id, record)| (id.clone(), record.outputs.clone())).collect());
        let step = resolve(desired, &outputs, operations)?;
        let observed = self.find_unmanaged(operations, &step, identifier).await?;
        let ours = self.owner.tags(id, step.shared);
        let missing = missing_tags(&observed, &ours, identifier)?;
        let record = step.record(observed.outputs.clone(), desired.dependencies());
        let record = Record { spec: observed.spec.clone(), tags: ours, ..record };
        let mut tagged = observed;
        if let Ownership::Tagged(tags) = &mut tagged.ownership {
            tags.extend(missing.clone());
        }
        let (next, changes) = compare(operations, &step, Some(&tagged), Some(&record));
        match next {
            Action::Replace if !may_replace => {
                let forcing = changes.iter().filter(|change| change.forces_replacement);
                let fields = forcing.map(|change| change.path.as_str()).collect::<Vec<_>>().join(", ");
                let message = format!("the next apply would replace {identifier}: it differs in {fields}");
                return Err(StepError::new(message).with_advice(Advice::MatchConfiguration));
            }
            Action::Update => {
                if let Some(refused) = refused_changes(operations, &step, &tagged, &changes)?.first() {
                    let message = format!("the next apply would fail with {identifier}: {refused}");
                    return Err(StepError::new(message).with_advice(Advice::MatchImmutable));
                }
            }
            _ => {}
        }
        if !missing.is_empty() {
            operations.tag(&step, &tagged.outputs, &missing, &[]).await?;
        }
        session.record([Entry::Done { step: id.clone(), record: Box::new(record) }]).await?;
        Ok(Imported { outputs: tagged.outputs, next, changes })
    }

    /// The resource with this identifier: by the name that the configuration gives the step, else by the identifier.
    async fn find_unmanaged(
        &self,
        operations: &dyn Operations,
        step: &Step,
        identifier: &str,
    ) -> Result<Observed, StepError> {
        let is_it = |found: &Observed| is_identified_by(&found.outputs, identifier);
        let target = Target { step, known: None, token: "", predecessor: None };
        let named = operations.observe(target.clone()).await.ok().flatten();
        if let Some(named) = named {
            if is_it(&named) {
                return Ok(named);
            }
            if named.tags().is_some_and(|tags| self.owner.owns(step, Provenance::Unknown, tags)) {
                let resource = display_name(&named.outputs, step.kind);
                let message = format!("{} has a resource already, by its tags: {resource}", step.id);
                return Err(StepError::new(message).with_advice(Advice::RecoverTagged));
            }
        }
        let outputs = operations.outputs_for(identifier);
        let found = operations.observe(Target { known: Some(&outputs), ..target }).await?;
        found.filter(is_it).ok_or_else(|| {
            let message = format!("AWS knows no {} {identifier} in {} that can be this step", step.kind, step.region);
            StepError::new(message).with_advice(Advice::CheckIdentifier)
        })
    }
}

/// Refuses a step that has another resource, or may have one. The recorded resource can be imported again: it may have lost its
/// tags.
fn check_unrecorded(id: &StepId, identifier: &str, session: &Session) -> Result<(), StepError> {
    let is_other = |record: &&Record| !is_identified_by(&record.outputs, identifier);
    if let Some(record) = session.read(|state| state.steps.get(id).filter(is_other).cloned()) {
        let message = format!("{id} has a resource already: {}", display_name(&record.outputs, &record.kind));
        return Err(StepError::new(message).with_advice(Advice::RemoveFromState(id.clone())));
    }
    if session.read(|state| state.intents.contains_key(id)) {
        let message = format!("{id} has a pending intent: an earlier run may have created its resource");
        return Err(StepError::new(message).with_advice(Advice::ResolveIntent(id.clone())));
    }
    Ok(())
}

/// The ownership tags that the resource lacks.
fn missing_tags(observed: &Observed, ours: &Tags, identifier: &str) -> Result<Tags, StepError> {
    let Some(tags) = observed.tags() else { return Ok(Tags::new()) };
    let is_other = [SYSTEM, SUFFIX, STEP].iter().any(|key| tags.get(*key).is_some_and(|tag| *tag != ours[*key]));
    if is_other {
        let owner = [SYSTEM, SUFFIX, STEP].map(|key| tags.get(key).map_or("?", String::as_str)).join(" ");
        let message = format!("{identifier} belongs to another step: {owner}");
        return Err(StepError::new(message).with_advice(Advice::ReleaseFromOther));
    }
    Ok(ours.clone().into_iter().filter(|(key, _)| !tags.contains_key(key)).collect())
}

/// True if one of the outputs is this identifier.
fn is_identified_by(outputs: &Value, identifier: &str) -> bool {
    let mut fields = outputs.as_object().into_iter().flat_map(|fields| fields.values());
    fields.any(|field| field == identifier)
}
