//! The live traffic, in words and as JSON.

use serde_json::{Value, json};

use super::traffic_events;
use super::words;
use crate::engine::StepError;
use crate::traffic::bound::Bound;
use crate::traffic::event::Verdict;
use crate::traffic::gates::Reading;
use crate::traffic::history::{Alive, By, Unfinished};
use crate::traffic::live::describe;
use crate::traffic::picture::Picture;

/// Line by line.
pub fn lines(picture: &Picture, bound: Option<&Bound>, suffix: &str) -> Vec<String> {
    let mut lines = vec![match picture.green {
        Some(green) => format!("Traffic: green serves {green}"),
        None => "Traffic: the levers don't agree on it".to_owned(),
    }];
    for (lever, weights) in &picture.levers {
        match weights {
            Ok(weights) => {
                lines.extend(weights.iter().map(|weight| format!("  {}", describe(std::slice::from_ref(weight)))))
            }
            Err(error) => {
                lines.push(format!("  {lever}: can't be read: {}", words::step_error(&StepError::from(error.clone()))));
            }
        }
    }
    if let Some(unfinished) = &picture.unfinished {
        lines.push(format!("  {}", half_done(unfinished)));
        let runs = unfinished.ended.is_none() && alive(unfinished) == Alive::Yes;
        if runs {
            lines.push(format!("    → to see it and steer it: provisioner watch --suffix {suffix}"));
            lines.push(format!("    → to take all back at once: provisioner failback --suffix {suffix}"));
        } else if !unfinished.going_back && !unfinished.overruled {
            lines.push(format!("    → to go on: provisioner shift --suffix {suffix} --resume"));
        }
        if !runs {
            lines.push(format!("    → to take it back to blue: provisioner shift --suffix {suffix} --abort"));
        }
    }
    if picture.changed_by_others {
        lines.push("  somebody else has changed weights: they aren't what `provisioner history` ends with".to_owned());
    }
    lines.push(format!("Gates, by the last 5 minutes: {}", traffic_events::verdict(picture.verdict)));
    let checks = picture.checks.iter();
    lines.extend(checks.map(|check| format!("  {} {}: {}", sign(check.verdict), check.name, check.reading)));
    for (environment, reading) in [("blue", &picture.readings.blue), ("green", &picture.readings.green)] {
        lines.push(format!("{environment} in the last 5 minutes: {}", served(reading)));
    }
    match bound {
        Some(bound) => {
            lines.push(format!("A failback by itself takes at worst {bound}:"));
            let terms = bound.terms.iter();
            lines.extend(terms.map(|term| format!("  {} {} s: {}", term.name, term.takes.as_secs(), term.by)));
        }
        None => lines.push("Nothing goes back by itself: the alarm that would see to it doesn't stand".to_owned()),
    }
    lines
}

/// For programs.
pub fn json(picture: &Picture, bound: Option<&Bound>) -> Value {
    let weights = picture.weights();
    let unreadable = picture.levers.iter().filter_map(|(lever, weights)| {
        let error = weights.as_ref().err()?;
        Some(json!({"lever": lever, "message": error.to_string()}))
    });
    let reading = |reading: &Result<Reading, String>| match reading {
        Ok(reading) => json!({"requests": reading.requests, "errors": reading.errors, "p99_ms": reading.p99_ms}),
        Err(why) => json!({"unreadable": why}),
    };
    json!({
        "green": picture.green, "weights": weights, "unreadable": unreadable.collect::<Vec<_>>(),
        "verdict": picture.verdict, "checks": picture.checks, "changed_by_others": picture.changed_by_others,
        "last_5_minutes": {"blue": reading(&picture.readings.blue), "green": reading(&picture.readings.green)},
        "unfinished": picture.unfinished.as_ref().map(|unfinished| json!({
            "shift": unfinished.shift, "steps": unfinished.steps, "at": unfinished.at, "from": unfinished.from,
            "started": unfinished.started, "runs": match alive(unfinished) {
                _ if unfinished.ended.is_some() => Some(false),
                Alive::Yes => Some(true),
                Alive::No => Some(false),
                Alive::Unknown => None,
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

fn alive(unfinished: &Unfinished) -> Alive {
    Alive::of(&unfinished.by, &By::this_process("provisioner status", None))
}

fn half_done(unfinished: &Unfinished) -> String {
    let Unfinished { steps, at, started, ended, .. } = unfinished;
    let since = started.strftime("%Y-%m-%d %H:%M:%S UTC");
    let how = match ended {
        Some((outcome, because)) => {
            let because = because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
            format!("{}{because}", traffic_events::outcome(*outcome))
        }
        None => match alive(unfinished) {
            Alive::Yes => format!("process {} of {} is at it", unfinished.by.process, unfinished.by.user),
            Alive::No => format!("process {} that was at it is gone", unfinished.by.process),
            Alive::Unknown => format!("it is under way on {}, or its process there has died", unfinished.by.host),
        },
    };
    format!("a shift to {steps}, begun {since}, is at its step {at}; {how}")
}

fn served(reading: &Result<Reading, String>) -> String {
    match reading {
        Err(why) => format!("can't be read: {why}"),
        Ok(reading) if reading.requests <= 0.0 => "no requests".to_owned(),
        Ok(reading) => {
            let failed = 100.0 * reading.errors / reading.requests;
            let p99 = reading
                .p99_ms
                .filter(|p99| p99.is_finite())
                .map(|p99| format!(", 99 % of them within {p99:.0} ms"))
                .unwrap_or_default();
            format!("{:.0} requests, {failed:.2} % failed{p99}", reading.requests)
        }
    }
}
