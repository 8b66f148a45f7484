//! Changes that AWS can't make while the resource exists. `plan` shows them; `apply` refuses to start with one.

use std::fmt;

use super::diff::{FieldChange, show};
use super::error::StepError;
use super::operations::{Observed, Operations};
use super::reference;
use super::step::{Step, StepId};
use super::type_info::Refusal;

/// A change that can't be made while the resource exists.
#[derive(Clone, Debug, PartialEq)]
pub struct RefusedChange {
    /// The step.
    pub step: StepId,
    /// The field with its actual and desired value.
    pub change: FieldChange,
    /// What to do instead.
    pub advice: String,
}

impl RefusedChange {
    /// The error of the step.
    pub fn error(&self) -> StepError {
        StepError::new(self.message()).with_help(self.advice.clone())
    }

    fn message(&self) -> String {
        let FieldChange { path, old, new, .. } = &self.change;
        let (old, new) = (show(old.as_ref()), show(new.as_ref()));
        format!("{path} can't change from {old} to {new} while the resource exists")
    }
}

impl fmt::Display for RefusedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.message())
    }
}

/// The changes of an update that can't be made in place: changes of immutable fields, and transitions that the type refuses. A
/// value that isn't known yet may turn out to be the actual one: it is checked again before the step is updated.
pub(super) fn refused_changes(
    operations: &dyn Operations,
    step: &Step,
    observed: &Observed,
    changes: &[FieldChange],
) -> Result<Vec<RefusedChange>, StepError> {
    let info = operations.type_info();
    let is_known = |change: &&FieldChange| !change.new.as_ref().is_some_and(reference::is_unknown);
    let known = || changes.iter().filter(is_known);
    let refused = |change: &FieldChange, advice: &str| RefusedChange {
        step: step.id.clone(),
        change: change.clone(),
        advice: advice.to_owned(),
    };
    let immutable = known().filter_map(|change| Some(refused(change, info.immutable(change.field())?.advice)));
    let mut all: Vec<_> = immutable.collect();
    if let Some(Refusal { field, advice }) = operations.check_transition(&step.spec, &observed.spec)? {
        let is_listed = all.iter().any(|refused| refused.change.field() == field);
        let changed = known().filter(|change| change.field() == field && !is_listed);
        all.extend(changed.map(|change| refused(change, &advice)));
    }
    Ok(all)
}

/// One error for all refused changes, if there are any.
pub fn check(refusals: &[RefusedChange]) -> Result<(), StepError> {
    if refusals.is_empty() {
        return Ok(());
    }
    let messages: Vec<_> = refusals.iter().map(ToString::to_string).collect();
    let mut advice: Vec<&str> = Vec::new();
    for refused in refusals {
        if !advice.contains(&refused.advice.as_str()) {
            advice.push(&refused.advice);
        }
    }
    Err(StepError::new(messages.join("; ")).with_help(format!("nothing was changed. {}", advice.join("; "))))
}
