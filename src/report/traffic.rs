//! Live traffic, as text and as JSON.

use serde_json::{Value, json};

use super::traffic_events::{self, LEVERS_DIFFER};
use super::words;
use crate::engine::StepError;
use crate::traffic::bound::Bound;
use crate::traffic::check::Verdict;
use crate::traffic::history::{Actor, ProcessStatus, UnfinishedShift};
use crate::traffic::readings::RequestMetrics;
use crate::traffic::snapshot::Snapshot;
use crate::traffic::weight::describe;

/// The lines of `status`. `command` completes a command to suggest with the flags of this run.
pub fn lines(snapshot: &Snapshot, bound: Option<&Bound>, command: impl Fn(&str) -> String) -> Vec<String> {
    let mut lines = vec![match snapshot.green {
        Some(green) => format!("Traffic: green serves {green}"),
        None => format!("Traffic: {LEVERS_DIFFER}"),
    }];
    for (lever, weights) in &snapshot.levers {
        match weights {
            Ok(weights) => {
                lines.extend(weights.iter().map(|weight| format!("  {}", describe(std::slice::from_ref(weight)))))
            }
            Err(error) => {
                lines.push(format!("  {lever}: can't be read: {}", words::step_error(&StepError::from(error.clone()))));
            }
        }
    }
    if let Some(unfinished) = &snapshot.unfinished {
        lines.push(format!("  {}", describe_unfinished(unfinished)));
        let runs = unfinished.ended.is_none() && process_status(unfinished) == ProcessStatus::Running;
        if runs {
            lines.push(format!("    → watch and control it: {}", command("watch")));
            lines.push(format!("    → all traffic to blue, now: {}", command("failback")));
        } else if !unfinished.rolling_back && !unfinished.changed_externally {
            lines.push(format!("    → continue: {}", command("shift --resume")));
        }
        if !runs {
            lines.push(format!("    → all traffic to blue: {}", command("shift --abort")));
        }
    }
    if snapshot.changed_externally {
        lines.push("  external change: the weights differ from the end of `provisioner history`".to_owned());
    }
    lines.push(format!("Gates over the last 5 minutes: {}", traffic_events::verdict_name(snapshot.verdict)));
    let checks = snapshot.checks.iter();
    lines.extend(checks.map(|check| format!("  {} {}: {}", sign(check.verdict), check.name, check.reading)));
    for (environment, reading) in [("blue", &snapshot.readings.blue), ("green", &snapshot.readings.green)] {
        lines.push(format!("{environment} over the last 5 minutes: {}", served(reading)));
    }
    match bound {
        Some(bound) => {
            lines.push(format!("Automatic failback takes at most {bound}:"));
            let terms = bound.terms.iter();
            lines.extend(terms.map(|term| format!("  {} {} s: {}", term.name, term.takes.as_secs(), term.by)));
        }
        None => lines.push("No automatic failback: its alarm doesn't exist".to_owned()),
    }
    lines
}

/// The JSON object of `status --json`.
pub fn json(snapshot: &Snapshot, bound: Option<&Bound>) -> Value {
    let weights = snapshot.weights();
    let unreadable = snapshot.levers.iter().filter_map(|(lever, weights)| {
        let error = weights.as_ref().err()?;
        Some(json!({"lever": lever, "message": error.to_string()}))
    });
    let reading = |reading: &Result<RequestMetrics, String>| match reading {
        Ok(reading) => json!({"requests": reading.requests, "errors": reading.errors, "p99_ms": reading.p99_ms}),
        Err(why) => json!({"unreadable": why}),
    };
    json!({
        "green": snapshot.green, "weights": weights, "unreadable": unreadable.collect::<Vec<_>>(),
        "verdict": snapshot.verdict, "checks": snapshot.checks, "changed_by_others": snapshot.changed_externally,
        "last_5_minutes": {"blue": reading(&snapshot.readings.blue), "green": reading(&snapshot.readings.green)},
        "unfinished": snapshot.unfinished.as_ref().map(|unfinished| json!({
            "shift": unfinished.shift, "steps": unfinished.steps, "at": unfinished.at, "from": unfinished.from,
            "started": unfinished.started, "runs": match process_status(unfinished) {
                _ if unfinished.ended.is_some() => Some(false),
                ProcessStatus::Running => Some(true),
                ProcessStatus::Exited => Some(false),
                ProcessStatus::Unknown => None,
            },
        })),
        "failback_bound": bound.map(|bound| json!({
            "seconds": bound.total().as_secs(),
            "terms": bound.terms.iter().map(|term| json!({
                "name": term.name, "seconds": term.takes.as_secs(), "by": term.by,
            })).collect::<Vec<_>>(),
        })),
    })
}

fn sign(verdict: Verdict) -> char {
    match verdict {
        Verdict::Pass => '✓',
        Verdict::Inconclusive => '?',
        Verdict::Fail => '✗',
    }
}

fn process_status(unfinished: &UnfinishedShift) -> ProcessStatus {
    ProcessStatus::of(&unfinished.by, &Actor::this_process("provisioner status", None))
}

fn describe_unfinished(unfinished: &UnfinishedShift) -> String {
    let UnfinishedShift { steps, at, started, ended, by, .. } = unfinished;
    let since = started.strftime("%Y-%m-%d %H:%M:%S UTC");
    let state = match ended {
        Some((outcome, because)) => {
            let because = because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
            format!("{}{because}", traffic_events::outcome_name(*outcome))
        }
        None => match process_status(unfinished) {
            ProcessStatus::Running => format!("running in process {} of {}", by.process, by.user),
            ProcessStatus::Exited => format!("interrupted: process {} no longer runs", by.process),
            ProcessStatus::Unknown => format!("running on {}, or interrupted there", by.host),
        },
    };
    format!("unfinished shift to {steps}, started {since}, at step {at}: {state}")
}

fn served(reading: &Result<RequestMetrics, String>) -> String {
    match reading {
        Err(why) => format!("can't be read: {why}"),
        Ok(reading) if reading.requests <= 0.0 => "no requests".to_owned(),
        Ok(reading) => {
            let failed = 100.0 * reading.errors / reading.requests;
            let p99 = reading
                .p99_ms
                .filter(|p99| p99.is_finite())
                .map(|p99| format!(", p99 {p99:.0} ms"))
                .unwrap_or_default();
            format!("{:.0} requests, {failed:.2} % failed{p99}", reading.requests)
        }
    }
}
