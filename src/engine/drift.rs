//! What has become other in AWS than it was left, whatever is wanted now. Reads, and changes nothing anywhere.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;

use super::diff::{FieldChange, diff};
use super::events::Event;
use super::operations::{StepError, Target};
use super::ownership::Provenance;
use super::plan::{EngineContext, READS, compare, refuse_unmanaged, step_of};
use super::step::StepId;
use crate::state::{Record, State};

/// A step that isn't as it was left.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// Which step.
    pub step: StepId,
    /// Its resource type.
    pub kind: String,
    /// It is gone from AWS.
    pub is_gone: bool,
    /// What is other: `old` is what was left, `new` what stands.
    pub changes: Vec<FieldChange>,
}

impl EngineContext<'_> {
    /// Looks at every remembered step that was selected. Gives what has drifted, and what can't be told.
    pub async fn drift(&self, state: &State) -> (Vec<Drift>, Vec<(StepId, StepError)>) {
        let remembered: Vec<_> = state.steps.iter().filter(|(id, _)| self.selection.names(id)).collect();
        let (total, observed) = (remembered.len(), AtomicUsize::new(0));
        let looks = remembered.into_iter().map(|(id, record)| {
            let observed = &observed;
            async move {
                let looked = self.look(id, record).await.map_err(|error| (id.clone(), error));
                let done = observed.fetch_add(1, Ordering::Relaxed) + 1;
                self.observer.on(Event::Observed { done, total });
                looked
            }
        });
        let looked: Vec<_> = futures::stream::iter(looks).buffered(READS).collect().await;
        let (mut drifted, mut failures) = (Vec::new(), Vec::new());
        for looked in looked {
            match looked {
                Ok(drift) => drifted.extend(drift),
                Err(failure) => failures.push(failure),
            }
        }
        (drifted, failures)
    }

    async fn look(&self, id: &StepId, record: &Record) -> Result<Option<Drift>, StepError> {
        let operations = self.provider.operations(&record.kind)?;
        let step = step_of(id, record, operations.type_info().kind);
        let observed = operations
            .observe(Target { step: &step, known: Some(&record.outputs), token: "", predecessor: None })
            .await?;
        let (is_gone, mut changes) = match &observed {
            None => (true, Vec::new()),
            Some(observed) => {
                refuse_unmanaged(self, &step, observed, Provenance::Recorded, false)?;
                let (_, changes) = compare(operations, &step, Some(observed), Some(record));
                let outputs = diff(&observed.outputs, &record.outputs, &|_| false).into_iter();
                let outputs = outputs.map(|change| FieldChange { path: format!("outputs.{}", change.path), ..change });
                (false, changes.into_iter().chain(outputs).collect())
            }
        };
        for change in &mut changes {
            // Compared was what is to be done about it.
            std::mem::swap(&mut change.old, &mut change.new);
        }
        let has_drifted = is_gone || !changes.is_empty();
        Ok(has_drifted.then(|| Drift { step: id.clone(), kind: record.kind.clone(), is_gone, changes }))
    }
}
