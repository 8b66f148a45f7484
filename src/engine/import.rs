//! Takes over what others have made: only what a person names, and nothing that is another system's.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::diff::FieldChange;
use super::operations::{Observed, StepError, Target};
use super::ownership::{Ownership, Provenance, STEP, SUFFIX, SYSTEM};
use super::plan::{self, Action, EngineContext};
use super::refusal::refused_changes;
use super::selection::no_step;
use super::step::{StepId, Tags};
use crate::state::journal::Entry;
use crate::state::{Record, Session};

/// What was taken over.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// Ids, ARNs, endpoints.
    pub outputs: Value,
    /// What the next apply does with it.
    pub next: Action,
    /// In which fields it differs from what is wanted.
    pub changes: Vec<FieldChange>,
}

impl EngineContext<'_> {
    /// Takes what stands in AWS under this id (an id, an ARN, a URL, a name) for a step: gives it the step's ownership tags,
    /// where it can carry any, and remembers it. Changes nothing else of it.
    ///
    /// # Errors
    /// There is no such step, or one that stands already; AWS knows nothing under this id; it is another step's, or another
    /// system's.
    pub async fn import(
        &self,
        id: &StepId,
        called: &str,
        may_replace: bool,
        session: &Session,
    ) -> Result<Imported, StepError> {
        let Some(original) = self.graph.get(id) else {
            let error = no_step(id, self.graph.in_order().map(|step| &step.id));
            let hint = error.hint.as_ref().map(|hint| format!("{hint} "));
            let help = format!("{}`provisioner graph` shows all of them", hint.unwrap_or_default());
            return Err(StepError::new(error.to_string()).with_help(help));
        };
        // What it remembers already may have lost its tags.
        let other = |record: &&Record| !is_called(&record.outputs, called);
        if let Some(record) = session.look(|state| state.steps.get(id).filter(other).cloned()) {
            let message = format!("{id} stands already: {}", plan::named(&record.outputs, &record.kind));
            let help = format!("`provisioner state rm {id}` forgets that one, and leaves it to you");
            return Err(StepError::new(message).with_help(help));
        }
        if session.look(|state| state.intents.contains_key(id)) {
            let help = format!("`provisioner apply --target {id}` finds out whether it stands, and goes on with it");
            return Err(StepError::new(format!("a run has announced to make {id}, and died over it")).with_help(help));
        }
        let operations = self.provider.operations(original.kind)?;
        let outputs: BTreeMap<_, _> =
            session.look(|state| state.steps.iter().map(|(id, record)| (id.clone(), record.outputs.clone())).collect());
        let step = plan::resolve(original, &outputs, operations)?;
        let is_this = |found: &Observed| is_called(&found.outputs, called);
        // By the name that the configuration gives it; else by what it is called.
        let named = operations.observe(Target { step: &step, known: None, token: "", predecessor: None }).await;
        let named = named.ok().flatten();
        let found = match named {
            Some(found) if is_this(&found) => Some(found),
            Some(found) if found.tags().is_some_and(|tags| self.owner.owns(&step, Provenance::Unknown, tags)) => {
                let message =
                    format!("{id} stands already, as its tags say: {}", plan::named(&found.outputs, step.kind));
                let help = "`provisioner recover` remembers that one; or delete it yourself, if it is the wrong one";
                return Err(StepError::new(message).with_help(help));
            }
            _ => {
                let known = operations.called(called);
                operations
                    .observe(Target { step: &step, known: Some(&known), token: "", predecessor: None })
                    .await?
                    .filter(is_this)
            }
        };
        let Some(observed) = found else {
            let message = format!("AWS knows no {} {called} in {} that can be this step", step.kind, step.region);
            let help = "give its id, its ARN, its URL or its name, as AWS shows it; what is found by its name alone must \
                        have the name that the configuration gives the step";
            return Err(StepError::new(message).with_help(help));
        };
        let ours = self.owner.tags(id, step.shared);
        let mut missing = Tags::new();
        if let Some(tags) = observed.tags() {
            let another = [SYSTEM, SUFFIX, STEP].iter().any(|key| tags.get(*key).is_some_and(|tag| *tag != ours[*key]));
            if another {
                let whose = [SYSTEM, SUFFIX, STEP].map(|key| tags.get(key).map_or("?", String::as_str)).join(" ");
                let help = "forget it there first (`provisioner state rm`), and take off its tags provisioner:system, \
                            provisioner:suffix and provisioner:step";
                return Err(StepError::new(format!("{called} is of another step: {whose}")).with_help(help));
            }
            missing.extend(ours.clone().into_iter().filter(|(key, _)| !tags.contains_key(key)));
        }
        let now = Timestamp::now();
        let record = Record {
            kind: step.kind.to_owned(),
            region: step.region.clone(),
            outputs: observed.outputs.clone(),
            spec: observed.spec.clone(),
            tags: ours,
            dependencies: original.dependencies(),
            shared: step.shared,
            created_at: now,
            updated_at: now,
        };
        let mut standing = observed;
        if let Ownership::Tagged(tags) = &mut standing.ownership {
            tags.extend(missing.clone());
        }
        let (next, changes) = plan::compare(operations, &step, Some(&standing), Some(&record));
        if next == Action::Replace && !may_replace {
            let forcing = changes.iter().filter(|change| change.forces_replacement).map(|change| change.path.as_str());
            let fields = forcing.collect::<Vec<_>>().join(", ");
            let message = format!("the next apply would delete {called} and make another: it differs in {fields}");
            let help = "let the configuration say what stands; or, if nobody needs that, give --allow-replacement";
            return Err(StepError::new(message).with_help(help));
        }
        if next == Action::Update
            && let Some(refused) = refused_changes(operations, &step, &standing, &changes)?.first()
        {
            let message = format!("every apply would refuse {called} as {refused}");
            let help = "nothing was changed: set the configuration to what the resource has";
            return Err(StepError::new(message).with_help(help));
        }
        if !missing.is_empty() {
            operations.tag(&step, &standing.outputs, &missing, &[]).await?;
        }
        let done = Entry::Done { step: id.clone(), record: Box::new(record) };
        session.record([done]).await.map_err(|error| StepError::new(error.to_string()))?;
        Ok(Imported { outputs: standing.outputs, next, changes })
    }
}

/// True if one of the outputs is what a person calls the thing.
fn is_called(outputs: &Value, called: &str) -> bool {
    let mut fields = outputs.as_object().into_iter().flat_map(|fields| fields.values());
    fields.any(|field| field == called)
}
