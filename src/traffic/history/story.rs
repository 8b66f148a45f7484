//! What a history tells: which shift isn't over, which weights it has seen last, since when green serves.

use jiff::Timestamp;

use super::Entry;
use crate::traffic::happening::{Happening, Lever, OnFail, Outcome, Weight};
use crate::traffic::share::{Share, Steps};

/// A shift that was begun and isn't over: it runs, or was left where it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfinished {
    /// Tells shifts apart.
    pub shift: String,
    /// All its shares of green, one after the other.
    pub steps: Steps,
    /// How long each is held and watched.
    pub hold_seconds: f64,
    /// What a failed gate leads to.
    pub on_fail: OnFail,
    /// The share before it.
    pub from: Share,
    /// The share of the step that it was in; `from` if it hadn't begun with any.
    pub at: Share,
    /// The last step that was held for its time.
    pub done: Option<Share>,
    /// When it was begun, also if it went on since.
    pub started: Timestamp,
    /// How it was left, and why; `None` if it runs still, or its process died.
    pub ended: Option<(Outcome, Option<String>)>,
}

/// The shift that isn't over. Only the last one can be: a new one takes the place of the one before.
pub fn unfinished(entries: &[Entry]) -> Option<Unfinished> {
    let mut shift: Option<Unfinished> = None;
    // Until it goes back, what is written is a step.
    let mut forward = true;
    for entry in entries {
        match &entry.what {
            Happening::ShiftStarted { .. } => {
                shift = begun(entry, shift.take());
                forward = true;
            }
            Happening::FailedBack { .. } => shift = None,
            Happening::ShiftEnded { outcome, .. } if is_over(*outcome) => shift = None,
            Happening::RollingBack { .. } | Happening::FailbackStarted => forward = false,
            what => {
                if let Some(shift) = &mut shift {
                    match what {
                        Happening::Writing { to, .. } if forward => shift.at = *to,
                        Happening::StepDone { green } => shift.done = Some(*green),
                        Happening::ShiftEnded { outcome, because, .. } => shift.ended = Some((*outcome, because.clone())),
                        _ => {}
                    }
                }
            }
        }
    }
    shift
}

/// The shift that begins or goes on with this entry.
fn begun(entry: &Entry, before: Option<Unfinished>) -> Option<Unfinished> {
    let Happening::ShiftStarted { shift, steps, hold_seconds, on_fail, from, resumed } = &entry.what else { return before };
    let before = before.filter(|before| *resumed && before.shift == *shift);
    Some(Unfinished {
        shift: shift.clone(),
        steps: steps.clone(),
        hold_seconds: *hold_seconds,
        on_fail: *on_fail,
        from: *from,
        at: before.as_ref().map_or(*from, |before| before.at),
        done: before.as_ref().and_then(|before| before.done),
        started: before.map_or(entry.at, |before| before.started),
        ended: None,
    })
}

/// True if nothing is left to go on with.
fn is_over(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Completed | Outcome::Refused | Outcome::RolledBack | Outcome::FailedBack | Outcome::Aborted => true,
        Outcome::Held | Outcome::Interrupted | Outcome::Failed => false,
    }
}

/// What weights a lever should have, by the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Those of this share of green: they were written, and read back.
    Share(Share),
    /// A write that nobody saw the end of: each weight may be as it was, or as it should have become.
    Either {
        /// The weights before it. Of a lever there may be several, where it wasn't known before either.
        from: Vec<Weight>,
        /// The share of green that was being written.
        to: Share,
    },
    /// Those that were seen when somebody else had changed them.
    Weights(Vec<Weight>),
}

/// The weights that a history has seen last; `None` for a lever of which it tells nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastSeen {
    /// Of the weighted rules of all edges.
    pub listeners: Option<Expected>,
    /// Of the weighted records.
    pub dns: Option<Expected>,
}

impl LastSeen {
    fn of(&mut self, lever: Lever) -> &mut Option<Expected> {
        match lever {
            Lever::Listeners => &mut self.listeners,
            Lever::Dns => &mut self.dns,
        }
    }
}

/// The weights that the history has seen last.
pub fn last_seen(entries: &[Entry]) -> LastSeen {
    let mut seen = LastSeen::default();
    // The weights that were named last tell the names of the levers.
    let (mut rules, mut records) = (Vec::new(), Vec::new());
    for entry in entries {
        match &entry.what {
            Happening::Writing { lever, from, to } => {
                *seen.of(*lever) = Some(Expected::Either { from: from.clone(), to: *to });
                *(if *lever == Lever::Listeners { &mut rules } else { &mut records }) = from.clone();
            }
            Happening::Written { lever, to, .. } => *seen.of(*lever) = Some(Expected::Share(*to)),
            Happening::FailbackStarted => {
                seen.listeners = seen.listeners.map(|before| or_blue(before, &rules));
                seen.dns = seen.dns.map(|before| or_blue(before, &records));
            }
            Happening::FailedBack { .. } => {
                let blue = Some(Expected::Share(Share::BLUE));
                seen = LastSeen { listeners: blue.clone(), dns: blue };
            }
            Happening::Noticed { to, .. } => {
                for (lever, names) in [(Lever::Listeners, &mut rules), (Lever::Dns, &mut records)] {
                    let weights: Vec<_> = to.iter().filter(|weight| lever_of(weight) == lever).cloned().collect();
                    if !weights.is_empty() {
                        names.clone_from(&weights);
                        *seen.of(lever) = Some(Expected::Weights(weights));
                    }
                }
            }
            _ => {}
        }
    }
    seen
}

/// While a failback is under way: what it was before, or blue. `named` has a weight of each lever.
fn or_blue(before: Expected, named: &[Weight]) -> Expected {
    let given = |share: Share| named.iter().map(move |weight| Weight { lever: weight.lever.clone(), split: share.split() });
    let from = match before {
        Expected::Weights(weights) => weights,
        Expected::Share(share) => given(share).collect(),
        Expected::Either { mut from, to } => {
            from.extend(given(to));
            from
        }
    };
    Expected::Either { from, to: Share::BLUE }
}

/// What a weight is of: rules have names such as `blue edge`, and no domain name has a space in it.
fn lever_of(weight: &Weight) -> Lever {
    if weight.lever.contains(' ') { Lever::Listeners } else { Lever::Dns }
}

/// Since when green has served customers without a break; `None` if it serves none. The listeners decide; where there are
/// none, DNS does.
pub fn green_since(entries: &[Entry]) -> Option<Timestamp> {
    let of_edges = |entry: &Entry| match &entry.what {
        Happening::Writing { lever, .. } => *lever == Lever::Listeners,
        Happening::Noticed { to, .. } => to.iter().any(|weight| lever_of(weight) == Lever::Listeners),
        _ => false,
    };
    let deciding = if entries.iter().any(of_edges) { Lever::Listeners } else { Lever::Dns };
    let mut since = None;
    for entry in entries {
        let serves = match &entry.what {
            // From the write on it may.
            Happening::Writing { lever, to, .. } if *lever == deciding && *to > Share::BLUE => true,
            // It does until the write was read back.
            Happening::Written { lever, to, .. } if *lever == deciding => *to > Share::BLUE,
            Happening::FailedBack { .. } => false,
            // As AWS had it then: a write that it refused gave green nothing.
            Happening::ShiftEnded { green: Some(green), .. } => *green > Share::BLUE,
            Happening::Noticed { to, .. } => {
                let mut weights = to.iter().filter(|weight| lever_of(weight) == deciding).peekable();
                if weights.peek().is_none() {
                    continue;
                }
                weights.any(|weight| weight.split.green > 0)
            }
            _ => continue,
        };
        since = serves.then(|| since.unwrap_or(entry.at));
    }
    since
}
