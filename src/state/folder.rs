//! States in a folder: for each suffix a state file, a journal, a lock file and generations.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::backend::{AppendLog, Backend, Generation, Guard, Journal, Version};
use super::error::{Result, StateError};
use super::journal::{self, Entry};
use super::lock::{self, Lock};

/// A folder of states.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

/// The number of generations that are kept.
const GENERATIONS: usize = 20;
/// The names of generations: the time of writing in UTC.
const WRITTEN: &str = "%Y%m%dT%H%M%S.%6fZ";

impl Folder {
    /// The folder at `path`. It is created when needed.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Folder { path: path.into() }
    }

    fn state_path(&self, suffix: &str) -> PathBuf {
        self.path.join(format!("{suffix}.json"))
    }

    fn journal_path(&self, suffix: &str) -> PathBuf {
        self.path.join(format!("{suffix}.journal"))
    }

    fn lock_path(&self, suffix: &str) -> PathBuf {
        self.path.join(format!("{suffix}.lock"))
    }

    fn generations_path(&self, suffix: &str) -> PathBuf {
        self.path.join(format!("{suffix}.generations"))
    }

    fn create(&self) -> Result<()> {
        fs::create_dir_all(&self.path).map_err(|source| io("can't create the folder", &self.path, source))
    }
}

#[async_trait]
impl Backend for Folder {
    fn name(&self, suffix: &str) -> String {
        self.state_path(suffix).display().to_string()
    }

    fn history(&self, suffix: &str) -> AppendLog {
        AppendLog::File(self.path.join(format!("{suffix}.history")))
    }

    async fn suffixes(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(io("can't read the folder", &self.path, source)),
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut found: Vec<String> = names
            .filter_map(|name| name.strip_suffix(".json").or(name.strip_suffix(".journal")).map(str::to_owned))
            .collect();
        found.sort();
        found.dedup();
        Ok(found)
    }

    async fn read(&self, suffix: &str) -> Result<Option<(Vec<u8>, Version)>> {
        Ok(read(&self.state_path(suffix))?.map(|text| (text, None)))
    }

    /// Writes a temporary file and syncs it, keeps the old file as a generation, renames, syncs the folder.
    async fn write(&self, suffix: &str, text: &str, _over: &Version) -> Result<Version> {
        self.create()?;
        let path = self.state_path(suffix);
        let temporary = path.with_extension("json.new");
        let write = || -> std::io::Result<()> {
            let mut options = OpenOptions::new();
            let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            keep(&path, &self.generations_path(suffix))?;
            fs::rename(&temporary, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|source| {
            // An incomplete file is useless and takes space on a full disk.
            let _ = fs::remove_file(&temporary);
            io("can't write the state file", &path, source)
        })?;
        Ok(None)
    }

    async fn remove(&self, suffix: &str) -> Result<()> {
        let path = self.state_path(suffix);
        let keep = keep(&path, &self.generations_path(suffix));
        keep.map_err(|source| io("can't save the previous version of", &path, source))?;
        remove(&path)
    }

    async fn journalled(&self, suffix: &str) -> Result<Vec<Entry>> {
        let path = self.journal_path(suffix);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(io("can't read the journal", &path, source)),
        };
        journal::parse(&path.display().to_string(), text)
    }

    async fn journal(&self, suffix: &str, _serial: u64) -> Result<Box<dyn Journal>> {
        let path = self.journal_path(suffix);
        let open = || -> std::io::Result<File> {
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
            // All complete entries are merged already. An incomplete last line may be left: start with an empty file.
            file.set_len(0)?;
            File::open(&self.path)?.sync_all()?;
            Ok(file)
        };
        let file = open().map_err(|source| io("can't open the journal", &path, source))?;
        Ok(Box::new(FileJournal { path, file }))
    }

    async fn set_journal_aside(&self, suffix: &str) -> Result<String> {
        let path = self.journal_path(suffix);
        let aside = path.with_extension(format!("journal.{}", Timestamp::now().strftime(WRITTEN)));
        fs::rename(&path, &aside).map_err(|source| io("can't move aside the journal", &path, source))?;
        Ok(aside.display().to_string())
    }

    async fn clear_journal(&self, suffix: &str) -> Result<()> {
        remove(&self.journal_path(suffix))
    }

    async fn lock(&self, suffix: &str, purpose: &str) -> Result<Box<dyn Guard>> {
        self.create()?;
        Ok(Box::new(Lock::take(&self.lock_path(suffix), purpose)?))
    }

    async fn unlock(&self, suffix: &str, _force: bool) -> Result<Option<String>> {
        let path = self.lock_path(suffix);
        match lock::holder(&path).map_err(|source| io("can't read the lock", &path, source))? {
            Some(holder) => Err(StateError::LockedByProcess { path: path.display().to_string(), holder }),
            None => Ok(None),
        }
    }

    async fn generations(&self, suffix: &str) -> Result<Vec<Generation>> {
        let (current, folder) = (self.state_path(suffix), self.generations_path(suffix));
        let list = || -> std::io::Result<Vec<Generation>> {
            let mut found: Vec<_> = kept(&folder)?
                .into_iter()
                .filter_map(|id| Some(Generation { written: written(&id)?, id, current: false }))
                .collect();
            if current.exists() {
                let written = modified(&current)?;
                found.push(Generation { id: written.strftime(WRITTEN).to_string(), written, current: true });
            }
            found.sort_by_key(|generation| std::cmp::Reverse((generation.current, generation.written)));
            Ok(found)
        };
        list().map_err(|source| io("can't read the generations", &folder, source))
    }

    async fn generation(&self, suffix: &str, id: &str) -> Result<Option<Vec<u8>>> {
        if written(id).is_none() {
            return Ok(None);
        }
        read(&self.generations_path(suffix).join(format!("{id}.json")))
    }
}

/// A journal file.
#[derive(Debug)]
struct FileJournal {
    path: PathBuf,
    file: File,
}

#[async_trait]
impl Journal for FileJournal {
    async fn append(&mut self, lines: &str) -> Result<()> {
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|source| io("can't write the journal", &self.path, source))
    }
}

/// Keeps a file as a generation, and removes the oldest.
fn keep(path: &Path, folder: &Path) -> std::io::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let mut written = modified(path)?;
    loop {
        let generation = folder.join(format!("{}.json", written.strftime(WRITTEN)));
        match fs::hard_link(path, &generation) {
            Ok(()) => break,
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            // An earlier, failed write has kept this file already.
            Err(_) if fs::metadata(path)?.ino() == fs::metadata(&generation)?.ino() => break,
            // Another generation has the same timestamp.
            Err(_) => written += Duration::from_micros(1),
        }
    }
    let kept = kept(folder)?;
    kept.iter().rev().skip(GENERATIONS).try_for_each(|id| remove_if_exists(&folder.join(format!("{id}.json"))))
}

/// The names of the generations, oldest first.
fn kept(folder: &Path) -> std::io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut ids: Vec<_> = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect();
    ids.sort();
    Ok(ids)
}

fn written(id: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime(WRITTEN, id).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

fn modified(path: &Path) -> std::io::Result<Timestamp> {
    Timestamp::try_from(fs::metadata(path)?.modified()?).map_err(std::io::Error::other)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(io("can't read the state file", path, source)),
    }
}

fn remove(path: &Path) -> Result<()> {
    remove_if_exists(path).map_err(|source| io("can't remove", path, source))
}

fn remove_if_exists(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn io(what: &'static str, path: &Path, source: std::io::Error) -> StateError {
    StateError::Io { what, path: path.display().to_string(), source: Arc::new(source) }
}
