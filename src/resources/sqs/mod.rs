//! Simple Queue Service.

mod queue;

pub use queue::{DeadLetters, Queue, QueueOutputs};
