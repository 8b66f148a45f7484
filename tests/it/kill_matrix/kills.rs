//! The calls at which the tool is to be killed, and those at which it was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use serde::{Deserialize, Serialize};

use super::GAP;
use crate::support::proxy::{Call, Fault, Moment};

/// A phase of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The first apply.
    Apply,
    /// An apply that updates and replaces.
    Change,
    /// A destroy.
    Destroy,
}

/// One kill.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The phase of the life.
    pub phase: Phase,
    /// The call.
    pub key: String,
    /// The moment of the call.
    pub moment: Moment,
}

/// How points are chosen.
#[derive(Clone, Debug)]
pub enum Choice {
    /// The answer of every call.
    Every,
    /// These.
    Others(BTreeMap<(Phase, String), Moment>),
    /// One call in some dozens, at any moment, by this seed.
    Sample(u64),
}

/// The points that are done or in progress, in any life.
pub type Claims = Arc<Mutex<BTreeSet<Point>>>;

/// The kills of one life.
#[derive(Clone)]
pub struct Kills(Arc<Mutex<Inner>>);

struct Inner {
    choice: Choice,
    claims: Claims,
    phase: Phase,
    /// The number of changing calls since the last kill.
    since: usize,
    /// The minimum between two kills.
    gap: usize,
    points: Vec<Point>,
    troubles: Vec<(Point, String)>,
    /// A point was skipped because it came too soon after the last kill.
    was_late: bool,
}

impl Kills {
    /// For a single life.
    pub fn new(choice: Choice) -> Self {
        Kills::among(choice, Claims::default())
    }

    /// For a life that skips the points of other lives.
    pub fn among(choice: Choice, claims: Claims) -> Self {
        let gap = if let Choice::Sample(seed) = choice { usize::try_from(seed % 16).unwrap_or(0) } else { 0 };
        Kills(Arc::new(Mutex::new(Inner {
            choice,
            claims,
            phase: Phase::Apply,
            since: 0,
            gap,
            points: Vec::new(),
            troubles: Vec::new(),
            was_late: false,
        })))
    }

    /// Starts a phase.
    pub fn enter(&self, phase: Phase) {
        self.lock().phase = phase;
    }

    /// Returns the kill at this call, if it is one of the points.
    pub fn judge(&self, call: &Call) -> Option<Fault> {
        let mut inner = self.lock();
        if !call.is_change {
            return None;
        }
        inner.since += 1;
        let point = inner.point(call)?;
        let is_late = inner.since <= inner.gap;
        if is_late {
            inner.was_late = true;
            return None;
        }
        if !matches!(inner.choice, Choice::Sample(_))
            && !inner.claims.lock().expect("no panic here").insert(point.clone())
        {
            return None;
        }
        inner.since = 0;
        inner.gap = match inner.choice {
            Choice::Sample(seed) => 40 + (call.dice(seed) % 12) as usize,
            _ => GAP,
        };
        let fault = Fault::Kill(point.moment);
        inner.points.push(point);
        Some(fault)
    }

    /// Where the tool was killed, in this order.
    pub fn points(&self) -> Vec<Point> {
        self.lock().points.clone()
    }

    /// Records the error of a run that wasn't killed: the last kill is the likely cause.
    pub fn blame(&self, said: &str) {
        let mut inner = self.lock();
        let last = inner.points.last().cloned();
        let phase = inner.phase;
        let no_kill = || Point { phase, key: "no kill at all".to_owned(), moment: Moment::BeforeSend };
        inner.troubles.push((last.unwrap_or_else(no_kill), said.to_owned()));
    }

    /// The errors by point.
    pub fn blamed(&self) -> Vec<(Point, String)> {
        self.lock().troubles.clone()
    }

    /// [`blamed`](Self::blamed) as messages.
    pub fn troubles(&self) -> Vec<String> {
        self.blamed().into_iter().map(|(point, said)| format!("after {point:?}: {said}")).collect()
    }

    /// No point was reached.
    pub fn is_idle(&self) -> bool {
        let inner = self.lock();
        inner.points.is_empty() && !inner.was_late && inner.phase == Phase::Destroy
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no panic holds this lock")
    }
}

impl Inner {
    /// The point of this call, if it is chosen and no other life has taken it.
    fn point(&self, call: &Call) -> Option<Point> {
        let phase = self.phase;
        let moment = match &self.choice {
            Choice::Every => Moment::BeforeAnswer,
            Choice::Others(chosen) => *chosen.get(&(phase, call.key.clone()))?,
            Choice::Sample(seed) => match (call.dice(*seed) >> 8) % 4 {
                0 => Moment::BeforeSend,
                1 => Moment::AfterAnswer,
                _ => Moment::BeforeAnswer,
            },
        };
        let point = Point { phase, key: call.key.clone(), moment };
        let is_taken = self.claims.lock().expect("no panic holds this lock").contains(&point);
        (!is_taken).then_some(point)
    }
}
