//! A plan, as a tree of modules and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use console::style;
use serde_json::{Value, json};

use super::advice::{self, CommandLine};
use super::words;
use crate::engine::diff::show;
use crate::engine::plan::{Planned, Removal};
use crate::engine::{Action, FieldChange, Plan, Provider, StepError, StepId};

/// The plan as text; empty without changes.
pub fn tree(plan: &Plan, provider: &dyn Provider, command: CommandLine<'_>) -> String {
    let mut modules: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for planned in plan.steps.iter().filter(|planned| planned.action != Action::Unchanged) {
        modules.entry(planned.step.id.module()).or_default().push(planned_lines(planned, provider));
    }
    for removal in &plan.removals {
        modules.entry(removal.id.module()).or_default().push(removal_lines(removal));
    }
    let mut text = String::new();
    for (module, lines) in modules {
        let _ = writeln!(text, "{}", style(if module.is_empty() { "." } else { module }).bold());
        lines.iter().for_each(|line| text.push_str(line));
    }
    for (id, error) in &plan.failures {
        let _ = writeln!(text, "{} {id}: {}", style("can't plan").red(), words::step_error(error));
        if let Some(help) = advice::of(error, command) {
            let _ = writeln!(text, "    → {help}");
        }
    }
    for refused in &plan.refusals {
        let _ = writeln!(text, "{} {refused}", style("refused:").red());
        let _ = writeln!(text, "    → {}", refused.advice);
    }
    for (id, dependency) in &plan.blocked {
        let _ = writeln!(text, "{} {id}: it depends on {dependency}", style("can't plan").red());
    }
    text
}

fn coloured(action: Action, text: String) -> String {
    let text = style(text);
    match action {
        Action::Create | Action::Adopt => text.green(),
        Action::Update => text.yellow(),
        Action::Replace => text.magenta(),
        Action::Delete => text.red(),
        _ => text.dim(),
    }
    .to_string()
}

fn planned_lines(planned: &Planned, provider: &dyn Provider) -> String {
    let (step, action) = (&planned.step, planned.action);
    let mut line = format!("  {} {} {}", words::sign(action), step.id.leaf(), style(format!("[{}]", step.kind)).dim());
    if action == Action::Replace {
        let forcing: Vec<_> =
            planned.changes.iter().filter(|c| c.forces_replacement).map(|c| c.path.as_str()).collect();
        match forcing.as_slice() {
            [] => line.push_str(" will be replaced, as requested"),
            fields => _ = write!(line, " must be replaced: {} can't be updated in place", fields.join(", ")),
        }
    }
    if action == Action::Create && planned.record.is_some() {
        line.push_str(" no longer exists in AWS, will be created again");
    }
    if matches!(action, Action::Create | Action::Replace) {
        let charge = provider.operations(step.kind).ok().and_then(|operations| operations.hourly_charge(&step.spec));
        if let Some(charge) = charge {
            let _ = write!(line, " {}", style(format!("({charge})")).cyan());
        }
    }
    let mut lines = coloured(action, line) + "\n";
    for change in &planned.changes {
        let _ = writeln!(lines, "      {}", change_line(change));
    }
    lines
}

/// A field change in one line.
pub fn change_line(change: &FieldChange) -> String {
    let forced = if change.forces_replacement { "  ← forces replacement" } else { "" };
    format!("{}: {} → {}{forced}", change.path, short(change.old.as_ref()), short(change.new.as_ref()))
}

fn removal_lines(removal: &Removal) -> String {
    let why = match (removal.action, &removal.renamed_to) {
        (Action::Forget, Some(step)) => format!(" is managed as {step}, will be removed from the state"),
        (Action::Forget, None) => " no longer exists in AWS, will be removed from the state".to_owned(),
        (Action::Leave, _) => " is shared with other systems, will be kept".to_owned(),
        _ if removal.deposed => " is a deposed object of a replacement".to_owned(),
        _ => String::new(),
    };
    let kind = style(format!("[{}]", removal.record.kind)).dim();
    coloured(removal.action, format!("  {} {} {kind}{why}", words::sign(removal.action), removal.id.leaf())) + "\n"
}

/// A value in one line, cut off after 160 characters.
pub(super) fn short(value: Option<&Value>) -> String {
    let text = show(value);
    match text.char_indices().nth(160) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The number of steps per action, in one line.
pub fn headline(plan: &Plan) -> String {
    let refused =
        Some(plan.refusals.len()).filter(|n| *n > 0).map(|n| format!("{} refused", words::count(n, "change")));
    let failed = Some(plan.failures.len()).filter(|n| *n > 0).map(|n| format!("{n} can't be planned"));
    let parts: Vec<String> = [
        (Action::Create, "to create"),
        (Action::Adopt, "to adopt"),
        (Action::Update, "to update"),
        (Action::Replace, "to replace"),
        (Action::Delete, "to delete"),
        (Action::Leave, "to keep"),
        (Action::Forget, "to forget"),
        (Action::Unchanged, "unchanged"),
    ]
    .into_iter()
    .filter_map(|(action, what)| Some(format!("{} {what}", Some(plan.count(action)).filter(|n| *n > 0)?)))
    .chain(refused)
    .chain(failed)
    .collect();
    if parts.is_empty() { "no resources".to_owned() } else { parts.join(", ") }
}

/// The hourly charges of all resources to create.
pub fn charges(plan: &Plan, provider: &dyn Provider) -> Vec<String> {
    let mut charges: BTreeMap<String, usize> = BTreeMap::new();
    let created = plan.steps.iter().filter(|p| matches!(p.action, Action::Create));
    for planned in created {
        let operations = provider.operations(planned.step.kind);
        if let Some(charge) = operations.ok().and_then(|operations| operations.hourly_charge(&planned.step.spec)) {
            *charges.entry(charge).or_default() += 1;
        }
    }
    charges.into_iter().map(|(charge, n)| format!("{n} × {charge}")).collect()
}

/// One JSON object per change, removal and failure.
pub fn objects(plan: &Plan, command: CommandLine<'_>) -> Vec<Value> {
    let steps = plan.steps.iter().filter(|planned| planned.action != Action::Unchanged).map(|planned| {
        let changes: Vec<Value> = planned.changes.iter().map(change).collect();
        object(&planned.step.id, planned.step.kind, planned.action, changes)
    });
    let removals = plan.removals.iter().map(|r| object(&r.id, &r.record.kind, r.action, Vec::new()));
    let failures = plan.failures.iter().map(|(id, error)| failure("plan_failed", id, error, command));
    let refusals = plan.refusals.iter().map(|refused| failure("plan_failed", &refused.step, &refused.error(), command));
    steps.chain(removals).chain(failures).chain(refusals).collect()
}

/// A field change as JSON.
pub fn change(change: &FieldChange) -> Value {
    json!({
        "field": change.path, "old": change.old.as_ref().map(|v| show(Some(v))),
        "new": change.new.as_ref().map(|v| show(Some(v))), "forces_replacement": change.forces_replacement,
    })
}

/// A failed step as JSON.
pub fn failure(what: &str, step: &StepId, error: &StepError, command: CommandLine<'_>) -> Value {
    json!({
        "type": what, "step": step, "message": error.message, "operation": error.operation, "code": error.code,
        "request_id": error.request_id, "help": advice::of(error, command),
    })
}

fn object(id: &StepId, kind: &str, action: Action, changes: Vec<Value>) -> Value {
    json!({"type": "planned", "step": id, "kind": kind, "action": action, "changes": changes})
}
