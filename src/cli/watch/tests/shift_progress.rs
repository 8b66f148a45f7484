//! The progress of a shift, from its history.

use jiff::SignedDuration;

use super::{at, by, ended, history, holding_50, in_progress, phase, share, shift_started, writing, written};
use crate::cli::watch::shift_progress::{Phase, ShiftProgress, is_idle};
use crate::traffic::event::{Outcome, TrafficEvent};
use crate::traffic::history::{Actor, ProcessStatus};
use crate::traffic::weight::LeverKind;

#[test]
fn phase_is_derived_from_the_history() {
    let held = |event| holding_50().into_iter().chain([event]).collect::<Vec<_>>();
    let stopped = |outcome| Phase::Stopped(outcome, Some("so".to_owned()));
    let rolling_back = || TrafficEvent::RollingBack { to: share(0), because: "so".to_owned() };
    let holding = Phase::Holding { green: share(50), since: at(9), until: at(69) };
    for (events, expected) in [
        (vec![shift_started()], Phase::CheckingGates),
        (holding_50()[..3].to_vec(), Phase::Writing(LeverKind::Listeners, share(10))),
        (holding_50()[..5].to_vec(), Phase::Holding { green: share(10), since: at(3), until: at(63) }),
        (holding_50()[..7].to_vec(), Phase::Writing(LeverKind::Dns, share(10))),
        (holding_50()[..8].to_vec(), Phase::StepDone(share(10))),
        (holding_50(), holding.clone()),
        (held(TrafficEvent::HoldRequested), Phase::HoldRequested),
        (held(TrafficEvent::FailbackStarted), Phase::FailingBack),
        (held(rolling_back()), Phase::RollingBack(share(0), "so".to_owned())),
        (held(ended(Outcome::Held, "so")), stopped(Outcome::Held)),
        // A stopped shift can't be held.
        ([held(ended(Outcome::Held, "so")), vec![TrafficEvent::HoldRequested]].concat(), stopped(Outcome::Held)),
        // A rollback isn't held.
        (
            [
                held(rolling_back()),
                vec![writing(LeverKind::Listeners, 0), written(LeverKind::Listeners, 0), TrafficEvent::HoldRequested],
            ]
            .concat(),
            Phase::RollingBack(share(0), "so".to_owned()),
        ),
        // An incomplete failback doesn't change the phase.
        (
            [held(TrafficEvent::FailbackStarted), vec![TrafficEvent::FailbackIncomplete { because: "so".to_owned() }]]
                .concat(),
            holding,
        ),
    ] {
        let last = format!("{:?}", events.last());
        assert_eq!(phase(events), expected, "{last}");
    }
    // Without listeners, the write to DNS is held.
    let dns = vec![shift_started(), writing(LeverKind::Dns, 10), written(LeverKind::Dns, 10)];
    assert_eq!(phase(dns), Phase::Holding { green: share(10), since: at(2), until: at(62) });
    assert!(in_progress(held(ended(Outcome::RolledBack, "so"))).is_none());
}

#[test]
fn shift_runs_while_its_own_process_runs() {
    let mut entries = history(holding_50());
    let mut asked = history([TrafficEvent::HoldRequested]).remove(0);
    asked.by = by("bob", 8);
    entries.push(asked);
    let only =
        |process| move |by: &Actor| if by.process == process { ProcessStatus::Running } else { ProcessStatus::Exited };
    assert!(
        ShiftProgress::from_history(&entries, only(7)).unwrap().is_running(),
        "the author of a hold request isn't the shift"
    );
    assert_eq!(ShiftProgress::from_history(&entries, only(8)).unwrap().phase, Phase::Died);
    assert!(ShiftProgress::from_history(&entries, |_| ProcessStatus::Unknown).unwrap().is_running());
}

#[test]
fn abort_starts_after_the_shift_has_exited() {
    let held: Vec<_> = holding_50().into_iter().chain([ended(Outcome::Held, "so")]).collect();
    let (running, held) = (history(holding_50()), history(held));
    let end = held.last().unwrap().at;
    let later = end + SignedDuration::from_secs(60);
    for (entries, process_status, now, idle) in [
        (&running, ProcessStatus::Running, later, false),
        (&running, ProcessStatus::Unknown, later, false),
        (&running, ProcessStatus::Exited, end, true),
        (&held, ProcessStatus::Running, end, false),
        (&held, ProcessStatus::Exited, end, true),
        (&held, ProcessStatus::Running, later, true),
        (&held, ProcessStatus::Unknown, later, true),
    ] {
        assert_eq!(
            is_idle(entries, now, |_| process_status),
            idle,
            "{process_status:?} at {now}: {:?}",
            entries.last()
        );
    }
    assert!(is_idle(&[], end, |_| ProcessStatus::Running));
}
