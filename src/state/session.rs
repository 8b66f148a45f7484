//! A run's hold on a state: each event is journalled before it counts, and folded into the state at the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;

use super::file::{State, StateError};
use super::journal::Entry;
use super::store::{Backend, Guard, Journal, Result, Version};

/// A state that a run has locked and may change. What happens at once is journalled at once: all that waits is written in one
/// go.
#[derive(Debug)]
pub struct Session {
    backend: Arc<dyn Backend>,
    suffix: String,
    state: Mutex<State>,
    queue: Mutex<Queue>,
    writer: tokio::sync::Mutex<Writer>,
    guard: Box<dyn Guard>,
}

/// What waits to be journalled.
#[derive(Debug, Default)]
struct Queue {
    entries: Vec<Entry>,
    /// How often something was put here.
    tickets: u64,
}

#[derive(Debug)]
struct Writer {
    version: Version,
    journal: Option<Box<dyn Journal>>,
    /// The last ticket that was written, or failed.
    done: u64,
    /// Why nothing more may be journalled.
    broken: Option<StateError>,
    /// The state is other than what was last saved.
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

    /// The state as it is now.
    pub fn state(&self) -> State {
        self.lock().clone()
    }

    /// Looks at the state as it is now.
    pub fn look<T>(&self, at: impl FnOnce(&State) -> T) -> T {
        at(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic holds this lock")
    }

    /// Journals entries (they are kept when this returns) and takes them into the state.
    ///
    /// # Errors
    /// They aren't kept, or the lock is lost: what they announce must not be done. Nothing more can be journalled then.
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
        // Whoever drops this half-way leaves a journal that nobody knows the end of.
        writer.broken = Some(StateError::HalfWritten { name: self.backend.name(&self.suffix) });
        let written = match before {
            Some(broken) => Err(broken),
            None => self.append(writer, &entries).await,
        };
        writer.broken = written.err();
        let announces =
            |entry: &Entry| matches!(entry, Entry::Intent { .. } | Entry::Deposed { .. } | Entry::Updating { .. });
        let mut state = self.lock();
        for entry in entries {
            // What was announced in vain isn't done; what was done is, whether it could be put down or not.
            if writer.broken.is_none() || !announces(&entry) {
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
                let (opened, serial) = self.look(|state| (Entry::opened(state), state.serial));
                lines.push_str(&opened.line());
                none.insert(self.backend.journal(&self.suffix, serial).await?)
            }
        };
        entries.iter().for_each(|entry| lines.push_str(&entry.line()));
        journal.append(&lines).await?;
        // It may have been lost meanwhile, and somebody else may be at work.
        self.guard.check().await
    }

    /// Sets what the system tells people; written with the next save.
    pub fn set_outputs(&mut self, outputs: BTreeMap<String, String>) {
        let state = self.state.get_mut().expect("no panic holds this lock");
        if state.outputs != outputs {
            state.outputs = outputs;
            self.writer.get_mut().changed = true;
        }
    }

    /// Sets what moves the system's traffic, with references; kept when this returns, so that it is known however the run ends.
    pub async fn set_levers(&mut self, levers: Option<Value>) -> Result<()> {
        let state = self.state.get_mut().expect("no panic holds this lock");
        if state.levers == levers {
            return Ok(());
        }
        state.levers = levers;
        self.save().await
    }

    /// Changes what is remembered; written with the next save. An error changes nothing.
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

    /// Folds the journal into the state.
    ///
    /// # Errors
    /// What was journalled before is kept. Nothing more can be journalled.
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
                // Nobody knows which state stands now, and what is journalled counts on top of that very one only.
                (writer.broken, writer.changed) = (Some(error.clone()), true);
                Err(error)
            }
        }
    }

    /// Ends the run: saves what has changed, or, if nothing is remembered any more, leaves no state at all.
    pub async fn finish(mut self) -> Result<State> {
        if self.writer.get_mut().changed {
            self.save().await?;
        }
        let state = self.state();
        if state.is_empty() {
            // Somebody else may have taken over and made something.
            self.guard.check().await?;
            self.backend.remove(&self.suffix).await?;
        }
        Ok(state)
    }
}
