//! Simple Queue Service.

mod queue;

pub use queue::{Queue, QueueOutputs};
