//! The interface between states and the place where they are kept.

use std::fmt::Debug;
use std::path::PathBuf;

use async_trait::async_trait;
use jiff::Timestamp;

use super::error::Result;
use super::journal::Entry;
use super::s3::S3Object;

/// The version of a state that was read; `None` if there was no state. Where versions are supported, a write on top of another
/// version is refused.
pub type Version = Option<String>;

/// A generation of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// The id for `state restore`.
    pub id: String,
    /// When it was written.
    pub written: Timestamp,
    /// It is the current state.
    pub current: bool,
}

/// The append-only log of traffic changes of a deployment.
#[derive(Clone, Debug)]
pub enum AppendLog {
    /// A file.
    File(PathBuf),
    /// An S3 object.
    Object(S3Object),
}

/// A place for states: by suffix, a text that is replaced as a whole, an append-only journal, and a lock.
#[async_trait]
pub(super) trait Backend: Debug + Send + Sync {
    /// The path or URL of the state.
    fn name(&self, suffix: &str) -> String;
    /// The log of traffic changes.
    fn history(&self, suffix: &str) -> AppendLog;
    /// The suffixes that have a state or a journal.
    async fn suffixes(&self) -> Result<Vec<String>>;
    /// The text of the state, which may not be UTF-8, and its version.
    async fn read(&self, suffix: &str) -> Result<Option<(Vec<u8>, Version)>>;
    /// Replaces the text atomically and keeps the old one as a generation.
    async fn write(&self, suffix: &str, text: &str, over: &Version) -> Result<Version>;
    /// Removes the text; generations stay.
    async fn remove(&self, suffix: &str) -> Result<()>;
    /// The entries of the journal.
    async fn journalled(&self, suffix: &str) -> Result<Vec<Entry>>;
    /// Opens the journal on top of the state with this serial.
    async fn journal(&self, suffix: &str, serial: u64) -> Result<Box<dyn Journal>>;
    /// Moves the journal to another name, and returns that.
    async fn set_journal_aside(&self, suffix: &str) -> Result<String>;
    /// Removes the journal.
    async fn clear_journal(&self, suffix: &str) -> Result<()>;
    /// Takes the lock. `purpose` is the command, shown to those who wait.
    async fn lock(&self, suffix: &str, purpose: &str) -> Result<Box<dyn Guard>>;
    /// Breaks the lock; one whose run may be alive only with `force`. Returns its holder; `None` if there was none.
    async fn unlock(&self, suffix: &str, force: bool) -> Result<Option<String>>;
    /// The generations, newest first.
    async fn generations(&self, suffix: &str) -> Result<Vec<Generation>>;
    /// The text of a generation, which may not be UTF-8.
    async fn generation(&self, suffix: &str, id: &str) -> Result<Option<Vec<u8>>>;
}

/// An open journal.
#[async_trait]
pub(super) trait Journal: Debug + Send {
    /// Appends lines; they are stored when this returns. After an error nothing more may be appended.
    async fn append(&mut self, lines: &str) -> Result<()>;
}

/// A lock that is held until it is dropped.
#[async_trait]
pub trait Guard: Debug + Send + Sync {
    /// Fails unless the lock is certainly still held.
    async fn check(&self) -> Result<()>;
}
