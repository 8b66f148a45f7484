//! Remembers what stands, for a state that is lost.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::plan::{EngineContext, Plan};
use super::step::StepId;
use crate::state::journal::Entry;
use crate::state::{Record, Session, StateError};

impl EngineContext<'_> {
    /// The same, taking what AWS keeps no tags of for the step's by its name: only for a system whose state is lost.
    pub fn taking_names(self) -> Self {
        EngineContext { takes_names: true, ..self }
    }

    /// Records every planned step that stands and isn't remembered, as AWS has it. Changes nothing there. Gives the steps.
    pub async fn remember(&self, plan: &Plan, session: &Session) -> Result<BTreeSet<StepId>, StateError> {
        let now = Timestamp::now();
        let standing = plan.steps.iter().filter_map(|planned| {
            // What is remembered already is known better than AWS tells.
            let observed = planned.observed.as_ref().filter(|_| {
                // Also one of another type or region.
                session.look(|state| !state.steps.contains_key(&planned.step.id))
            })?;
            let original = self.graph.get(&planned.step.id).unwrap_or(&planned.step);
            let record = Record {
                kind: planned.step.kind.to_owned(),
                region: planned.step.region.clone(),
                outputs: observed.outputs.clone(),
                spec: observed.spec.clone(),
                tags: planned.step.tags.clone(),
                dependencies: original.dependencies(),
                shared: planned.step.shared,
                created_at: now,
                updated_at: now,
            };
            Some((planned.step.id.clone(), record))
        });
        let standing: Vec<_> = standing.collect();
        let steps = standing.iter().map(|(step, _)| step.clone()).collect();
        session
            .record(standing.into_iter().map(|(step, record)| Entry::Done { step, record: Box::new(record) }))
            .await?;
        Ok(steps)
    }
}
