//! The events of a run. The engine reports them to an [`Observer`] and knows no screen.

use std::time::Duration;

use super::error::StepError;
use super::plan::Action;
use super::step::StepId;

/// One event of a run.
#[derive(Clone, Debug)]
pub enum Event {
    /// Resources were read.
    Observed {
        /// How many so far.
        done: usize,
        /// How many there are.
        total: usize,
    },
    /// The execution of a plan starts.
    Started {
        /// The number of actions.
        total: usize,
    },
    /// The action of a step starts.
    StepStarted {
        /// The step.
        step: StepId,
        /// The resource type.
        kind: &'static str,
        /// The action.
        action: Action,
        /// How long it typically takes on AWS.
        typical_time: Duration,
    },
    /// A step waits for AWS.
    StepWaiting {
        /// The step.
        step: StepId,
        /// What it waits for.
        what: String,
    },
    /// The action of a step succeeded.
    StepDone {
        /// The step.
        step: StepId,
        /// The action.
        action: Action,
        /// How long it took.
        took: Duration,
    },
    /// The action of a step failed.
    StepFailed {
        /// The step.
        step: StepId,
        /// The action.
        action: Action,
        /// The error.
        error: StepError,
    },
    /// A step was skipped because a dependency failed or the run was interrupted.
    StepSkipped {
        /// The step.
        step: StepId,
        /// The reason.
        because: String,
    },
    /// The user interrupted the run: no new action starts.
    Interrupted,
    /// The run is over.
    Ended,
}

/// Receives the events of a run.
pub trait Observer: Send + Sync {
    /// Called for each event, from any task: must return quickly.
    fn on(&self, event: Event);
}

/// An observer that ignores all events.
pub struct Silent;

impl Observer for Silent {
    fn on(&self, _event: Event) {}
}
