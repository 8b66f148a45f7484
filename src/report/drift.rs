//! What stands otherwise than it was left, as people and programs read it.

use std::fmt::Write;

use console::style;
use serde_json::{Value, json};

use super::advice::{self, CommandLine};
use super::plan::{failure, short};
use super::words;
use crate::engine::diff::show;
use crate::engine::drift::Drift;
use crate::engine::{StepError, StepId};

/// A step a paragraph, empty if nothing has drifted.
pub fn text(drifted: &[Drift], failures: &[(StepId, StepError)], command: CommandLine<'_>) -> String {
    let mut text = String::new();
    for drift in drifted {
        let kind = style(format!("[{}]", drift.kind)).dim();
        if drift.is_gone {
            let _ = writeln!(text, "{} {kind} is gone from AWS", style(format!("- {}", drift.step)).red());
        } else {
            let _ = writeln!(text, "{} {kind}", style(format!("~ {}", drift.step)).yellow());
        }
        for change in &drift.changes {
            let (left, stands) = (short(change.old.as_ref()), short(change.new.as_ref()));
            let _ = writeln!(text, "      {}: was left as {left}, is {stands}", change.path);
        }
    }
    for (step, error) in failures {
        let _ = writeln!(text, "{} {step}: {}", style("can't be told:").red(), words::step_error(error));
        if let Some(help) = advice::of(error, command) {
            let _ = writeln!(text, "    → {help}");
        }
    }
    text
}

/// One JSON object a step.
pub fn objects(drifted: &[Drift], failures: &[(StepId, StepError)], command: CommandLine<'_>) -> Vec<Value> {
    let drifted = drifted.iter().map(|drift| {
        let changes = drift.changes.iter().map(|change| {
            json!({
                "field": change.path, "left": change.old.as_ref().map(|v| show(Some(v))),
                "stands": change.new.as_ref().map(|v| show(Some(v))),
            })
        });
        let changes: Vec<Value> = changes.collect();
        json!({"type": "drift", "step": drift.step, "kind": drift.kind, "gone": drift.is_gone, "changes": changes})
    });
    drifted.chain(failures.iter().map(|(step, error)| failure("drift_failed", step, error, command))).collect()
}
