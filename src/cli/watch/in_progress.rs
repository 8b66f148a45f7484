//! The shift that is under way or was left half done, as the history tells it, and whether a process is at it still.

use std::time::Duration;

use jiff::Timestamp;

use crate::report::traffic_events;
use crate::traffic::Share;
use crate::traffic::check::{Verdict, summary};
use crate::traffic::event::{Outcome, TrafficEvent};
use crate::traffic::history::{Actor, Entry, Liveness, UnfinishedShift};
use crate::traffic::weight::LeverKind;

/// A shift that isn't over.
#[derive(Clone, Debug)]
pub struct UnderWay {
    /// What it is about.
    pub shift: UnfinishedShift,
    /// Who began it, or went on with it last.
    pub by: Actor,
    /// Why.
    pub why: Option<String>,
    /// What it is at.
    pub phase: Phase,
    /// What it said of green last, unless green was well.
    pub doubt: Option<String>,
}

/// What a shift is at.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// It looks whether green is fit for a step.
    Looking,
    /// It writes weights.
    Writing(LeverKind, Share),
    /// A step is held and watched.
    Holding {
        /// The share of green.
        green: Share,
        /// Since when.
        since: Timestamp,
        /// It is held until then at least.
        until: Timestamp,
    },
    /// A step is done.
    Done(Share),
    /// It goes back.
    RollingBack(Share, String),
    /// A failback takes all to blue.
    FailingBack,
    /// Somebody asked it to hold; it finds out at its next look.
    AskedToHold,
    /// It stays where it is.
    Left(Outcome, Option<String>),
    /// Its process is gone, and it stays where it is.
    Died,
}

impl UnderWay {
    /// The shift that isn't over; `None` if there is none.
    pub fn of(entries: &[Entry], alive: impl Fn(&Actor) -> Liveness) -> Option<Self> {
        let shift = UnfinishedShift::from_history(entries)?;
        let is_start = |entry: &Entry| matches!(entry.event, TrafficEvent::ShiftStarted { .. });
        let (start, since) = entries.split_at(entries.iter().rposition(is_start)? + 1);
        let start = start.last()?;
        let hold = Duration::try_from_secs_f64(shift.hold_seconds).unwrap_or_default();
        let mut fold = Fold { phase: Phase::Looking, by: &start.by, doubt: None, hold, edges: false };
        let mut before_failback = None;
        for entry in since {
            match &entry.event {
                TrafficEvent::FailbackStarted => before_failback = Some(fold.clone()),
                TrafficEvent::FailbackIncomplete { .. } => fold = before_failback.take().unwrap_or(fold),
                _ => {}
            }
            fold.take(entry);
        }
        if !matches!(fold.phase, Phase::Left(..)) && alive(fold.by) == Liveness::Exited {
            fold.phase = Phase::Died;
        }
        let Fold { phase, doubt, .. } = fold;
        Some(UnderWay { shift, by: start.by.clone(), why: start.reason.clone(), phase, doubt })
    }

    /// True while a process is at it.
    pub fn runs(&self) -> bool {
        !matches!(self.phase, Phase::Left(..) | Phase::Died)
    }
}

/// True once nothing moves the traffic step by step any more, and the lock is free.
pub fn is_settled(entries: &[Entry], now: Timestamp, alive: impl Fn(&Actor) -> Liveness) -> bool {
    let Some(last) = entries.iter().rfind(|entry| is_of_shift(&entry.event)) else { return true };
    let ended = matches!(last.event, TrafficEvent::ShiftEnded { .. });
    match alive(&last.by) {
        Liveness::Exited => true,
        // Its end is the last that a shift puts down. What lives on that long may be another process by that number.
        Liveness::Running | Liveness::Unknown => ended && now.duration_since(last.at).unsigned_abs() > LAST_BREATH,
    }
}

/// Between the last entry of a shift and the end of its process.
const LAST_BREATH: Duration = Duration::from_secs(5);

fn is_of_shift(what: &TrafficEvent) -> bool {
    match what {
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

/// What is known so far, entry by entry.
#[derive(Clone)]
struct Fold<'a> {
    phase: Phase,
    /// Whose process is at it.
    by: &'a Actor,
    doubt: Option<String>,
    hold: Duration,
    /// Listeners decide, so a step isn't held after the write to DNS.
    edges: bool,
}

impl<'a> Fold<'a> {
    fn take(&mut self, entry: &'a Entry) {
        // What goes back isn't held, whatever it writes.
        let forward = !matches!(self.phase, Phase::RollingBack(..));
        let phase = match &entry.event {
            TrafficEvent::Gates { verdict, checks, .. } => {
                self.doubt = (*verdict != Verdict::Pass).then(|| summary(checks, *verdict));
                return;
            }
            TrafficEvent::Writing { lever, to, .. } if forward => {
                self.edges |= *lever == LeverKind::Listeners;
                Phase::Writing(*lever, *to)
            }
            TrafficEvent::Written { lever, to, .. } if forward && (*lever == LeverKind::Listeners || !self.edges) => {
                // It is looked at anew.
                self.doubt = None;
                let until = entry.at.checked_add(self.hold).unwrap_or(Timestamp::MAX);
                Phase::Holding { green: *to, since: entry.at, until }
            }
            TrafficEvent::StepDone { green } => Phase::Done(*green),
            TrafficEvent::RollingBack { to, because } => Phase::RollingBack(*to, because.clone()),
            TrafficEvent::FailbackStarted => Phase::FailingBack,
            TrafficEvent::ShiftEnded { outcome, because, .. } => Phase::Left(*outcome, because.clone()),
            TrafficEvent::HoldRequested if forward && !matches!(self.phase, Phase::Left(..) | Phase::FailingBack) => {
                self.phase = Phase::AskedToHold;
                // Whoever asks is not who is at it.
                return;
            }
            _ => return,
        };
        (self.phase, self.by) = (phase, &entry.by);
    }
}

/// How the last shift or failback went, in words.
pub fn last_end(entries: &[Entry]) -> Option<(Timestamp, String)> {
    let is_end = |entry: &&Entry| {
        matches!(
            entry.event,
            TrafficEvent::ShiftEnded { .. } | TrafficEvent::FailedBack { .. } | TrafficEvent::FailbackIncomplete { .. }
        )
    };
    entries.iter().rfind(is_end).map(|entry| (entry.at, traffic_events::sentence(&entry.event)))
}
