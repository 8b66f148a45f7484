//! Histories of a shift, as fixtures.

mod keys;
mod screen;
mod shift_progress;

use jiff::{SignedDuration, Timestamp};

use super::shift_progress::{Phase, ShiftProgress};
use crate::traffic::Share;
use crate::traffic::check::{Check, Verdict};
use crate::traffic::event::{OnFail, Outcome, TrafficEvent};
use crate::traffic::history::{Actor, Entry, ProcessStatus};
use crate::traffic::weight::LeverKind;

fn share(percent: u8) -> Share {
    percent.try_into().unwrap()
}

fn start() -> Timestamp {
    "2025-03-01T10:20:00Z".parse().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

fn by(user: &str, process: u32) -> Actor {
    let command = "provisioner shift".to_owned();
    Actor { user: user.to_owned(), host: "laptop".to_owned(), process, command, arn: None }
}

/// A history with one entry per second, all by the same process.
fn history(events: impl IntoIterator<Item = TrafficEvent>) -> Vec<Entry> {
    let entry = |(second, what)| Entry {
        number: second as u64 + 1,
        at: at(second),
        by: by("ada", 7),
        reason: Some("CHG-1042".to_owned()),
        event: what,
        previous_hash: String::new(),
        hash: String::new(),
    };
    (0..).zip(events).map(entry).collect()
}

fn shift_started() -> TrafficEvent {
    TrafficEvent::ShiftStarted {
        shift: "one".to_owned(),
        steps: "10,50,100".parse().unwrap(),
        hold_seconds: 60.0,
        on_fail: OnFail::Rollback,
        patience_seconds: None,
        limits: None,
        from: share(0),
        resumed: false,
    }
}

fn gates(green: u8, verdict: Verdict, reading: &str) -> TrafficEvent {
    let checks = vec![Check { name: "requests".to_owned(), verdict, reading: reading.to_owned() }];
    TrafficEvent::Gates { green: share(green), verdict, checks }
}

fn writing(lever: LeverKind, to: u8) -> TrafficEvent {
    TrafficEvent::Writing { lever, from: Vec::new(), to: share(to) }
}

fn written(lever: LeverKind, to: u8) -> TrafficEvent {
    TrafficEvent::Written { lever, to: share(to), request_ids: vec!["r-1".to_owned(), "r-2".to_owned()] }
}

fn ended(outcome: Outcome, because: &str) -> TrafficEvent {
    TrafficEvent::ShiftEnded { outcome, green: Some(share(10)), because: Some(because.to_owned()) }
}

/// A completed first step and the hold of the second.
fn holding_50() -> Vec<TrafficEvent> {
    vec![
        shift_started(),
        gates(0, Verdict::Pass, "well"),
        writing(LeverKind::Listeners, 10),
        written(LeverKind::Listeners, 10),
        gates(10, Verdict::Pass, "well"),
        writing(LeverKind::Dns, 10),
        written(LeverKind::Dns, 10),
        TrafficEvent::StepDone { green: share(10) },
        writing(LeverKind::Listeners, 50),
        written(LeverKind::Listeners, 50),
    ]
}

/// The progress of a shift whose process runs.
fn in_progress(events: Vec<TrafficEvent>) -> Option<ShiftProgress> {
    ShiftProgress::from_history(&history(events), |_| ProcessStatus::Running)
}

fn phase(events: Vec<TrafficEvent>) -> Phase {
    in_progress(events).expect("an unfinished shift").phase
}
