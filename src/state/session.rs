//! The exclusive access of a run to a state: every entry is journalled first, and merged into the state at the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;

use super::backend::{Backend, Guard, Journal, Version};
use super::error::{Result, StateError};
use super::file::State;
use super::journal::Entry;

/// A locked state that a run may change. Entries of concurrent actions are journalled in one write.
#[derive(Debug)]
pub struct Session {
    backend: Arc<dyn Backend>,
    suffix: String,
    state: Mutex<State>,
    queue: Mutex<Queue>,
    writer: tokio::sync::Mutex<Writer>,
    guard: Box<dyn Guard>,
}

/// The entries to be journalled.
#[derive(Debug, Default)]
struct Queue {
    entries: Vec<Entry>,
    /// The number of calls that added entries.
    tickets: u64,
}

#[derive(Debug)]
struct Writer {
    version: Version,
    journal: Option<Box<dyn Journal>>,
    /// The number of the last write that was completed or failed.
    done: u64,
    /// The reason why nothing more may be journalled.
    broken: Option<StateError>,
    /// The state has unsaved changes.
    changed: bool,
}

impl Session {
    pub(super) fn new(
        backend: Arc<dyn Backend>,
        suffix: &str,
        state: State,
        version: Version,
        guard: Box<dyn Guard>,
    ) -> Self {
        Session {
            backend,
            suffix: suffix.to_owned(),
            state: Mutex::new(state),
            queue: Mutex::default(),
            writer: tokio::sync::Mutex::new(Writer { version, journal: None, done: 0, broken: None, changed: false }),
            guard,
        }
    }

    /// A copy of the current state.
    pub fn state(&self) -> State {
        self.lock().clone()
    }

    /// Reads from the current state.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic holds this lock")
    }

    /// Journals entries and applies them to the state. They are stored when this returns.
    ///
    /// # Errors
    /// They aren't stored, or the lock is lost: the calls that they describe must not be made. Nothing more can be journalled.
    pub async fn record(&self, entries: impl IntoIterator<Item = Entry>) -> Result<()> {
        let ticket = {
            let mut queue = self.queue.lock().expect("no panic holds this lock");
            queue.entries.extend(entries);
            queue.tickets += 1;
            queue.tickets
        };
        let mut writer = self.writer.lock().await;
        if writer.done < ticket {
            let (entries, last) = {
                let mut queue = self.queue.lock().expect("no panic holds this lock");
                (std::mem::take(&mut queue.entries), queue.tickets)
            };
            self.write(&mut writer, entries).await;
            writer.done = last;
        }
        writer.broken.clone().map_or(Ok(()), Err)
    }

    /// Writes a batch, or breaks the writer.
    async fn write(&self, writer: &mut Writer, entries: Vec<Entry>) {
        let before = writer.broken.take();
        // If this future is dropped, nobody knows how much of the journal is written.
        writer.broken = Some(StateError::Incomplete { name: self.backend.name(&self.suffix) });
        let written = match before {
            Some(broken) => Err(broken),
            None => self.append(writer, &entries).await,
        };
        writer.broken = written.err();
        let is_intent =
            |entry: &Entry| matches!(entry, Entry::Intent { .. } | Entry::Deposed { .. } | Entry::Updating { .. });
        let mut state = self.lock();
        for entry in entries {
            // An intent that isn't stored isn't acted on. A result is true even if it isn't stored.
            if writer.broken.is_none() || !is_intent(&entry) {
                state.apply(entry);
                writer.changed = true;
            }
        }
    }

    async fn append(&self, writer: &mut Writer, entries: &[Entry]) -> Result<()> {
        self.guard.check().await?;
        let mut lines = String::new();
        let journal = match &mut writer.journal {
            Some(journal) => journal,
            none => {
                let (header, serial) = self.read(|state| (state.journal_header(), state.serial));
                lines.push_str(&header.line());
                none.insert(self.backend.journal(&self.suffix, serial).await?)
            }
        };
        entries.iter().for_each(|entry| lines.push_str(&entry.line()));
        journal.append(&lines).await?;
        // The lock may have been lost meanwhile, so that another run has started.
        self.guard.check().await
    }

    /// Sets the outputs of the system; written with the next save.
    pub fn set_outputs(&mut self, outputs: BTreeMap<String, String>) {
        let state = self.state.get_mut().expect("no panic holds this lock");
        if state.outputs != outputs {
            state.outputs = outputs;
            self.writer.get_mut().changed = true;
        }
    }

    /// Sets the levers of the system; stored when this returns, so that they are known however the run ends.
    pub async fn set_levers(&mut self, levers: Option<Value>) -> Result<()> {
        let state = self.state.get_mut().expect("no panic holds this lock");
        if state.levers == levers {
            return Ok(());
        }
        state.levers = levers;
        self.save().await
    }

    /// Changes the state; written with the next save. An error changes nothing.
    pub fn change<E>(
        &mut self,
        change: impl FnOnce(&mut State) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let state = self.state.get_mut().expect("no panic holds this lock");
        let mut changed = state.clone();
        change(&mut changed)?;
        *state = changed;
        self.writer.get_mut().changed = true;
        Ok(())
    }

    /// Writes the state and removes the journal, which is merged into it.
    ///
    /// # Errors
    /// The journal stays. Nothing more can be journalled.
    pub async fn save(&mut self) -> Result<()> {
        self.guard.check().await?;
        let text = {
            let state = self.state.get_mut().expect("no panic holds this lock");
            state.advance();
            state.to_text()
        };
        let writer = self.writer.get_mut();
        let saved = async {
            writer.version = self.backend.write(&self.suffix, &text, &writer.version).await?;
            self.backend.clear_journal(&self.suffix).await
        };
        match saved.await {
            Ok(()) => {
                (writer.journal, writer.changed) = (None, false);
                Ok(())
            }
            Err(error) => {
                // Nobody knows which state is stored, and a journal applies to one state only.
                (writer.broken, writer.changed) = (Some(error.clone()), true);
                Err(error)
            }
        }
    }

    /// Ends the run: saves changes, and removes an empty state.
    pub async fn finish(mut self) -> Result<State> {
        if self.writer.get_mut().changed {
            self.save().await?;
        }
        let state = self.state();
        if state.is_empty() {
            // Another run may have taken over and created something.
            self.guard.check().await?;
            self.backend.remove(&self.suffix).await?;
        }
        Ok(state)
    }
}
