//! State that is derived by replaying the history.

use jiff::Timestamp;

use super::super::{Actor, Entry, Expected, ExpectedWeights, UnfinishedShift, green_since};
use crate::traffic::check::Verdict;
use crate::traffic::event::{OnFail, Outcome, TrafficEvent};
use crate::traffic::share::{Share, Split};
use crate::traffic::weight::{LeverKind, Weight};

/// Entries of these events, one per second from second 1 on.
fn entries(events: &[TrafficEvent]) -> Vec<Entry> {
    let entry = |(number, event): (u64, &TrafficEvent)| Entry {
        number,
        at: second(number),
        by: Actor::this_process("provisioner shift", None),
        reason: None,
        event: event.clone(),
        previous_hash: String::new(),
        hash: String::new(),
    };
    (1..).zip(events).map(entry).collect()
}

fn second(number: u64) -> Timestamp {
    Timestamp::from_second(number.try_into().unwrap()).unwrap()
}

fn share(percent: u8) -> Share {
    Share::try_from(percent).unwrap()
}

fn weights(lever: LeverKind, green: u8) -> Vec<Weight> {
    let names: &[&str] = match lever {
        LeverKind::Listeners => &["blue edge", "green edge"],
        LeverKind::Dns => &["live.example.com"],
    };
    let split = share(green).split();
    names.iter().map(|name| Weight::new((*name).to_owned(), split)).collect()
}

fn started(shift: &str, from: u8, resumed: bool) -> TrafficEvent {
    let steps = "10,50,100".parse().unwrap();
    let (shift, from) = (shift.to_owned(), share(from));
    TrafficEvent::ShiftStarted {
        shift,
        steps,
        hold_seconds: 3.0,
        on_fail: OnFail::Rollback,
        patience_seconds: None,
        limits: None,
        from,
        resumed,
    }
}

fn writing(lever: LeverKind, from: u8, to: u8) -> TrafficEvent {
    TrafficEvent::Writing { lever, from: weights(lever, from), to: share(to) }
}

fn written(lever: LeverKind, to: u8) -> TrafficEvent {
    TrafficEvent::Written { lever, to: share(to), request_ids: Vec::new() }
}

fn done(green: u8) -> TrafficEvent {
    TrafficEvent::StepDone { green: share(green) }
}

fn rolling_back(to: u8) -> TrafficEvent {
    TrafficEvent::RollingBack { to: share(to), because: "errors".to_owned() }
}

fn ended(outcome: Outcome) -> TrafficEvent {
    TrafficEvent::ShiftEnded { outcome, green: None, because: Some("so".to_owned()) }
}

fn failed_back() -> TrafficEvent {
    let from = weights(LeverKind::Listeners, 50);
    TrafficEvent::FailedBack { seconds: 1.0, from, request_ids: Vec::new(), dns_error: None }
}

/// The events of a whole step.
fn step(from: u8, to: u8) -> [TrafficEvent; 5] {
    let [edges, dns] = [LeverKind::Listeners, LeverKind::Dns];
    [writing(edges, from, to), written(edges, to), writing(dns, from, to), written(dns, to), done(to)]
}

#[test]
fn shift_of_a_dead_process_keeps_its_position() {
    let mut events = vec![started("a", 0, false)];
    let shift = UnfinishedShift::from_history(&entries(&events)).unwrap();
    assert_eq!((shift.at, shift.done, shift.started, shift.ended), (share(0), None, second(1), None));
    events.extend(step(0, 10));
    events.push(writing(LeverKind::Listeners, 10, 50));
    let shift = UnfinishedShift::from_history(&entries(&events)).unwrap();
    assert_eq!((shift.from, shift.at, shift.done, shift.ended), (share(0), share(50), Some(share(10)), None));
    assert_eq!((shift.shift.as_str(), shift.steps.target(), shift.hold_seconds), ("a", share(100), 3.0));
}

#[test]
fn only_final_outcomes_finish_a_shift() {
    use Outcome::{Aborted, Completed, Failed, FailedBack, Held, Interrupted, Refused, RolledBack};
    let in_progress = [started("a", 0, false), writing(LeverKind::Listeners, 0, 10)];
    let after =
        |what: TrafficEvent| UnfinishedShift::from_history(&entries(&[in_progress.as_slice(), &[what]].concat()));
    for outcome in [Completed, Refused, RolledBack, FailedBack, Aborted] {
        assert_eq!(after(ended(outcome)), None);
    }
    for outcome in [Held, Interrupted, Failed] {
        assert_eq!(after(ended(outcome)).unwrap().ended, Some((outcome, Some("so".to_owned()))));
    }
    assert_eq!(after(failed_back()), None);
    let incomplete = TrafficEvent::FailbackIncomplete { because: "throttled".to_owned() };
    assert!(after(incomplete).is_some() && after(TrafficEvent::FailbackStarted).is_some());
    assert_eq!(UnfinishedShift::from_history(&[]), None);
    assert_eq!(UnfinishedShift::from_history(&entries(&[ended(Held), done(10), writing(LeverKind::Dns, 0, 10)])), None);
}

#[test]
fn rollback_writes_are_not_steps() {
    let mut events = vec![started("a", 10, false)];
    events.extend(step(10, 50));
    events.extend([writing(LeverKind::Listeners, 50, 100), rolling_back(10), writing(LeverKind::Listeners, 100, 10)]);
    let shift = UnfinishedShift::from_history(&entries(&events)).unwrap();
    assert_eq!((shift.from, shift.at, shift.done), (share(10), share(100), Some(share(50))));
    // A shift towards blue takes a step.
    let shift =
        UnfinishedShift::from_history(&entries(&[started("b", 50, false), writing(LeverKind::Listeners, 50, 10)]))
            .unwrap();
    assert_eq!(shift.at, share(10));
}

#[test]
fn resumed_shift_keeps_its_position_and_a_new_one_does_not() {
    let mut events = vec![started("a", 0, false)];
    events.extend(step(0, 10));
    events.push(ended(Outcome::Held));
    let after =
        |next: TrafficEvent| UnfinishedShift::from_history(&entries(&[events.as_slice(), &[next]].concat())).unwrap();
    let shift = after(started("a", 0, true));
    assert_eq!((shift.at, shift.done, shift.started, shift.ended), (share(10), Some(share(10)), second(1), None));
    let shift = after(started("b", 10, false));
    assert_eq!((shift.at, shift.done, shift.started), (share(10), None, second(8)));
    assert_eq!((shift.shift.as_str(), shift.ended), ("b", None));
}

#[test]
fn shift_resumed_after_a_failed_rollback_takes_steps() {
    let events = [
        started("a", 0, false),
        writing(LeverKind::Listeners, 0, 10),
        rolling_back(0),
        writing(LeverKind::Listeners, 10, 0),
        ended(Outcome::Failed),
        started("a", 0, true),
        writing(LeverKind::Listeners, 10, 50),
    ];
    assert_eq!(UnfinishedShift::from_history(&entries(&events)).unwrap().at, share(50));
}

#[test]
fn weights_are_certain_once_read_back() {
    let [edges, dns] = [LeverKind::Listeners, LeverKind::Dns];
    assert_eq!(ExpectedWeights::from_history(&[]), ExpectedWeights::default());
    let mut events = vec![started("a", 0, false), writing(edges, 0, 10)];
    let either = |lever, from, to| Some(Expected::Either { from: weights(lever, from), to: share(to) });
    let is = |percent| Some(Expected::Share(share(percent)));
    assert_eq!(
        ExpectedWeights::from_history(&entries(&events)),
        ExpectedWeights { listeners: either(edges, 0, 10), dns: None }
    );
    events.push(written(edges, 10));
    assert_eq!(ExpectedWeights::from_history(&entries(&events)), ExpectedWeights { listeners: is(10), dns: None });
    events.extend([writing(dns, 0, 10), written(dns, 10), writing(edges, 10, 50)]);
    assert_eq!(
        ExpectedWeights::from_history(&entries(&events)),
        ExpectedWeights { listeners: either(edges, 10, 50), dns: is(10) }
    );
    events.push(failed_back());
    assert_eq!(ExpectedWeights::from_history(&entries(&events)), ExpectedWeights { listeners: is(0), dns: is(0) });
}

#[test]
fn during_a_failback_weights_are_former_or_blue() {
    let [edges, dns] = [LeverKind::Listeners, LeverKind::Dns];
    let mut events: Vec<_> = step(0, 10).into();
    events.extend([writing(edges, 10, 50), TrafficEvent::FailbackStarted]);
    let expected = ExpectedWeights::from_history(&entries(&events));
    let listeners = [weights(edges, 10), weights(edges, 50)].concat();
    assert_eq!(expected.listeners, Some(Expected::Either { from: listeners, to: Share::BLUE }));
    assert_eq!(expected.dns, Some(Expected::Either { from: weights(dns, 10), to: Share::BLUE }));
    // The former weights were never seen.
    assert_eq!(ExpectedWeights::from_history(&entries(&[TrafficEvent::FailbackStarted])), ExpectedWeights::default());
}

#[test]
fn external_changes_cover_the_named_levers() {
    let [edges, dns] = [LeverKind::Listeners, LeverKind::Dns];
    let mut events: Vec<_> = step(0, 10).into();
    let to = vec![Weight::new("blue edge".to_owned(), Split { blue: 1, green: 2 })];
    events.push(TrafficEvent::ExternalChange { from: weights(edges, 10), to: to.clone() });
    let expected = ExpectedWeights::from_history(&entries(&events));
    assert_eq!((expected.listeners, expected.dns), (Some(Expected::Weights(to)), Some(Expected::Share(share(10)))));
    events.push(TrafficEvent::ExternalChange { from: weights(dns, 10), to: weights(dns, 0) });
    assert_eq!(ExpectedWeights::from_history(&entries(&events)).dns, Some(Expected::Weights(weights(dns, 0))));
}

#[test]
fn green_serves_from_first_write_until_weight_zero() {
    let edges = LeverKind::Listeners;
    assert_eq!(green_since(&[]), None);
    let mut events = vec![started("a", 0, false)];
    assert_eq!(green_since(&entries(&events)), None);
    events.extend(step(0, 10));
    events.extend(step(10, 50));
    assert_eq!(green_since(&entries(&events)), Some(second(2)));
    // During a rollback it serves until the write has been read back.
    events.extend([rolling_back(0), writing(edges, 50, 0)]);
    assert_eq!(green_since(&entries(&events)), Some(second(2)));
    events.push(written(edges, 0));
    assert_eq!(green_since(&entries(&events)), None);
    // With listeners, DNS doesn't decide.
    events.push(writing(LeverKind::Dns, 50, 40));
    assert_eq!(green_since(&entries(&events)), None);
    events.push(writing(edges, 0, 10));
    let since = second(events.len() as u64);
    assert_eq!(green_since(&entries(&events)), Some(since));
    events.extend([TrafficEvent::FailbackStarted, TrafficEvent::HoldRequested]);
    assert_eq!(green_since(&entries(&events)), Some(since));
    events.push(failed_back());
    assert_eq!(green_since(&entries(&events)), None);
}

#[test]
fn dns_decides_without_listeners() {
    let dns = LeverKind::Dns;
    let mut events = vec![writing(dns, 0, 10), written(dns, 10), writing(dns, 10, 50)];
    assert_eq!(green_since(&entries(&events)), Some(second(1)));
    events.extend([writing(dns, 50, 0), written(dns, 0)]);
    assert_eq!(green_since(&entries(&events)), None);
}

#[test]
fn external_changes_count_and_rejected_writes_do_not() {
    let edges = LeverKind::Listeners;
    let changed = |from, to| TrafficEvent::ExternalChange { from: weights(edges, from), to: weights(edges, to) };
    assert_eq!(green_since(&entries(&[changed(0, 30)])), Some(second(1)));
    assert_eq!(green_since(&entries(&[changed(0, 30), changed(30, 0)])), None);
    let (green, because) = (Some(Share::BLUE), None);
    let rejected = TrafficEvent::ShiftEnded { outcome: Outcome::Refused, green, because };
    let gates = TrafficEvent::Gates { green: share(0), verdict: Verdict::Pass, checks: Vec::new() };
    assert_eq!(green_since(&entries(&[gates, writing(edges, 0, 10), rejected])), None);
}
