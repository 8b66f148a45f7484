//! Traffic events as text.

use std::time::Duration;

use super::words;
use crate::traffic::check::{Check, Verdict, summary};
use crate::traffic::event::{OnFail, Outcome, TrafficEvent};
use crate::traffic::share::{Share, Split};
use crate::traffic::weight::{LeverKind, Weight, describe};

/// An event in one line.
pub fn sentence(event: &TrafficEvent) -> String {
    match event {
        TrafficEvent::ShiftStarted { steps, hold_seconds, on_fail, from, resumed, .. } => {
            let start = if *resumed { "shift resumed:" } else { "shift" };
            let hold = words::duration(seconds(*hold_seconds));
            let on_fail = match on_fail {
                OnFail::Rollback => format!("roll back to {from}"),
                OnFail::Blue => "move all traffic to blue".to_owned(),
                OnFail::Hold => "hold".to_owned(),
            };
            if steps.target() <= *from {
                return format!("{start} {from} → {steps}, without gates");
            }
            format!("{start} {from} → {steps}, hold {hold} per step; if a gate fails: {on_fail}")
        }
        TrafficEvent::Gates { green, verdict, checks } => gates(*green, *verdict, checks),
        TrafficEvent::Writing { lever, from, to } => {
            format!("{to}: writing {} (before: {})", lever_name(*lever), shares(from))
        }
        TrafficEvent::Written { lever, to, request_ids } => match request_ids.len() {
            0 => format!("{to}: {} unchanged, verified", lever_name(*lever)),
            n => format!("{to}: {} written in {}, verified", lever_name(*lever), words::count(n, "request")),
        },
        TrafficEvent::StepDone { green } => format!("step {green} completed"),
        TrafficEvent::RollingBack { to, because } => format!("rolling back to {to}: {because}"),
        TrafficEvent::ShiftEnded { outcome, green, because } => {
            let because = because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
            format!("shift {}, {}{because}", outcome_name(*outcome), green_share(*green))
        }
        TrafficEvent::HoldRequested => "hold requested".to_owned(),
        TrafficEvent::FailbackStarted => "failback started: all traffic to blue".to_owned(),
        TrafficEvent::FailedBack { seconds: took, from, request_ids, dns_error } => {
            let took = words::duration(seconds(*took));
            let requests = words::count(request_ids.len(), "request");
            let dns = dns_error.as_ref().map(|why| format!("; DNS not moved: {why}")).unwrap_or_default();
            format!("failed back: all traffic at blue after {took} and {requests} (before: {}){dns}", shares(from))
        }
        TrafficEvent::FailbackIncomplete { because } => format!("failback incomplete: {because}"),
        TrafficEvent::ExternalChange { from, to } => {
            format!("external change of weights: {} → {}", shares(from), shares(to))
        }
    }
}

/// The gates in one line, with the checks that their verdict comes from.
pub fn gates(green: Share, verdict: Verdict, checks: &[Check]) -> String {
    let name = verdict_name(verdict);
    match verdict {
        Verdict::Pass => format!("gates at {green}: {name}"),
        _ => format!("gates at {green}: {name}: {}", summary(checks, verdict)),
    }
}

/// `pass`, `inconclusive`, `fail`.
pub fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Fail => "fail",
    }
}

/// `completed`, `rolled back`, `held` ...
pub fn outcome_name(outcome: Outcome) -> &'static str {
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

/// `green at 30 %`, or that the levers differ.
pub fn green_share(green: Option<Share>) -> String {
    green.map_or(LEVERS_DIFFER.to_owned(), |green| format!("green at {green}"))
}

/// Said in place of green's share if it differs between levers.
pub const LEVERS_DIFFER: &str = "green's share differs between levers";

fn lever_name(lever: LeverKind) -> &'static str {
    match lever {
        LeverKind::Listeners => "listeners",
        LeverKind::Dns => "DNS",
    }
}

/// `10 %` if all weights give green exactly that, otherwise each weight.
fn shares(weights: &[Weight]) -> String {
    let exact = |split: Split| split.share().filter(|share| split.is_at(*share));
    match weights.first().and_then(|weight| exact(weight.split)) {
        Some(share) if weights.iter().all(|weight| weight.is_at(share)) => share.to_string(),
        _ => describe(weights),
    }
}

/// A duration, also for an invalid number in a file.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(percent: u8) -> Share {
        Share::try_from(percent).unwrap()
    }

    fn check(name: &str, verdict: Verdict, reading: &str) -> Check {
        Check { name: name.to_owned(), verdict, reading: reading.to_owned() }
    }

    fn weight(lever: &str, blue: u32, green: u32) -> Weight {
        Weight::new(lever.to_owned(), Split { blue, green })
    }

    #[test]
    fn gates_name_the_checks_with_their_verdict() {
        let pass = check("alarms", Verdict::Pass, "4 OK");
        let fail = check("errors", Verdict::Fail, "40.0 % of 25 requests failed in green (max 1 %)");
        let few = check("requests", Verdict::Inconclusive, "12 requests in green (min 100)");
        assert_eq!(gates(share(0), Verdict::Pass, std::slice::from_ref(&pass)), "gates at 0 %: pass");
        assert_eq!(
            gates(share(10), Verdict::Fail, &[pass.clone(), few.clone(), fail]),
            "gates at 10 %: fail: errors: 40.0 % of 25 requests failed in green (max 1 %)"
        );
        let text = gates(share(10), Verdict::Inconclusive, &[pass, few]);
        assert_eq!(text, "gates at 10 %: inconclusive: requests: 12 requests in green (min 100)");
    }

    #[test]
    fn weights_are_one_share_only_if_all_are_equal() {
        let writing = |from: &[Weight]| {
            sentence(&TrafficEvent::Writing { lever: LeverKind::Listeners, from: from.to_vec(), to: share(50) })
        };
        let even = writing(&[weight("blue edge", 90, 10), weight("green edge", 9, 1)]);
        assert_eq!(even, "50 %: writing listeners (before: 10 %)");
        let odd = writing(&[weight("blue edge", 90, 10), weight("green edge", 100, 0)]);
        assert!(odd.contains("blue edge: blue 90 %, green 10 %; green edge: blue 100 %, green 0 %"), "{odd}");
        // A third is displayed as 33 %, but isn't that share.
        let third = writing(&[weight("blue edge", 2, 1)]);
        assert!(third.contains("green 33.3 %"), "{third}");
    }

    #[test]
    fn sentences_contain_the_share() {
        let written =
            |request_ids| sentence(&TrafficEvent::Written { lever: LeverKind::Dns, to: share(10), request_ids });
        assert_eq!(written(vec!["1".to_owned(), "2".to_owned()]), "10 %: DNS written in 2 requests, verified");
        assert_eq!(written(Vec::new()), "10 %: DNS unchanged, verified");
        let (steps, on_fail) = ("10,50".parse().unwrap(), OnFail::Rollback);
        let (shift, from) = ("a".to_owned(), share(5));
        let started = TrafficEvent::ShiftStarted {
            shift,
            steps,
            hold_seconds: 300.0,
            on_fail,
            patience_seconds: None,
            limits: None,
            from,
            resumed: false,
        };
        assert_eq!(sentence(&started), "shift 5 % → 10, 50 %, hold 5 min per step; if a gate fails: roll back to 5 %");
        let because = Some("errors: too many".to_owned());
        let ended = TrafficEvent::ShiftEnded { outcome: Outcome::RolledBack, green: Some(share(0)), because };
        assert_eq!(sentence(&ended), "shift rolled back, green at 0 %: errors: too many");
        let from = vec![weight("blue edge", 50, 50)];
        let request_ids = vec!["1".to_owned()];
        let back = TrafficEvent::FailedBack { seconds: 1.44, from, request_ids, dns_error: None };
        assert_eq!(sentence(&back), "failed back: all traffic at blue after 1.4 s and 1 request (before: 50 %)");
    }
}
