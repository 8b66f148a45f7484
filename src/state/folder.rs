//! The folder that holds state files, journals and locks, one of each a suffix.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::file::{State, StateError};
use super::journal::{self, Entry, Journal};
use super::lock::Lock;

/// A folder of states.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`; it needn't exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Folder { path: path.into() }
    }

    /// The state file of a suffix.
    pub fn state_path(&self, suffix: &str) -> PathBuf {
        self.path.join(format!("{suffix}.json"))
    }

    /// The history of a suffix's traffic.
    pub fn history_path(&self, suffix: &str) -> PathBuf {
        self.path.join(format!("{suffix}.history"))
    }

    /// The suffixes that have a state here.
    pub fn suffixes(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.path) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut found: Vec<String> = names
            .filter_map(|name| name.strip_suffix(".json").or(name.strip_suffix(".journal")).map(str::to_owned))
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// Reads the state of a suffix with what an unfinished run has journalled. Writes nothing.
    pub fn read(&self, suffix: &str) -> Result<Option<State>, StateError> {
        let path = self.state_path(suffix);
        let mut state = match fs::read_to_string(&path) {
            Ok(text) => State::from_text(&path.display().to_string(), &text)?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) if e.kind() == std::io::ErrorKind::InvalidData => {
                let what = "it is not UTF-8 text".to_owned();
                return Err(StateError::Damaged { path: path.display().to_string(), what });
            }
            Err(source) => return Err(io("can't read the state file", &path, source)),
        };
        let path = self.journal_path(suffix);
        match fs::read_to_string(&path) {
            Ok(text) => replay(&mut state, journal::parse(&path, &text)?),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(io("can't read the journal", &path, source)),
        }
        Ok(Some(state))
    }

    /// Opens the state of a suffix for a run: takes the lock, takes in what an unfinished run has journalled, and
    /// starts a new journal. `fresh` makes the state if there is none.
    pub fn open(&self, suffix: &str, purpose: &str, fresh: impl FnOnce() -> State) -> Result<Session, StateError> {
        let lock = self.lock(suffix, purpose)?;
        let state = self.read(suffix)?;
        let mut session = Session {
            path: self.state_path(suffix),
            journal_path: self.journal_path(suffix),
            state: state.unwrap_or_else(fresh),
            journal: None,
            _lock: lock,
        };
        session.save()?;
        Ok(session)
    }

    /// Takes the lock of a suffix without touching its state: for what changes AWS but no step. `purpose` is the command, for
    /// the one who has to wait.
    pub fn lock(&self, suffix: &str, purpose: &str) -> Result<Lock, StateError> {
        fs::create_dir_all(&self.path).map_err(|source| io("can't make the folder", &self.path, source))?;
        Lock::take(&self.path.join(format!("{suffix}.lock")), purpose)
    }

    fn journal_path(&self, suffix: &str) -> PathBuf {
        self.path.join(format!("{suffix}.journal"))
    }
}

/// A state that a run has locked and may change.
#[derive(Debug)]
pub struct Session {
    path: PathBuf,
    journal_path: PathBuf,
    state: State,
    journal: Option<Journal>,
    _lock: Lock,
}

impl Session {
    /// The state as it is now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Journals an entry (on disk when this returns) and takes it into the state.
    pub fn record(&mut self, entry: Entry) -> Result<(), StateError> {
        if self.journal.is_none() {
            let mut journal = Journal::open(&self.journal_path)?;
            let (lineage, serial) = (self.state.lineage.clone(), self.state.serial);
            journal.append(&Entry::Opened { lineage, serial })?;
            self.journal = Some(journal);
        }
        if let Some(journal) = &mut self.journal {
            journal.append(&entry)?;
        }
        self.state.apply(entry);
        Ok(())
    }

    /// Sets what the system tells people; written with the next save.
    pub fn set_outputs(&mut self, outputs: BTreeMap<String, String>) {
        self.state.outputs = outputs;
    }

    /// Sets what moves the system's traffic, with references; on disk when this returns, so that it is known however the run
    /// ends.
    pub fn set_levers(&mut self, levers: Option<Value>) -> Result<(), StateError> {
        if self.state.levers == levers {
            return Ok(());
        }
        self.state.levers = levers;
        self.save()
    }

    /// Folds the journal into the state file.
    pub fn save(&mut self) -> Result<(), StateError> {
        self.state.serial += 1;
        write_atomically(&self.path, &self.state.to_text())?;
        remove(&self.journal_path)?;
        self.journal = None;
        Ok(())
    }

    /// Ends the run: [`Session::save`], or, if nothing is remembered any more, no file at all.
    pub fn finish(mut self) -> Result<State, StateError> {
        self.save()?;
        if self.state.is_empty() {
            remove(&self.path)?;
        }
        Ok(self.state)
    }
}

/// Takes in what was journalled on top of this very state. A journal of an older one was folded into it already: its
/// run died before it could remove it.
fn replay(state: &mut State, entries: Vec<Entry>) {
    let goes_on_from_here = |entry: &Entry| match entry {
        Entry::Opened { lineage, serial } => *lineage == state.lineage && *serial == state.serial,
        _ => false,
    };
    if entries.first().is_some_and(goes_on_from_here) {
        entries.into_iter().for_each(|entry| state.apply(entry));
    }
}

/// Temporary file, fsync, keep the old one as `.backup`, rename, fsync the folder.
fn write_atomically(path: &Path, text: &str) -> Result<(), StateError> {
    use std::os::unix::fs::OpenOptionsExt;
    let temporary = path.with_extension("json.new");
    let write = || -> std::io::Result<()> {
        let mut options = File::options();
        let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        let backup = path.with_extension("json.backup");
        if path.exists() {
            remove_if_there(&backup)?;
            fs::hard_link(path, &backup)?;
        }
        fs::rename(&temporary, path)?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|source| io("can't write the state file", path, source))
}

fn remove(path: &Path) -> Result<(), StateError> {
    remove_if_there(path).map_err(|source| io("can't remove", path, source))
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn io(what: &'static str, path: &Path, source: std::io::Error) -> StateError {
    StateError::Io { what, path: path.display().to_string(), source }
}
