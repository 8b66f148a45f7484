//! Protects unmanaged resources: one with our name that isn't ours is never adopted, changed or deleted.

use serde_json::Value;

use super::advice::Advice;
use super::context::EngineContext;
use super::error::StepError;
use super::operations::Observed;
use super::ownership::{self, Ownership, Provenance};
use super::step::{Step, StepId};

/// Refuses a resource that isn't the step's. `by_name`: one that only the state can identify is the step's by its name.
pub(super) fn check_managed(
    engine: &EngineContext<'_>,
    step: &Step,
    observed: &Observed,
    provenance: Provenance,
    by_name: bool,
) -> Result<(), StepError> {
    let is_ours = match &observed.ownership {
        Ownership::Tagged(tags) => engine.owner.owns(step, provenance, tags),
        Ownership::Child => true,
        Ownership::NameOnly => provenance == Provenance::Recorded || by_name,
    };
    if is_ours {
        return Ok(());
    }
    let resource = display_name(&observed.outputs, step.kind);
    if let Some(other) = owning_step(engine, step, observed) {
        let message = format!("{resource} belongs to the step {other}: two steps can't share one resource");
        return Err(StepError::new(message).with_advice(Advice::RenameStep));
    }
    if let Some(former) = former_step(engine, observed) {
        let message = format!("{resource} belongs to the step {former} of this deployment, which no longer exists");
        return Err(StepError::new(message).with_advice(Advice::RecordRename { former, step: step.id.clone() }));
    }
    let advice = Advice::ResolveUnmanaged { step: step.id.clone(), resource: resource.to_owned() };
    Err(StepError::new(format!("{resource} exists already and is unmanaged")).with_advice(advice))
}

/// Another desired step that the tags of the resource name.
fn owning_step<'a>(engine: &'a EngineContext<'_>, step: &Step, observed: &Observed) -> Option<&'a StepId> {
    let tags = observed.tags()?;
    let tagged = StepId::from(tags.get(ownership::STEP)?.as_str());
    let other = engine.graph.get(&tagged).filter(|other| other.id != step.id && other.kind == step.kind)?;
    engine.owner.owns(other, Provenance::Unknown, tags).then_some(&other.id)
}

/// The step of this deployment that the tags of the resource name, if it isn't desired any more: it was renamed or removed.
fn former_step(engine: &EngineContext<'_>, observed: &Observed) -> Option<StepId> {
    let tags = observed.tags()?;
    let former = StepId::from(tags.get(ownership::STEP)?.as_str());
    (engine.owner.is_deployment(tags) && engine.graph.get(&former).is_none()).then_some(former)
}

/// The name of a resource for people: its ARN, name, URL or first output.
pub(super) fn display_name<'a>(outputs: &'a Value, kind: &'a str) -> &'a str {
    let fields = || outputs.as_object().into_iter().flat_map(|fields| fields.values()).find_map(Value::as_str);
    ["arn", "name", "url"].iter().find_map(|field| outputs[*field].as_str()).or_else(fields).unwrap_or(kind)
}
