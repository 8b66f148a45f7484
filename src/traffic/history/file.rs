//! The file of the history: appending to it, and reading what is new in it.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::chain::{self, Fault};
use super::{By, Entry, HistoryError};
use crate::traffic::event::TrafficEvent;

/// A history in a file. Copies share what they know of it.
#[derive(Clone, Debug)]
pub struct FileLog {
    path: PathBuf,
    seen: Arc<Mutex<Seen>>,
    /// How long to wait for other processes that append.
    patience: Duration,
}

/// An append takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks whether the file is free.
const SHORTLY: Duration = Duration::from_millis(10);

/// How far the file was read.
#[derive(Debug, Default)]
struct Seen {
    /// Where its last whole line ended.
    end: u64,
    /// The number of the entry on it.
    last: u64,
}

impl FileLog {
    /// The history at `path`. Opens nothing: the first entry makes the file.
    pub fn at(path: PathBuf) -> Self {
        FileLog { path, seen: Arc::default(), patience: PATIENCE }
    }

    /// How people find it.
    pub fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// The same, waiting only so long for other processes that append.
    pub fn in_a_hurry(&self, patience: Duration) -> Self {
        FileLog { patience, ..self.clone() }
    }

    /// Appends what happened, and why; it is on disk when this returns. Waits for other processes that append.
    ///
    /// # Errors
    /// The file can't be written, or its last line can't be read. What a crash has left of a line is no error: nobody was
    /// told that it was written, and it is cut off.
    pub fn append(&self, by: &By, what: TrafficEvent, why: Option<&str>) -> Result<Entry, HistoryError> {
        let failed = |what| move |source| self.io(what, source);
        let folder = self.path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(failed("can't make the folder of"))?;
        let opened = File::options().create(true).read(true).append(true).mode(0o600).open(&self.path);
        let mut file = opened.map_err(failed("can't open the history"))?;
        self.lock(&file)?;
        let tail = Tail::read(&file).map_err(failed("can't read the history"))?;
        let last = match tail.last() {
            Ok(last) => last,
            // Reading all of it tells the line.
            Err(what) => {
                let error = || self.io("can't read the history", io::Error::other(what));
                return Err(self.entries().err().unwrap_or_else(error));
            }
        };
        if !tail.torn.is_empty() {
            file.set_len(tail.end).map_err(failed("can't write the history"))?;
        }
        let mut entry = Entry::after(last.as_ref(), by, what, why);
        let line = chain::seal(&mut entry);
        let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(failed("can't write the history"))?;
        if tail.end == 0 {
            // The file may be new: its name has to be on disk as well.
            let synced = File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(failed("can't write the folder of"))?;
        }
        Ok(entry)
    }

    /// Freed when the file is closed, however that ends.
    fn lock(&self, file: &File) -> Result<(), HistoryError> {
        let deadline = Instant::now() + self.patience;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(SHORTLY),
                Err(TryLockError::WouldBlock) => {
                    return Err(HistoryError::Busy { path: self.path.display().to_string() });
                }
                Err(TryLockError::Error(source)) => return Err(self.io("can't lock the history", source)),
            }
        }
    }

    /// All entries. No file is an empty history, and what a crash has left of a line at its end is left out.
    ///
    /// # Errors
    /// The file can't be read, or a line of it is no entry. Whether they are what was once written is for
    /// [`History::verify`](super::History::verify) to say.
    pub fn entries(&self) -> Result<Vec<Entry>, HistoryError> {
        chain::parse(&self.read(0)?).map(|(entries, _)| entries).map_err(|fault| self.fault(fault))
    }

    /// The entries with a larger number. Reads only what came since it was last asked.
    ///
    /// # Errors
    /// As of [`FileLog::entries`].
    pub fn after(&self, number: u64) -> Result<Vec<Entry>, HistoryError> {
        let mut seen = self.seen.lock().expect("no panic holds this lock");
        let length = match fs::metadata(&self.path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(self.io("can't read the history", error)),
        };
        let goes_on = number >= seen.last && length >= seen.end;
        if goes_on && length == seen.end {
            return Ok(Vec::new());
        }
        let from = if goes_on { seen.end } else { 0 };
        let (mut entries, read) = match chain::parse(&self.read(from)?) {
            Ok(parsed) => parsed,
            Err(fault) if from == 0 => return Err(self.fault(fault)),
            // Damaged, or another file by now: to be read, and its lines to be counted, from the beginning.
            Err(_) => {
                *seen = Seen::default();
                drop(seen);
                let entries = self.entries()?;
                return Ok(entries.into_iter().filter(|entry| entry.number > number).collect());
            }
        };
        let last = entries.last().map_or(if from == 0 { 0 } else { seen.last }, |entry| entry.number);
        *seen = Seen { end: from + read as u64, last };
        entries.retain(|entry| entry.number > number);
        Ok(entries)
    }

    /// All of its text.
    pub fn text(&self) -> Result<Vec<u8>, HistoryError> {
        self.read(0)
    }

    /// The file from this byte on.
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

/// How the file ends.
struct Tail {
    /// The last whole line; empty if there is none.
    line: Vec<u8>,
    /// Where it ends.
    end: u64,
    /// What comes after it.
    torn: Vec<u8>,
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
                let (whole, torn) = text.split_at(end);
                let line = whole[before.unwrap_or(0)..].to_vec();
                return Ok(Tail { line, end: start + end as u64, torn: torn.to_vec() });
            }
            window *= 4;
        }
    }

    /// The entry on the last whole line; `None` if there is none.
    fn last(&self) -> Result<Option<Entry>, String> {
        chain::check_torn(&self.torn)?;
        if self.line.is_empty() { Ok(None) } else { chain::entry(&self.line).map(Some) }
    }
}
