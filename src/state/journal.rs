//! The journal of a run: one line per event, on disk before the call that it announces.
//!
//! A run that dies leaves its journal behind. The next one reads it into the state, so what was made is known, and what
//! may have been made is looked for. At the end of a run the journal is folded into the state file and removed.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::file::StateError;
use super::record::{Intent, Record, StepId};

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// The first line: which state the journal goes on from. A journal that outlived its folding says an older one.
    Opened { lineage: String, serial: u64 },
    /// A create is about to be asked of AWS.
    Intent { step: StepId, intent: Box<Intent> },
    /// A step is about to be changed so that it uses these too.
    Updating { step: StepId, dependencies: BTreeSet<StepId> },
    /// The step stands like this.
    Done { step: StepId, record: Box<Record> },
    /// The step is being replaced by a new one that is made first; the old one is still to be deleted.
    Deposed { step: StepId },
    /// A delete is about to be asked of AWS.
    Deleting { step: StepId },
    /// It is gone.
    Deleted {
        step: StepId,
        /// The predecessor of a replaced step went, not the step.
        #[serde(default)]
        deposed: bool,
    },
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the journal for appending, making it readable for nobody else.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        let file = file.map_err(|source| io("can't open the journal", path, source))?;
        Ok(Journal { path: path.to_owned(), file })
    }

    /// Appends an entry; it is on disk when this returns.
    pub fn append(&mut self, entry: &Entry) -> Result<(), StateError> {
        let mut line = serde_json::to_string(entry).expect("an entry is plain data");
        line.push('\n');
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|source| io("can't write the journal", &self.path, source))
    }
}

/// The entries of the journal text at `path`. A last line that was cut off by a crash announces a call that was never
/// made, and is left out; damage anywhere else is an error.
pub fn parse(path: &Path, text: &str) -> Result<Vec<Entry>, StateError> {
    let mut entries = Vec::new();
    let mut lines = text.split_inclusive('\n').enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let is_last = lines.peek().is_none();
        match serde_json::from_str(line) {
            Ok(entry) if line.ends_with('\n') => entries.push(entry),
            _ if is_last && !line.ends_with('\n') => {}
            Ok(_) => {}
            Err(e) => {
                let what = format!("line {}: {e}", number + 1);
                return Err(StateError::Journal { path: path.display().to_string(), what });
            }
        }
    }
    Ok(entries)
}

fn io(what: &'static str, path: &Path, source: std::io::Error) -> StateError {
    StateError::Io { what, path: path.display().to_string(), source }
}
