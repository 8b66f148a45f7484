//! The journal of a run: one line per event, on disk before the call that it announces.
//!
//! A run that dies leaves its journal behind. The next one reads it into the state, so what was made is known, and what
//! may have been made is looked for. At the end of a run the journal is folded into the state file and removed.

use std::collections::BTreeSet;

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

impl Entry {
    /// As it is journalled: one line.
    pub fn line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("an entry is plain data");
        line.push('\n');
        line
    }
}

/// The entries of the journal text at `path`. A last line that was cut off by a crash announces a call that was never
/// made, and is left out; damage anywhere else is an error.
pub fn parse(path: &str, text: &str) -> Result<Vec<Entry>, StateError> {
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
                return Err(StateError::Journal { path: path.to_owned(), what });
            }
        }
    }
    Ok(entries)
}
