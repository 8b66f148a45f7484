//! What happens during a run, told to whoever watches. The engine knows no screen.

use std::time::Duration;

use super::operations::StepError;
use super::plan::Action;
use super::step::StepId;

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The live resources were read: so many of so many.
    Observed { done: usize, total: usize },
    /// The run starts: so many actions are to be done.
    Started { total: usize },
    /// Work on a step began.
    StepStarted { step: StepId, kind: &'static str, action: Action, usually: Duration },
    /// A step waits for AWS.
    StepWaiting { step: StepId, what: String },
    /// A step is done.
    StepDone { step: StepId, action: Action, took: Duration },
    /// A step failed.
    StepFailed { step: StepId, action: Action, error: StepError },
    /// A step was left out because one that it needs failed, or because the run was interrupted.
    StepSkipped { step: StepId, because: String },
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
