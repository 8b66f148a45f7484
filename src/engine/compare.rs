//! Compares the desired spec and tags of a step with the actual ones.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::diff::{FieldChange, diff};
use super::error::StepError;
use super::operations::{Observed, Operations};
use super::plan::Action;
use super::reference::{self, Reference};
use super::step::{Step, StepId, Tags};
use crate::state::Record;

/// The step with its references resolved as far as the outputs are known.
pub(super) fn resolve(
    step: &Step,
    outputs: &BTreeMap<StepId, Value>,
    operations: &dyn Operations,
) -> Result<Step, StepError> {
    let lookup = |reference: &Reference| {
        let value = outputs.get(&reference.step)?.get(&reference.field)?;
        value.as_str().map(str::to_owned)
    };
    let spec = operations.canonical(&reference::resolve(&step.spec, &lookup))?;
    Ok(Step { spec, ..step.clone() })
}

/// The action for a step and the fields that differ.
pub(super) fn compare(
    operations: &dyn Operations,
    step: &Step,
    observed: Option<&Observed>,
    record: Option<&Record>,
) -> (Action, Vec<FieldChange>) {
    let Some(observed) = observed else { return (Action::Create, Vec::new()) };
    let mut changes = differing_fields(operations, step, observed);
    if let Some(record) = record {
        let write_only = |spec: &Value| split(spec, operations).1;
        changes.extend(diff(&write_only(&record.spec), &write_only(&step.spec), &forces_replacement(operations)));
    }
    changes.extend(tag_changes(step, observed, record));
    let action = if changes.iter().any(|change| change.forces_replacement) {
        Action::Replace
    } else if !changes.is_empty() {
        Action::Update
    } else if record.is_none() {
        Action::Adopt
    } else {
        Action::Unchanged
    };
    (action, changes)
}

/// Readable fields whose actual value differs from the desired one (tags excluded).
pub(super) fn differing_fields(operations: &dyn Operations, step: &Step, observed: &Observed) -> Vec<FieldChange> {
    let readable = |spec: &Value| split(spec, operations).0;
    diff(&readable(&observed.spec), &readable(&step.spec), &forces_replacement(operations))
}

fn forces_replacement(operations: &dyn Operations) -> impl Fn(&str) -> bool {
    let info = operations.type_info();
    move |field| info.forces_replacement(field)
}

/// The readable and the write-only fields of a spec.
fn split(spec: &Value, operations: &dyn Operations) -> (Value, Value) {
    let Value::Object(fields) = spec else { return (spec.clone(), Value::Null) };
    let info = operations.type_info();
    let (write_only, readable): (Vec<_>, Vec<_>) =
        fields.clone().into_iter().partition(|(field, _)| info.is_write_only(field));
    (Value::Object(readable.into_iter().collect()), Value::Object(write_only.into_iter().collect()))
}

/// Desired tags that are missing or differ, and tags that an earlier run set and that aren't desired any more. Other tags
/// aren't ours.
fn tag_changes(step: &Step, observed: &Observed, record: Option<&Record>) -> Vec<FieldChange> {
    let Some(actual) = observed.tags() else { return Vec::new() };
    let recorded = record.into_iter().flat_map(|record| record.tags.keys());
    let keys: BTreeSet<&String> = step.tags.keys().chain(recorded).collect();
    // The descriptive tags of a shared resource are those of the deployment that created it.
    let keys = keys.into_iter().filter(|key| !step.shared || key.starts_with("provisioner:"));
    let changed = keys.filter(|key| actual.get(*key) != step.tags.get(*key));
    let value = |tags: &Tags, key: &String| tags.get(key).cloned().map(Value::String);
    changed
        .map(|key| FieldChange {
            path: format!("tags.{key}"),
            old: value(actual, key),
            new: value(&step.tags, key),
            forces_replacement: false,
        })
        .collect()
}
