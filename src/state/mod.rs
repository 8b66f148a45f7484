//! What provisioner remembers between runs: which steps it made, and how to find them again.
//!
//! [`State`] is what a person can read, a [`Session`] a run's hold on it, with a [`journal`] of all that the run does. A
//! [`Store`] keeps the two of them, and a lock that keeps a second run away: in a folder, or in a bucket of S3.

mod bucket;
mod edit;
mod file;
mod folder;
pub mod journal;
mod lease;
mod location;
mod lock;
mod record;
mod session;
mod store;
#[cfg(test)]
mod tests;
mod upgrade;

pub use bucket::Bucket;
pub use edit::EditError;
pub(crate) use file::hex;
pub use file::{FORMAT, State, StateError, random_hex};
pub use location::{Location, Place};
pub use record::{Intent, Record, StepId, Tags};
pub use session::Session;
pub use store::{AppendLog, Generation, Guard, S3Object, Store};
