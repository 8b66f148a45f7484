//! Rebuilds a lost state from the actual resources.

use std::collections::BTreeSet;

use super::context::EngineContext;
use super::plan::{Plan, Planned};
use super::step::StepId;
use crate::state::journal::Entry;
use crate::state::{Record, Session, StateError};

impl EngineContext<'_> {
    /// Records every planned step whose resource exists and isn't recorded yet, with its actual spec. Changes nothing in AWS.
    /// Returns the steps.
    pub async fn record_existing(&self, plan: &Plan, session: &Session) -> Result<BTreeSet<StepId>, StateError> {
        // A record of another type or region counts too: the next apply replaces it.
        let is_recorded = |planned: &&Planned| session.read(|state| state.steps.contains_key(&planned.step.id));
        let unrecorded = plan.steps.iter().filter(|planned| !is_recorded(planned));
        let found: Vec<_> = unrecorded.filter_map(|planned| self.found(planned)).collect();
        let steps = found.iter().map(|(step, _)| step.clone()).collect();
        let entries = found.into_iter().map(|(step, record)| Entry::Done { step, record: Box::new(record) });
        session.record(entries).await?;
        Ok(steps)
    }

    fn found(&self, planned: &Planned) -> Option<(StepId, Record)> {
        let (step, observed) = (&planned.step, planned.observed.as_ref()?);
        // The planned step has its references resolved.
        let dependencies = self.graph.get(&step.id).unwrap_or(step).dependencies();
        let record = step.record(observed.outputs.clone(), dependencies);
        Some((step.id.clone(), Record { spec: observed.spec.clone(), ..record }))
    }
}
