//! Where states are kept: one interface for folders and S3 buckets.

use std::path::PathBuf;
use std::sync::Arc;

use super::backend::{AppendLog, Backend, Generation, Guard, Version};
use super::error::{Result, StateError};
use super::file::State;
use super::folder::Folder;
use super::journal::{Entry, Origin};
use super::s3::Bucket;
use super::session::Session;

/// Where states are kept. Clones refer to the same place.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Arc<dyn Backend>,
}

/// A state that was read.
struct ReadState {
    state: State,
    version: Version,
    /// Whether the journal was merged into the state; `None` if there is no journal.
    merged: Option<bool>,
}

impl Store {
    /// States in a folder. It is created when needed.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Store { backend: Arc::new(Folder::new(path)) }
    }

    /// States in an S3 bucket.
    pub fn bucket(bucket: Bucket) -> Self {
        Store { backend: Arc::new(bucket) }
    }

    /// States in a backend that injects faults.
    #[cfg(test)]
    pub(super) fn at(backend: impl Backend + 'static) -> Self {
        Store { backend: Arc::new(backend) }
    }

    /// The path or URL of a state.
    pub fn name(&self, suffix: &str) -> String {
        self.backend.name(suffix)
    }

    /// The suffixes that have a state.
    pub async fn suffixes(&self) -> Result<Vec<String>> {
        self.backend.suffixes().await
    }

    /// The log of traffic changes of a deployment.
    pub fn history(&self, suffix: &str) -> AppendLog {
        self.backend.history(suffix)
    }

    /// Reads a state, with the journal of an unfinished run merged into it. Writes nothing.
    pub async fn read(&self, suffix: &str) -> Result<Option<State>> {
        Ok(self.read_merged(suffix).await?.map(|read| read.state))
    }

    /// The state with the journal merged into it; from the journal alone if the state file is gone.
    async fn read_merged(&self, suffix: &str) -> Result<Option<ReadState>> {
        let stored = self.backend.read(suffix).await?;
        let entries = self.backend.journalled(suffix).await?;
        let (mut state, version) = match stored {
            Some((text, version)) => (State::from_bytes(&self.name(suffix), &text)?, version),
            None => match header(&entries) {
                Some((lineage, serial, Some(of))) => {
                    let state = State::new(&of.system, suffix, &of.account, &of.region);
                    (State { lineage: lineage.to_owned(), serial, ..state }, None)
                }
                _ => return Ok(None),
            },
        };
        let has_journal = !entries.is_empty();
        let merged = merge(&mut state, entries);
        Ok(Some(ReadState { state, version, merged: has_journal.then_some(merged) }))
    }

    /// Opens a state for a run: takes the lock and merges the journal of an unfinished run. `fresh` creates the state if there is
    /// none.
    pub async fn open(&self, suffix: &str, purpose: &str, fresh: impl FnOnce() -> State) -> Result<Session> {
        let guard = self.lock(suffix, purpose).await?;
        let read = self.read_merged(suffix).await?;
        let is_new = read.is_none();
        let ReadState { state, version, merged } =
            read.unwrap_or_else(|| ReadState { state: fresh(), version: None, merged: None });
        if merged == Some(false) {
            // The journal is of another state that had this name.
            self.backend.set_journal_aside(suffix).await?;
        }
        let mut session = Session::new(self.backend.clone(), suffix, state, version, guard);
        // A merged journal is saved before anything is added to it. A new journal needs a stored state.
        if is_new || merged.is_some() {
            session.save().await?;
        }
        Ok(session)
    }

    /// Takes the lock without opening the state, for commands that change no step. `purpose` is the command, shown to those who
    /// wait.
    pub async fn lock(&self, suffix: &str, purpose: &str) -> Result<Box<dyn Guard>> {
        self.backend.lock(suffix, purpose).await
    }

    /// Breaks the lock. In a bucket, the lock of a run that may be alive takes `force`. Returns the holder; `None` if there was
    /// none.
    pub async fn unlock(&self, suffix: &str, force: bool) -> Result<Option<String>> {
        self.backend.unlock(suffix, force).await
    }

    /// Replaces a state, damaged or not. Its journal becomes a part of the generation that is kept; the journal of a damaged state
    /// is merged into the new one, if it is of the same lineage. The serial continues from the higher one. Returns where a journal
    /// was moved that is damaged or of another state.
    pub async fn replace(&self, suffix: &str, purpose: &str, mut state: State) -> Result<Option<String>> {
        let guard = self.lock(suffix, purpose).await?;
        let stored = self.backend.read(suffix).await?;
        let old = match stored.as_ref().map(|(text, _)| State::from_bytes(&self.name(suffix), text)) {
            Some(Err(newer @ StateError::Newer { .. })) => return Err(newer),
            read => read.and_then(std::result::Result::ok),
        };
        let mut version = stored.and_then(|(_, version)| version);
        let entries = match self.backend.journalled(suffix).await {
            Err(StateError::Journal { .. }) => None,
            read => Some(read?),
        };
        guard.check().await?;
        let merged = match entries {
            None => false,
            Some(entries) if entries.is_empty() => true,
            Some(entries) => {
                state.serial = state.serial.max(header(&entries).map_or(0, |(_, serial, _)| serial));
                match old.clone() {
                    Some(mut old) => {
                        let merged = merge(&mut old, entries);
                        if merged {
                            old.advance();
                            version = self.backend.write(suffix, &old.to_text(), &version).await?;
                            state.serial = state.serial.max(old.serial);
                        }
                        merged
                    }
                    None => merge(&mut state, entries),
                }
            }
        };
        let aside = if merged { None } else { Some(self.backend.set_journal_aside(suffix).await?) };
        state.serial = state.serial.max(old.map_or(0, |old| old.serial));
        state.advance();
        self.backend.write(suffix, &state.to_text(), &version).await?;
        self.backend.clear_journal(suffix).await?;
        Ok(aside)
    }

    /// The generations of a state, newest first.
    pub async fn generations(&self, suffix: &str) -> Result<Vec<Generation>> {
        self.backend.generations(suffix).await
    }

    /// A generation of a state.
    pub async fn generation(&self, suffix: &str, id: &str) -> Result<Option<State>> {
        let Some(text) = self.backend.generation(suffix, id).await? else { return Ok(None) };
        State::from_bytes(&format!("{} ({id})", self.name(suffix)), &text).map(Some)
    }
}

/// The last header of a journal: lineage, serial, origin.
fn header(entries: &[Entry]) -> Option<(&str, u64, Option<&Origin>)> {
    entries.iter().rev().find_map(|entry| match entry {
        Entry::Opened { lineage, serial, of } => Some((lineage.as_str(), *serial, of.as_deref())),
        _ => None,
    })
}

/// Merges the journal of this state, or of a later version of it. A journal of an earlier version was merged before: its run died
/// before it removed the journal. False if a part of the journal is of another lineage.
fn merge(state: &mut State, entries: Vec<Entry>) -> bool {
    let (mut applies, mut is_same_lineage) = (false, true);
    let from = state.serial;
    for entry in entries {
        match entry {
            Entry::Opened { lineage, serial, .. } => {
                let matches = lineage == state.lineage;
                is_same_lineage &= matches;
                applies = matches && serial >= from;
                if applies {
                    state.serial = state.serial.max(serial);
                }
            }
            entry if applies => state.apply(entry),
            _ => {}
        }
    }
    is_same_lineage
}
