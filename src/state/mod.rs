//! The state: which resources provisioner has created, and how to find them again.
//!
//! A [`State`] is a file that people can read. A [`Session`] is a run's lock on a state, with a [`journal`] of everything that the
//! run does. A [`Store`] keeps states, journals and locks in a folder or in an S3 bucket.

mod backend;
mod bucket;
mod digest;
mod edit;
mod error;
mod file;
mod folder;
pub mod journal;
mod lease;
mod location;
mod lock;
mod record;
mod s3;
mod session;
mod store;
#[cfg(test)]
mod tests;
mod upgrade;

pub use backend::{AppendLog, Generation, Guard};
pub(crate) use digest::hex;
pub use digest::random_hex;
pub use edit::EditError;
pub use error::{RemoteCause, StateError};
pub use file::State;
pub use location::{Location, Place};
pub use record::{Intent, Record, StepId, Tags};
pub use s3::{Bucket, S3Object};
pub use session::Session;
pub use store::Store;
pub use upgrade::FORMAT;
