//! Words for what happens to traffic.

use std::time::Duration;

use super::words;
use crate::traffic::event::{Check, Lever, OnFail, Outcome, TrafficEvent, Verdict, Weight, to_blame};
use crate::traffic::live::describe;
use crate::traffic::share::{Share, Split};

/// What happened, in one line.
pub fn sentence(what: &TrafficEvent) -> String {
    match what {
        TrafficEvent::ShiftStarted { steps, hold_seconds, on_fail, from, resumed, .. } => {
            let begins = if *resumed { "shift goes on with" } else { "shift" };
            let hold = words::duration(seconds(*hold_seconds));
            let else_ = match on_fail {
                OnFail::Rollback => format!("back to {from}"),
                OnFail::Blue => "all to blue".to_owned(),
                OnFail::Hold => "it stays where it is".to_owned(),
            };
            if steps.target() <= *from {
                return format!("{begins} {from} → {steps}, without gates");
            }
            format!("{begins} {from} → {steps}, each held for {hold}; if a gate fails: {else_}")
        }
        TrafficEvent::Gates { green, verdict, checks } => gates(*green, *verdict, checks),
        TrafficEvent::Writing { lever, from, to } => {
            format!("{to}: writing {} ({} until now)", name(*lever), shares(from))
        }
        TrafficEvent::Written { lever, to, request_ids } => match request_ids.len() {
            0 => format!("{to}: {} already so, verified", name(*lever)),
            n => format!("{to}: wrote {}, verified ({})", name(*lever), words::count(n, "request")),
        },
        TrafficEvent::StepDone { green } => format!("step {green} done"),
        TrafficEvent::RollingBack { to, because } => format!("rolling back to {to}: {because}"),
        TrafficEvent::ShiftEnded { outcome: how, green, because } => {
            let green = green.map_or("the levers don't agree".to_owned(), |green| format!("green has {green}"));
            let because = because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
            format!("shift {}, {green}{because}", outcome(*how))
        }
        TrafficEvent::HoldAsked => "the shift that is under way is asked to hold".to_owned(),
        TrafficEvent::FailbackStarted => "failback: all to blue".to_owned(),
        TrafficEvent::FailedBack { seconds: took, from, request_ids, dns_left } => {
            let took = words::duration(seconds(*took));
            let requests = words::count(request_ids.len(), "request");
            let left = dns_left.as_ref().map(|why| format!("; DNS is left as it was: {why}")).unwrap_or_default();
            format!("failed back: all is at blue after {took}, {requests} ({} until then){left}", shares(from))
        }
        TrafficEvent::FailbackIncomplete { because } => format!("failback incomplete: {because}"),
        TrafficEvent::ExternalChange { from, to } => {
            format!("somebody else has changed weights: {} → {}", shares(from), shares(to))
        }
    }
}

/// What became of the gates; where they don't pass, by which checks.
pub fn gates(green: Share, verdict: Verdict, checks: &[Check]) -> String {
    let word = self::verdict(verdict);
    match verdict {
        Verdict::Pass => format!("gates at {green}: {word}"),
        _ => format!("gates at {green}: {word}: {}", to_blame(checks, verdict)),
    }
}

/// A verdict in a word.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Fail => "fail",
    }
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
        Some(share) if weights.iter().all(|weight| weight.is(share)) => share.to_string(),
        _ => describe(weights),
    }
}

/// Whatever a file says, it makes a time.
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
    fn gates_name_the_checks_that_their_verdict_comes_from() {
        let pass = check("alarms", Verdict::Pass, "all 4 in OK");
        let fail = check("errors", Verdict::Fail, "40.0 % of 25 requests failed in green (most 1 %)");
        let few = check("requests", Verdict::Inconclusive, "12 of green (least 100)");
        assert_eq!(gates(share(0), Verdict::Pass, std::slice::from_ref(&pass)), "gates at 0 %: pass");
        assert_eq!(
            gates(share(10), Verdict::Fail, &[pass.clone(), few.clone(), fail]),
            "gates at 10 %: fail: errors: 40.0 % of 25 requests failed in green (most 1 %)"
        );
        let text = gates(share(10), Verdict::Inconclusive, &[pass, few]);
        assert_eq!(text, "gates at 10 %: inconclusive: requests: 12 of green (least 100)");
    }

    #[test]
    fn weights_are_one_share_only_where_all_are_just_that() {
        let writing = |from: &[Weight]| {
            sentence(&TrafficEvent::Writing { lever: Lever::Listeners, from: from.to_vec(), to: share(50) })
        };
        let even = writing(&[weight("blue edge", 90, 10), weight("green edge", 9, 1)]);
        assert_eq!(even, "50 %: writing listeners (10 % until now)");
        let odd = writing(&[weight("blue edge", 90, 10), weight("green edge", 100, 0)]);
        assert!(odd.contains("blue edge: blue 90 %, green 10 %; green edge: blue 100 %, green 0 %"), "{odd}");
        // A third is said as 33 %, and isn't.
        let third = writing(&[weight("blue edge", 2, 1)]);
        assert!(third.contains("green 33.3 %"), "{third}");
    }

    #[test]
    fn every_sentence_is_one_line_that_tells_the_share() {
        let written = |request_ids| sentence(&TrafficEvent::Written { lever: Lever::Dns, to: share(10), request_ids });
        assert_eq!(written(vec!["1".to_owned(), "2".to_owned()]), "10 %: wrote DNS, verified (2 requests)");
        assert_eq!(written(Vec::new()), "10 %: DNS already so, verified");
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
        assert_eq!(sentence(&started), "shift 5 % → 10, 50 %, each held for 5 min; if a gate fails: back to 5 %");
        let because = Some("errors: too many".to_owned());
        let ended = TrafficEvent::ShiftEnded { outcome: Outcome::RolledBack, green: Some(share(0)), because };
        assert_eq!(sentence(&ended), "shift rolled back, green has 0 %: errors: too many");
        let from = vec![weight("blue edge", 50, 50)];
        let request_ids = vec!["1".to_owned()];
        let back = TrafficEvent::FailedBack { seconds: 1.44, from, request_ids, dns_left: None };
        assert_eq!(sentence(&back), "failed back: all is at blue after 1.4 s, 1 request (50 % until then)");
    }
}
