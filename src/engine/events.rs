//! What happens during a run, told to whoever watches. The engine knows no screen.

use std::time::Duration;

use super::operations::StepError;
use super::plan::Action;
use super::step::StepId;

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The live resources were read: so many of so many.
    Observed {
        /// How many are done.
        done: usize,
        /// How many there are.
        total: usize,
    },
    /// The run starts: so many actions are to be done.
    Started {
        /// How many there are.
        total: usize,
    },
    /// Work on a step began.
    StepStarted {
        /// The step.
        step: StepId,
        /// The step's type.
        kind: &'static str,
        /// What is done to it.
        action: Action,
        /// How long that usually takes on AWS.
        usually: Duration,
    },
    /// A step waits for AWS.
    StepWaiting {
        /// The step.
        step: StepId,
        /// What is wrong with it, or what was tried.
        what: String,
    },
    /// A step is done.
    StepDone {
        /// The step.
        step: StepId,
        /// What is done to it.
        action: Action,
        /// How long it took.
        took: Duration,
    },
    /// A step failed.
    StepFailed {
        /// The step.
        step: StepId,
        /// What is done to it.
        action: Action,
        /// What is wrong.
        error: StepError,
    },
    /// A step was left out because one that it needs failed, or because the run was interrupted.
    StepSkipped {
        /// The step.
        step: StepId,
        /// Why.
        because: String,
    },
    /// The person asked to stop: nothing new starts.
    Interrupted,
    /// The run is over.
    Ended,
}

/// Whoever watches a run.
pub trait Observer: Send + Sync {
    /// Called for each event, from any task: must be quick.
    fn on(&self, event: Event);
}

/// Watches nothing.
pub struct Silent;

impl Observer for Silent {
    fn on(&self, _event: Event) {}
}
