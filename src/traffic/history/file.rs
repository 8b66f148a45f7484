//! A history in a file.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::chain::{self, Fault};
use super::{Actor, Entry, HistoryError};
use crate::traffic::event::TrafficEvent;

/// A history in a file. Clones share their read position.
#[derive(Clone, Debug)]
pub struct FileLog {
    path: PathBuf,
    position: Arc<Mutex<Position>>,
    /// How long to wait for the lock of other processes that append.
    lock_timeout: Duration,
}

/// The lock timeout. An append takes milliseconds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause between two attempts to lock the file.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// How far the file was read.
#[derive(Debug, Default)]
struct Position {
    /// The end of the last complete line.
    end: u64,
    /// The number of its entry.
    last: u64,
}

impl FileLog {
    /// The history at `path`. Opens nothing: the first entry creates the file.
    pub fn at(path: PathBuf) -> Self {
        FileLog { path, position: Arc::default(), lock_timeout: LOCK_TIMEOUT }
    }

    /// The path of the file.
    pub fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// The same history with another lock timeout.
    pub fn with_lock_timeout(&self, lock_timeout: Duration) -> Self {
        FileLog { lock_timeout, ..self.clone() }
    }

    /// Appends an event. The entry is on disk when this returns. Waits for other processes that append.
    ///
    /// # Errors
    /// The file can't be written, or its last line can't be parsed. An incomplete last line, left by a crash, isn't an error: it was
    /// never acknowledged, and is cut off.
    pub fn append(&self, by: &Actor, event: TrafficEvent, reason: Option<&str>) -> Result<Entry, HistoryError> {
        let failed = |what| move |source| self.io(what, source);
        let folder = self.path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(failed("can't create the folder of"))?;
        let opened = File::options().create(true).read(true).append(true).mode(0o600).open(&self.path);
        let mut file = opened.map_err(failed("can't open the history"))?;
        self.lock(&file)?;
        let tail = Tail::read(&file).map_err(failed("can't read the history"))?;
        let last = match tail.last() {
            Ok(last) => last,
            // Reading the whole file finds the line number.
            Err(what) => {
                let error = || self.io("can't read the history", io::Error::other(what));
                return Err(self.entries().err().unwrap_or_else(error));
            }
        };
        if !tail.incomplete.is_empty() {
            file.set_len(tail.end).map_err(failed("can't write the history"))?;
        }
        let mut entry = Entry::after(last.as_ref(), by, event, reason);
        let line = chain::seal(&mut entry);
        let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(failed("can't write the history"))?;
        if tail.end == 0 {
            // The file may be new: its directory entry must be on disk as well.
            let synced = File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(failed("can't write the folder of"))?;
        }
        Ok(entry)
    }

    /// Locks the file until it is closed.
    fn lock(&self, file: &File) -> Result<(), HistoryError> {
        let deadline = Instant::now() + self.lock_timeout;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(HistoryError::Locked { path: self.path.display().to_string() });
                }
                Err(TryLockError::Error(source)) => return Err(self.io("can't lock the history", source)),
            }
        }
    }

    /// All entries; empty without a file. An incomplete last line, left by a crash, is ignored.
    ///
    /// # Errors
    /// The file can't be read, or a line isn't an entry.
    pub fn entries(&self) -> Result<Vec<Entry>, HistoryError> {
        chain::parse(&self.read(0)?).map(|(entries, _)| entries).map_err(|fault| self.fault(fault))
    }

    /// The entries with a larger number. Reads only the part of the file that is new since the last call.
    ///
    /// # Errors
    /// See [`FileLog::entries`].
    pub fn after(&self, number: u64) -> Result<Vec<Entry>, HistoryError> {
        let mut position = self.position.lock().expect("no panic holds this lock");
        let length = match fs::metadata(&self.path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(self.io("can't read the history", error)),
        };
        let can_resume = number >= position.last && length >= position.end;
        if can_resume && length == position.end {
            return Ok(Vec::new());
        }
        let from = if can_resume { position.end } else { 0 };
        let (mut entries, read) = match chain::parse(&self.read(from)?) {
            Ok(parsed) => parsed,
            Err(fault) if from == 0 => return Err(self.fault(fault)),
            // Damaged, or replaced by another file: read it from the start, which counts its lines.
            Err(_) => {
                *position = Position::default();
                drop(position);
                let entries = self.entries()?;
                return Ok(entries.into_iter().filter(|entry| entry.number > number).collect());
            }
        };
        let last = entries.last().map_or(if from == 0 { 0 } else { position.last }, |entry| entry.number);
        *position = Position { end: from + read as u64, last };
        entries.retain(|entry| entry.number > number);
        Ok(entries)
    }

    /// The whole text.
    pub fn text(&self) -> Result<Vec<u8>, HistoryError> {
        self.read(0)
    }

    /// Reads the file from this byte on.
    fn read(&self, from: u64) -> Result<Vec<u8>, HistoryError> {
        let mut text = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(from))?;
            file.read_to_end(&mut text)
        });
        match read {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.io("can't read the history", error)),
            _ => Ok(text),
        }
    }

    fn fault(&self, fault: Fault) -> HistoryError {
        fault.in_history(self.path.display().to_string())
    }

    fn io(&self, what: &'static str, source: io::Error) -> HistoryError {
        HistoryError::Io { what, path: self.path.display().to_string(), source }
    }
}

/// The end of the file.
struct Tail {
    /// The last complete line; empty if there is none.
    line: Vec<u8>,
    /// Where it ends.
    end: u64,
    /// The incomplete rest after it.
    incomplete: Vec<u8>,
}

impl Tail {
    fn read(file: &File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let mut window = 1 << 16;
        loop {
            let start = length.saturating_sub(window);
            let mut text = vec![0; usize::try_from(length - start).map_err(io::Error::other)?];
            file.read_exact_at(&mut text, start)?;
            let is_end = |byte: &u8| *byte == b'\n';
            let end = text.iter().rposition(is_end).map_or(0, |at| at + 1);
            let before = text[..end.saturating_sub(1)].iter().rposition(is_end).map(|at| at + 1);
            if before.is_some() || start == 0 {
                let (complete, incomplete) = text.split_at(end);
                let line = complete[before.unwrap_or(0)..].to_vec();
                return Ok(Tail { line, end: start + end as u64, incomplete: incomplete.to_vec() });
            }
            window *= 4;
        }
    }

    /// The entry on the last complete line; `None` if there is none.
    fn last(&self) -> Result<Option<Entry>, String> {
        chain::check_incomplete(&self.incomplete)?;
        if self.line.is_empty() { Ok(None) } else { chain::entry(&self.line).map(Some) }
    }
}
