//! Where states are kept: one interface over a folder on this machine and a bucket in S3.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::bucket::{Bucket, If, Written};
use super::file::{State, StateError};
use super::folder::Folder;
use super::journal::{Entry, Of};
use super::session::Session;

/// What the functions of this module give.
pub type Result<T> = std::result::Result<T, StateError>;

/// Where states are kept. Clones are the same place.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Arc<dyn Backend>,
}

/// Which write of a state was read; `None` if there was none. A write over another one is refused where the place can tell.
pub type Version = Option<String>;

/// A generation of a state that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// What `state restore` takes.
    pub id: String,
    /// When it was written.
    pub written: Timestamp,
    /// The one that counts.
    pub current: bool,
}

/// A place for states: texts that are replaced whole, a journal that is only added to, and a lock, each by suffix.
#[async_trait]
pub(super) trait Backend: Debug + Send + Sync {
    /// How people find the state: a path, a URL.
    fn name(&self, suffix: &str) -> String;
    /// Where the history of a suffix's traffic is.
    fn history(&self, suffix: &str) -> AppendLog;
    /// The suffixes that have a state or a journal here.
    async fn suffixes(&self) -> Result<Vec<String>>;
    /// The state's text, as far as it is one, and which write it is.
    async fn read(&self, suffix: &str) -> Result<Option<(Vec<u8>, Version)>>;
    /// Replaces the text, all or nothing, and keeps the one before.
    async fn write(&self, suffix: &str, text: &str, over: &Version) -> Result<Version>;
    /// Removes the text; earlier generations stay.
    async fn remove(&self, suffix: &str) -> Result<()>;
    /// All that is journalled.
    async fn journalled(&self, suffix: &str) -> Result<Vec<Entry>>;
    /// Opens the journal for adding to it. `serial` is that of the state that it goes on from.
    async fn journal(&self, suffix: &str, serial: u64) -> Result<Box<dyn Journal>>;
    /// Keeps a journal that nobody can read under another name. Gives where it is.
    async fn set_journal_aside(&self, suffix: &str) -> Result<String>;
    /// Removes all that is journalled.
    async fn clear_journal(&self, suffix: &str) -> Result<()>;
    /// Takes the lock. `purpose` is the command, for the one who has to wait.
    async fn lock(&self, suffix: &str, purpose: &str) -> Result<Box<dyn Guard>>;
    /// Takes a lock away from whoever holds it; from one that may live by `force` alone. Gives the holder; `None` if there is
    /// none.
    async fn unlock(&self, suffix: &str, force: bool) -> Result<Option<String>>;
    /// The generations that were kept, the newest first.
    async fn generations(&self, suffix: &str) -> Result<Vec<Generation>>;
    /// The text of a generation, as far as it is one.
    async fn generation(&self, suffix: &str, id: &str) -> Result<Option<Vec<u8>>>;
}

/// A journal that is open.
#[async_trait]
pub(super) trait Journal: Debug + Send {
    /// Adds lines; they are kept when this returns. After an error nothing more may be added.
    async fn append(&mut self, lines: &str) -> Result<()>;
}

/// A held lock. Dropping it frees it.
#[async_trait]
pub trait Guard: Debug + Send + Sync {
    /// Fails if it isn't surely held any more.
    async fn check(&self) -> Result<()>;
}

/// Where a text is kept that is only ever added to: the history of a suffix.
#[derive(Clone, Debug)]
pub enum AppendLog {
    /// A file.
    File(PathBuf),
    /// An object.
    Object(S3Object),
}

/// A text object of a bucket, which is replaced whole.
#[derive(Clone, Debug)]
pub struct S3Object {
    bucket: Bucket,
    name: String,
}

impl S3Object {
    pub(super) fn new(bucket: Bucket, name: String) -> Self {
        S3Object { bucket, name }
    }

    /// How people find it.
    pub fn url(&self) -> String {
        self.bucket.url(&self.name)
    }

    /// The text, and which write it is; `None` if there is none.
    pub async fn read(&self) -> Result<Option<(String, String)>> {
        self.bucket.get(&self.name).await
    }

    /// Replaces the text if it is still the one that was read. Gives which write it is; `None` if somebody else was faster.
    pub async fn write(&self, text: &str, over: Option<&str>) -> Result<Option<String>> {
        match self.bucket.put(&self.name, text, over.map_or(If::New, If::Is)).await? {
            Written::Yes(version) => Ok(Some(version)),
            Written::No => Ok(None),
        }
    }
}

impl Store {
    /// A folder; it needn't exist yet.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Store { backend: Arc::new(Folder::new(path)) }
    }

    /// A bucket.
    pub fn bucket(bucket: Bucket) -> Self {
        Store { backend: Arc::new(bucket) }
    }

    /// A place that fails as a test wants.
    #[cfg(test)]
    pub(super) fn at(backend: impl Backend + 'static) -> Self {
        Store { backend: Arc::new(backend) }
    }

    /// How people find the state of a suffix: a path, a URL.
    pub fn name(&self, suffix: &str) -> String {
        self.backend.name(suffix)
    }

    /// The suffixes that have a state here.
    pub async fn suffixes(&self) -> Result<Vec<String>> {
        self.backend.suffixes().await
    }

    /// Where the history of a suffix's traffic is.
    pub fn history(&self, suffix: &str) -> AppendLog {
        self.backend.history(suffix)
    }

    /// Reads the state of a suffix with what an unfinished run has journalled. Writes nothing.
    pub async fn read(&self, suffix: &str) -> Result<Option<State>> {
        Ok(self.read_all(suffix).await?.map(|(state, ..)| state))
    }

    /// The state, which write of it that is, and whether what is journalled was taken in (`None` if there is nothing). If its file
    /// is gone, as far as the journal tells.
    async fn read_all(&self, suffix: &str) -> Result<Option<(State, Version, Option<bool>)>> {
        let read = self.backend.read(suffix).await?;
        let entries = self.backend.journalled(suffix).await?;
        let (mut state, version) = match read {
            Some((text, version)) => (State::from_bytes(&self.name(suffix), &text)?, version),
            None => match opened(&entries) {
                Some((lineage, serial, Some(of))) => {
                    let state = State::new(&of.system, suffix, &of.account, &of.region);
                    (State { lineage: lineage.to_owned(), serial, ..state }, None)
                }
                _ => return Ok(None),
            },
        };
        let is_journalled = !entries.is_empty();
        let taken = replay(&mut state, entries);
        Ok(Some((state, version, is_journalled.then_some(taken))))
    }

    /// Opens the state of a suffix for a run: takes the lock, and takes in what an unfinished run has journalled. `fresh` makes
    /// the state if there is none.
    pub async fn open(&self, suffix: &str, purpose: &str, fresh: impl FnOnce() -> State) -> Result<Session> {
        let guard = self.lock(suffix, purpose).await?;
        let read = self.read_all(suffix).await?;
        let is_new = read.is_none();
        let (state, version, journalled) = read.unwrap_or_else(|| (fresh(), None, None));
        if journalled == Some(false) {
            // It is of another state, which was here once.
            self.backend.set_journal_aside(suffix).await?;
        }
        let mut session = Session::new(self.backend.clone(), suffix, state, version, guard);
        // What a dead run has left is folded in before anything is added to it; a journal needs a state to go on from.
        if is_new || journalled.is_some() {
            session.save().await?;
        }
        Ok(session)
    }

    /// Takes the lock of a suffix without touching its state: for what changes AWS but no step. `purpose` is the command, for
    /// the one who has to wait.
    pub async fn lock(&self, suffix: &str, purpose: &str) -> Result<Box<dyn Guard>> {
        self.backend.lock(suffix, purpose).await
    }

    /// Takes the lock away from whoever holds it; in a bucket from one that may live by `force` alone. Gives the holder; `None`
    /// if there is none.
    pub async fn unlock(&self, suffix: &str, force: bool) -> Result<Option<String>> {
        self.backend.unlock(suffix, force).await
    }

    /// Puts a state in the place of whatever is there, damaged or not. What was journalled on top of that is kept with it as a
    /// generation; on top of what nobody can read any more it is taken in, as far as it follows what is put there. It keeps
    /// counting from the higher serial. Gives where a journal is now that nobody can read, or that is of another state.
    pub async fn replace(&self, suffix: &str, purpose: &str, mut state: State) -> Result<Option<String>> {
        let guard = self.lock(suffix, purpose).await?;
        let there = self.backend.read(suffix).await?;
        let known = match there.as_ref().map(|(text, _)| State::from_bytes(&self.name(suffix), text)) {
            Some(Err(newer @ StateError::Newer { .. })) => return Err(newer),
            known => known.and_then(std::result::Result::ok),
        };
        let mut version = there.and_then(|(_, version)| version);
        let journalled = match self.backend.journalled(suffix).await {
            Err(StateError::Journal { .. }) => None,
            read => Some(read?),
        };
        guard.check().await?;
        // What nobody can read, or take in, is kept as it is.
        let mut aside = journalled.is_none();
        if let Some(entries) = journalled.filter(|entries| !entries.is_empty()) {
            state.serial = state.serial.max(opened(&entries).map_or(0, |(_, serial, _)| serial));
            aside = !match &known {
                Some(known) => {
                    let mut known = known.clone();
                    let taken = replay(&mut known, entries);
                    if taken {
                        known.advance();
                        version = self.backend.write(suffix, &known.to_text(), &version).await?;
                        state.serial = state.serial.max(known.serial);
                    }
                    taken
                }
                None => replay(&mut state, entries),
            };
        }
        let aside = if aside { Some(self.backend.set_journal_aside(suffix).await?) } else { None };
        state.serial = state.serial.max(known.map_or(0, |known| known.serial));
        state.advance();
        self.backend.write(suffix, &state.to_text(), &version).await?;
        self.backend.clear_journal(suffix).await?;
        Ok(aside)
    }

    /// The generations of a suffix's state that were kept, the newest first.
    pub async fn generations(&self, suffix: &str) -> Result<Vec<Generation>> {
        self.backend.generations(suffix).await
    }

    /// A generation of a suffix's state.
    pub async fn generation(&self, suffix: &str, id: &str) -> Result<Option<State>> {
        let Some(text) = self.backend.generation(suffix, id).await? else { return Ok(None) };
        State::from_bytes(&format!("{} ({id})", self.name(suffix)), &text).map(Some)
    }
}

/// What the last first line says: lineage, serial, whose it is.
fn opened(entries: &[Entry]) -> Option<(&str, u64, Option<&Of>)> {
    entries.iter().rev().find_map(|entry| match entry {
        Entry::Opened { lineage, serial, of } => Some((lineage.as_str(), *serial, of.as_deref())),
        _ => None,
    })
}

/// Takes in what was journalled on top of this state, or of a later write of it, as the serial tells that it went on from. A
/// journal of an older one was folded into it already: its run died before it could remove it. False if anything of it is of
/// another lineage.
fn replay(state: &mut State, entries: Vec<Entry>) -> bool {
    let (mut goes_on_from_here, mut is_of_it) = (false, true);
    let (lineage_of, from) = (state.lineage.clone(), state.serial);
    for entry in entries {
        match entry {
            Entry::Opened { lineage, serial, .. } => {
                is_of_it &= lineage == lineage_of;
                goes_on_from_here = lineage == lineage_of && serial >= from;
                if goes_on_from_here {
                    state.serial = state.serial.max(serial);
                }
            }
            entry if goes_on_from_here => state.apply(entry),
            _ => {}
        }
    }
    is_of_it
}
