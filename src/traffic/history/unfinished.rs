//! The unfinished shift, by replaying the history.

use jiff::Timestamp;

use super::{Actor, Entry};
use crate::traffic::event::{OnFail, Outcome, TrafficEvent};
use crate::traffic::limits::Limits;
use crate::traffic::share::{Share, Steps};

/// A shift that started and isn't over: it runs, or it stopped at a step.
#[derive(Clone, Debug, PartialEq)]
pub struct UnfinishedShift {
    /// The id of the shift.
    pub shift: String,
    /// All its steps.
    pub steps: Steps,
    /// The hold of each step.
    pub hold_seconds: f64,
    /// What happens if a gate fails.
    pub on_fail: OnFail,
    /// Green's share before the shift.
    pub from: Share,
    /// The step that it is in; `from` before the first one.
    pub at: Share,
    /// The last completed step.
    pub done: Option<Share>,
    /// It was rolling back or being aborted.
    pub rolling_back: bool,
    /// The weights were changed outside provisioner during it.
    pub changed_externally: bool,
    /// How long it waits for an inconclusive gate.
    pub patience_seconds: Option<f64>,
    /// The limits of the gates.
    pub limits: Option<Limits>,
    /// When it started first.
    pub started: Timestamp,
    /// Who started it, or resumed it last.
    pub by: Actor,
    /// The operator's reason.
    pub reason: Option<String>,
    /// How and why it stopped; `None` if it still runs, or its process died.
    pub ended: Option<(Outcome, Option<String>)>,
}

impl UnfinishedShift {
    /// The unfinished shift of this history. Only the last shift can be unfinished: a new one supersedes the one before.
    pub fn from_history(entries: &[Entry]) -> Option<Self> {
        let mut shift: Option<Self> = None;
        // After a rollback has started, writes aren't steps.
        let mut forward = true;
        for entry in entries {
            match &entry.event {
                TrafficEvent::ShiftStarted { .. } => {
                    shift = UnfinishedShift::started(entry, shift.take());
                    forward = true;
                }
                TrafficEvent::FailedBack { .. } => shift = None,
                TrafficEvent::ShiftEnded { outcome, .. } if is_final(*outcome) => shift = None,
                TrafficEvent::RollingBack { .. } | TrafficEvent::FailbackStarted => {
                    forward = false;
                    shift.iter_mut().for_each(|shift| shift.rolling_back = true);
                }
                event => {
                    if let Some(shift) = &mut shift {
                        match event {
                            TrafficEvent::ExternalChange { .. } => shift.changed_externally = true,
                            TrafficEvent::Writing { to, .. } if forward => shift.at = *to,
                            TrafficEvent::StepDone { green } => shift.done = Some(*green),
                            TrafficEvent::ShiftEnded { outcome, because, .. } => {
                                shift.ended = Some((*outcome, because.clone()));
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
        shift
    }

    /// The shift that starts or resumes with this entry.
    fn started(entry: &Entry, before: Option<Self>) -> Option<Self> {
        let TrafficEvent::ShiftStarted { shift, steps, hold_seconds, on_fail, patience_seconds, limits, from, resumed } =
            &entry.event
        else {
            return before;
        };
        let before = before.filter(|before| *resumed && before.shift == *shift);
        Some(UnfinishedShift {
            shift: shift.clone(),
            steps: steps.clone(),
            hold_seconds: *hold_seconds,
            on_fail: *on_fail,
            from: *from,
            at: before.as_ref().map_or(*from, |before| before.at),
            done: before.as_ref().and_then(|before| before.done),
            rolling_back: false,
            changed_externally: false,
            patience_seconds: *patience_seconds,
            limits: *limits,
            by: entry.by.clone(),
            reason: entry.reason.clone(),
            started: before.map_or(entry.at, |before| before.started),
            ended: None,
        })
    }
}

/// True if a shift can't be resumed after this outcome.
fn is_final(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Completed | Outcome::Refused | Outcome::RolledBack | Outcome::FailedBack | Outcome::Aborted => true,
        Outcome::Held | Outcome::Interrupted | Outcome::Failed => false,
    }
}
