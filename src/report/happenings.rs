//! Words for what happens to traffic.

use std::time::Duration;

use super::words;
use crate::traffic::happening::{Check, Happening, Lever, OnFail, Outcome, Verdict, Weight};
use crate::traffic::live::in_words;
use crate::traffic::share::{Share, Split};

/// What happened, in one line.
pub fn sentence(what: &Happening) -> String {
    match what {
        Happening::ShiftStarted { steps, hold_seconds, on_fail, from, resumed, .. } => {
            let begins = if *resumed { "shift goes on with" } else { "shift" };
            let hold = words::duration(seconds(*hold_seconds));
            let else_ = match on_fail {
                OnFail::Rollback => format!("back to {from}"),
                OnFail::Blue => "all to blue".to_owned(),
                OnFail::Hold => "it stays where it is".to_owned(),
            };
            format!("{begins} {from} → {steps}, each held for {hold}; if a gate fails: {else_}")
        }
        Happening::Gates { green, verdict, checks } => gates(*green, *verdict, checks),
        Happening::Writing { lever, from, to } => format!("{to}: writing {} ({} until now)", name(*lever), shares(from)),
        Happening::Written { lever, to, request_ids } => match request_ids.len() {
            0 => format!("{to}: {} were so already, verified", name(*lever)),
            n => format!("{to}: wrote {}, verified ({})", name(*lever), words::count(n, "request")),
        },
        Happening::StepDone { green } => format!("step {green} done"),
        Happening::RollingBack { to, because } => format!("rolling back to {to}: {because}"),
        Happening::ShiftEnded { outcome: how, green, because } => {
            let green = green.map_or("the levers don't agree".to_owned(), |green| format!("green has {green}"));
            let because = because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
            format!("shift {}, {green}{because}", outcome(*how))
        }
        Happening::HoldAsked => "the shift that is under way is asked to hold".to_owned(),
        Happening::FailbackStarted => "failback: all to blue".to_owned(),
        Happening::FailedBack { seconds: took, from, request_ids } => {
            let took = words::duration(seconds(*took));
            let requests = words::count(request_ids.len(), "request");
            format!("failed back: all is at blue after {took}, {requests} ({} until then)", shares(from))
        }
        Happening::FailbackIncomplete { because } => format!("failback incomplete: {because}"),
        Happening::Noticed { from, to } => {
            format!("somebody else has changed weights: {} → {}", shares(from), shares(to))
        }
    }
}

/// What became of the gates; where they don't pass, by which checks.
pub fn gates(green: Share, verdict: Verdict, checks: &[Check]) -> String {
    let word = match verdict {
        Verdict::Pass => "pass",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Fail => "fail",
    };
    let to_blame = checks.iter().filter(|check| check.verdict == verdict && verdict != Verdict::Pass);
    let to_blame: Vec<_> = to_blame.map(|check| format!("{}: {}", check.name, check.reading)).collect();
    let colon = if to_blame.is_empty() { "" } else { ": " };
    format!("gates at {green}: {word}{colon}{}", to_blame.join("; "))
}

/// How a shift ended.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::Refused => "refused",
        Outcome::RolledBack => "rolled back",
        Outcome::Held => "held",
        Outcome::Interrupted => "interrupted",
        Outcome::FailedBack => "failed back",
        Outcome::Aborted => "aborted",
        Outcome::Failed => "failed",
    }
}

fn name(lever: Lever) -> &'static str {
    match lever {
        Lever::Listeners => "listeners",
        Lever::Dns => "DNS",
    }
}

/// `10 %` where all weights give green just that, otherwise each of them.
fn shares(weights: &[Weight]) -> String {
    let of = |split: Split| split.share().filter(|share| split.is(*share));
    match weights.first().and_then(|weight| of(weight.split)) {
        Some(share) if weights.iter().all(|weight| weight.split.is(share)) => share.to_string(),
        _ => in_words(weights),
    }
}

/// Whatever a file says, it makes a time.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
