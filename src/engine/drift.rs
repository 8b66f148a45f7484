//! Finds drift: how the actual resources differ from the recorded ones, whatever is desired. Changes nothing.

use futures::StreamExt;

use super::compare::compare;
use super::context::EngineContext;
use super::diff::{FieldChange, diff};
use super::error::StepError;
use super::operations::Target;
use super::ownership::Provenance;
use super::progress::{Progress, READS};
use super::step::{Step, StepId};
use super::unmanaged::check_managed;
use crate::state::{Record, State};

/// A step whose resource differs from its record.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// The step.
    pub step: StepId,
    /// The resource type.
    pub kind: String,
    /// The resource doesn't exist any more.
    pub is_gone: bool,
    /// The fields that differ: `old` is recorded, `new` is actual.
    pub changes: Vec<FieldChange>,
}

impl EngineContext<'_> {
    /// Observes every recorded and selected step. Returns those that drifted, and those that can't be read.
    pub async fn drift(&self, state: &State) -> (Vec<Drift>, Vec<(StepId, StepError)>) {
        let recorded: Vec<_> = state.steps.iter().filter(|(id, _)| self.selection.contains(id)).collect();
        let progress = Progress::new(self.observer, recorded.len());
        let checks = recorded.into_iter().map(|(id, record)| {
            let progress = &progress;
            async move {
                let checked = self.drift_of(id, record).await.map_err(|error| (id.clone(), error));
                progress.advance();
                checked
            }
        });
        let checked: Vec<_> = futures::stream::iter(checks).buffered(READS).collect().await;
        let (mut drifted, mut failures) = (Vec::new(), Vec::new());
        for checked in checked {
            match checked {
                Ok(drift) => drifted.extend(drift),
                Err(failure) => failures.push(failure),
            }
        }
        (drifted, failures)
    }

    async fn drift_of(&self, id: &StepId, record: &Record) -> Result<Option<Drift>, StepError> {
        let operations = self.provider.operations(&record.kind)?;
        let step = Step::recorded(id, record, operations.type_info().kind);
        let target = Target { step: &step, known: Some(&record.outputs), token: "", predecessor: None };
        let drift = |is_gone, changes| Drift { step: id.clone(), kind: record.kind.clone(), is_gone, changes };
        let Some(observed) = operations.observe(target).await? else { return Ok(Some(drift(true, Vec::new()))) };
        check_managed(self, &step, &observed, Provenance::Recorded, false)?;
        // The comparison is that of an apply back to the record: its old values are the actual ones.
        let (_, changes) = compare(operations, &step, Some(&observed), Some(record));
        let outputs = diff(&observed.outputs, &record.outputs, &|_| false).into_iter();
        let outputs = outputs.map(|change| FieldChange { path: format!("outputs.{}", change.path), ..change });
        let reversed = |change: FieldChange| FieldChange { old: change.new, new: change.old, ..change };
        let changes: Vec<_> = changes.into_iter().chain(outputs).map(reversed).collect();
        Ok((!changes.is_empty()).then(|| drift(false, changes)))
    }
}
