//! What provisioner remembers between runs: which steps it made, and how to find them again.
//!
//! [`State`] is the file that a person can read, [`Journal`](journal::Journal) the append-only log of a run that is on,
//! [`Lock`](lock::Lock) keeps a second run away, and [`Folder`](folder::Folder) holds the three of them on disk.

mod file;
pub mod folder;
pub mod journal;
pub mod lock;
mod record;

pub(crate) use file::hex;
pub use file::{FORMAT, State, StateError, random_hex};
pub use record::{Intent, Record, StepId, Tags};
