//! The progress of an unfinished shift, from the history, and whether its process runs.

use std::time::Duration;

use jiff::Timestamp;

use crate::report::traffic_events;
use crate::traffic::Share;
use crate::traffic::check::{Verdict, summary};
use crate::traffic::event::{Outcome, TrafficEvent};
use crate::traffic::history::{Actor, Entry, ProcessStatus, UnfinishedShift};
use crate::traffic::weight::LeverKind;

/// The progress of an unfinished shift.
#[derive(Clone, Debug)]
pub struct ShiftProgress {
    /// The shift.
    pub shift: UnfinishedShift,
    /// The current activity.
    pub phase: Phase,
    /// The checks that don't pass, at the last evaluation.
    pub failing_checks: Option<String>,
}

/// The current activity of a shift.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// It checks the gates before a step.
    CheckingGates,
    /// It writes weights.
    Writing(LeverKind, Share),
    /// It holds a step.
    Holding {
        /// Green's share.
        green: Share,
        /// The start of the hold.
        since: Timestamp,
        /// The earliest end of the hold.
        until: Timestamp,
    },
    /// A step is completed.
    StepDone(Share),
    /// It rolls back.
    RollingBack(Share, String),
    /// A failback moves all traffic to blue.
    FailingBack,
    /// A hold was requested, and takes effect at its next check.
    HoldRequested,
    /// It has stopped; the weights stay.
    Stopped(Outcome, Option<String>),
    /// Its process has died; the weights stay.
    Died,
}

impl ShiftProgress {
    /// The progress of the unfinished shift; `None` if there is none.
    pub fn from_history(entries: &[Entry], process_status: impl Fn(&Actor) -> ProcessStatus) -> Option<Self> {
        let shift = UnfinishedShift::from_history(entries)?;
        let is_start = |entry: &Entry| matches!(entry.event, TrafficEvent::ShiftStarted { .. });
        let (start, since) = entries.split_at(entries.iter().rposition(is_start)? + 1);
        let start = start.last()?;
        let hold = Duration::try_from_secs_f64(shift.hold_seconds).unwrap_or_default();
        let mut replay =
            Replay { phase: Phase::CheckingGates, by: &start.by, failing_checks: None, hold, has_edges: false };
        let mut before_failback = None;
        for entry in since {
            match &entry.event {
                TrafficEvent::FailbackStarted => before_failback = Some(replay.clone()),
                TrafficEvent::FailbackIncomplete { .. } => replay = before_failback.take().unwrap_or(replay),
                _ => {}
            }
            replay.apply(entry);
        }
        if !matches!(replay.phase, Phase::Stopped(..)) && process_status(replay.by) == ProcessStatus::Exited {
            replay.phase = Phase::Died;
        }
        let Replay { phase, failing_checks, .. } = replay;
        Some(ShiftProgress { shift, phase, failing_checks })
    }

    /// True while its process works on it.
    pub fn is_running(&self) -> bool {
        !matches!(self.phase, Phase::Stopped(..) | Phase::Died)
    }
}

/// True once no shift is running and its lock is released.
pub fn is_idle(entries: &[Entry], now: Timestamp, process_status: impl Fn(&Actor) -> ProcessStatus) -> bool {
    let Some(last) = entries.iter().rfind(|entry| is_of_shift(&entry.event)) else { return true };
    let ended = matches!(last.event, TrafficEvent::ShiftEnded { .. });
    match process_status(&last.by) {
        ProcessStatus::Exited => true,
        // A shift exits right after its last entry. After the timeout, another process may have its process id.
        ProcessStatus::Running | ProcessStatus::Unknown => {
            ended && now.duration_since(last.at).unsigned_abs() > EXIT_TIMEOUT
        }
    }
}

/// The longest time between the last entry of a shift and the exit of its process.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

fn is_of_shift(event: &TrafficEvent) -> bool {
    match event {
        TrafficEvent::HoldRequested
        | TrafficEvent::FailbackStarted
        | TrafficEvent::FailedBack { .. }
        | TrafficEvent::FailbackIncomplete { .. } => false,
        TrafficEvent::ShiftStarted { .. }
        | TrafficEvent::Gates { .. }
        | TrafficEvent::Writing { .. }
        | TrafficEvent::Written { .. }
        | TrafficEvent::StepDone { .. }
        | TrafficEvent::RollingBack { .. }
        | TrafficEvent::ShiftEnded { .. }
        | TrafficEvent::ExternalChange { .. } => true,
    }
}

/// The state of a replay, after some entries.
#[derive(Clone)]
struct Replay<'a> {
    phase: Phase,
    /// The author of the last entry that changed the phase.
    by: &'a Actor,
    failing_checks: Option<String>,
    hold: Duration,
    /// Listeners decide, so a step isn't held after the write to DNS.
    has_edges: bool,
}

impl<'a> Replay<'a> {
    fn apply(&mut self, entry: &'a Entry) {
        // A rollback isn't held, whatever it writes.
        let forward = !matches!(self.phase, Phase::RollingBack(..));
        let phase = match &entry.event {
            TrafficEvent::Gates { verdict, checks, .. } => {
                self.failing_checks = (*verdict != Verdict::Pass).then(|| summary(checks, *verdict));
                return;
            }
            TrafficEvent::Writing { lever, to, .. } if forward => {
                self.has_edges |= *lever == LeverKind::Listeners;
                Phase::Writing(*lever, *to)
            }
            TrafficEvent::Written { lever, to, .. }
                if forward && (*lever == LeverKind::Listeners || !self.has_edges) =>
            {
                // The gates are evaluated again.
                self.failing_checks = None;
                let until = entry.at.checked_add(self.hold).unwrap_or(Timestamp::MAX);
                Phase::Holding { green: *to, since: entry.at, until }
            }
            TrafficEvent::StepDone { green } => Phase::StepDone(*green),
            TrafficEvent::RollingBack { to, because } => Phase::RollingBack(*to, because.clone()),
            TrafficEvent::FailbackStarted => Phase::FailingBack,
            TrafficEvent::ShiftEnded { outcome, because, .. } => Phase::Stopped(*outcome, because.clone()),
            TrafficEvent::HoldRequested
                if forward && !matches!(self.phase, Phase::Stopped(..) | Phase::FailingBack) =>
            {
                self.phase = Phase::HoldRequested;
                // The author of the request isn't the process of the shift.
                return;
            }
            _ => return,
        };
        (self.phase, self.by) = (phase, &entry.by);
    }
}

/// How and when the last shift or failback ended.
pub fn last_end(entries: &[Entry]) -> Option<(Timestamp, String)> {
    let is_end = |entry: &&Entry| {
        matches!(
            entry.event,
            TrafficEvent::ShiftEnded { .. } | TrafficEvent::FailedBack { .. } | TrafficEvent::FailbackIncomplete { .. }
        )
    };
    entries.iter().rfind(is_end).map(|entry| (entry.at, traffic_events::sentence(&entry.event)))
}
