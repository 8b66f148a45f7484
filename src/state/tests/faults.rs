//! A backend whose disk is full, for one write or from one write on.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use rustix::io::Errno;

use crate::state::backend::{AppendLog, Backend, Generation, Guard, Journal, Version};
use crate::state::error::Result;
use crate::state::folder::Folder;
use crate::state::journal::Entry;
use crate::state::{StateError, Store};

/// What a failed write leaves on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing.
    Nothing,
    /// A part, in percent.
    Part(usize),
    /// Everything: only the confirmation was lost.
    All,
}

/// Which writes fail, and how.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The first failing write, counted from 0.
    pub at: usize,
    /// What it leaves on disk.
    pub left: Left,
    /// All later writes fail too.
    pub persists: bool,
}

/// A folder on a disk that is full.
#[derive(Clone, Debug)]
pub struct Faulty {
    folder: Folder,
    path: PathBuf,
    fault: Fault,
    writes: Arc<AtomicUsize>,
    lost: Arc<AtomicBool>,
}

impl Faulty {
    /// A folder with this fault.
    pub fn new(path: PathBuf, fault: Fault) -> Self {
        Faulty { folder: Folder::new(&path), path, fault, writes: Arc::default(), lost: Arc::default() }
    }

    /// The store of this folder.
    pub fn store(&self) -> Store {
        Store::at(self.clone())
    }

    /// Sets whether the holder of the lock has lost it.
    pub fn lose_lock(&self, is_lost: bool) {
        self.lost.store(is_lost, Ordering::Relaxed);
    }

    /// True if a write has failed.
    pub fn has_failed(&self) -> bool {
        self.writes.load(Ordering::Relaxed) > self.fault.at
    }

    /// Counts a write. Returns what it leaves if it fails.
    fn next_fault(&self) -> Option<Left> {
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        let fails = number == self.fault.at || (number > self.fault.at && self.fault.persists);
        fails.then_some(self.fault.left)
    }

    fn full<T>(&self, what: &'static str) -> Result<T> {
        let source = std::io::Error::from_raw_os_error(Errno::NOSPC.raw_os_error());
        Err(StateError::Io { what, path: self.path.display().to_string(), source: Arc::new(source) })
    }

    /// An atomic write.
    async fn atomic<T>(&self, what: &'static str, write: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.end(self.next_fault(), what, write).await
    }

    async fn end<T>(
        &self,
        failed: Option<Left>,
        what: &'static str,
        write: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        match failed {
            None => return write.await,
            Some(Left::All) => drop(write.await?),
            Some(_) => {}
        }
        self.full(what)
    }
}

#[async_trait]
impl Backend for Faulty {
    fn name(&self, suffix: &str) -> String {
        self.folder.name(suffix)
    }

    fn history(&self, suffix: &str) -> AppendLog {
        self.folder.history(suffix)
    }

    async fn suffixes(&self) -> Result<Vec<String>> {
        self.folder.suffixes().await
    }

    async fn read(&self, suffix: &str) -> Result<Option<(Vec<u8>, Version)>> {
        self.folder.read(suffix).await
    }

    async fn write(&self, suffix: &str, text: &str, over: &Version) -> Result<Version> {
        let failed = self.next_fault();
        if let Some(Left::Part(percent)) = failed {
            // The temporary file is never renamed.
            let part = &text.as_bytes()[..text.len() * percent / 100];
            fs::write(self.path.join(format!("{suffix}.json.new")), part).expect("there is space for a part");
        }
        self.end(failed, "can't write the state file", self.folder.write(suffix, text, over)).await
    }

    async fn remove(&self, suffix: &str) -> Result<()> {
        self.atomic("can't remove", self.folder.remove(suffix)).await
    }

    async fn journalled(&self, suffix: &str) -> Result<Vec<Entry>> {
        self.folder.journalled(suffix).await
    }

    async fn journal(&self, suffix: &str, serial: u64) -> Result<Box<dyn Journal>> {
        let open = self.atomic("can't open the journal", self.folder.journal(suffix, serial));
        Ok(Box::new(FaultyJournal { place: self.clone(), journal: open.await? }))
    }

    async fn set_journal_aside(&self, suffix: &str) -> Result<String> {
        self.atomic("can't move aside the journal", self.folder.set_journal_aside(suffix)).await
    }

    async fn clear_journal(&self, suffix: &str) -> Result<()> {
        self.atomic("can't remove", self.folder.clear_journal(suffix)).await
    }

    async fn lock(&self, suffix: &str, purpose: &str) -> Result<Box<dyn Guard>> {
        let lock = self.atomic("can't write the lock", self.folder.lock(suffix, purpose)).await?;
        Ok(Box::new(FaultyGuard { place: self.clone(), _lock: lock }))
    }

    async fn unlock(&self, suffix: &str, force: bool) -> Result<Option<String>> {
        self.folder.unlock(suffix, force).await
    }

    async fn generations(&self, suffix: &str) -> Result<Vec<Generation>> {
        self.folder.generations(suffix).await
    }

    async fn generation(&self, suffix: &str, id: &str) -> Result<Option<Vec<u8>>> {
        self.folder.generation(suffix, id).await
    }
}

#[derive(Debug)]
struct FaultyGuard {
    place: Faulty,
    _lock: Box<dyn Guard>,
}

#[async_trait]
impl Guard for FaultyGuard {
    async fn check(&self) -> Result<()> {
        if self.place.lost.load(Ordering::Relaxed) {
            let (name, why) = (self.place.path.display().to_string(), "injected by a test".to_owned());
            return Err(StateError::LockLost { name, why });
        }
        Ok(())
    }
}

#[derive(Debug)]
struct FaultyJournal {
    place: Faulty,
    journal: Box<dyn Journal>,
}

#[async_trait]
impl Journal for FaultyJournal {
    async fn append(&mut self, lines: &str) -> Result<()> {
        let failed = self.place.next_fault();
        let kept = match failed {
            None | Some(Left::All) => lines.len(),
            Some(Left::Part(percent)) => lines.floor_char_boundary(lines.len() * percent / 100),
            Some(Left::Nothing) => 0,
        };
        self.journal.append(&lines[..kept]).await?;
        failed.map_or(Ok(()), |_| self.place.full("can't write the journal"))
    }
}
