//! The journal of a run: one line for each entry, on disk before the call that it describes.
//!
//! A run that dies leaves its journal behind. The next run merges it into the state, so it knows what was created, and looks for
//! what may have been created. At the end of a run the journal is merged into the state and removed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::digest::hex;
use super::error::StateError;
use super::record::{Intent, Record, StepId};

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// The first line: the state that the journal is based on. A journal that was merged but not removed names an older one.
    Opened {
        /// The lineage of the state.
        lineage: String,
        /// The serial of the state when the journal was opened.
        serial: u64,
        /// The deployment, in case the state is gone. Earlier builds didn't write it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<Box<Origin>>,
    },
    /// A create call is about to be made.
    Intent {
        /// The step.
        step: StepId,
        /// The resource to create.
        intent: Box<Intent>,
    },
    /// An update is about to make a step depend on more steps.
    Updating {
        /// The step.
        step: StepId,
        /// Its new dependencies.
        dependencies: BTreeSet<StepId>,
    },
    /// A resource exists as recorded.
    Done {
        /// The step.
        step: StepId,
        /// The record.
        record: Box<Record>,
    },
    /// The recorded resource of a step becomes its deposed object. Always written together with the intent of its replacement.
    Deposed {
        /// The step.
        step: StepId,
    },
    /// A delete call is about to be made.
    Deleting {
        /// The step.
        step: StepId,
    },
    /// A resource is deleted.
    Deleted {
        /// The step.
        step: StepId,
        /// It was the deposed object of the step.
        #[serde(default)]
        deposed: bool,
    },
}

/// The deployment that a journal belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The system.
    pub system: String,
    /// The AWS account.
    pub account: String,
    /// The primary region.
    pub region: String,
}

/// Separates the text of a line from its checksum.
const CHECKSUM: &str = ",\"checksum\":\"";
/// Follows the checksum.
const END: &str = "\"}";

impl Entry {
    /// The entry as a line with the checksum of its text.
    pub fn line(&self) -> String {
        let text = self.text();
        let checksum = checksum(&text);
        let open = text.strip_suffix('}').expect("an entry is an object");
        format!("{open}{CHECKSUM}{checksum}{END}\n")
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("an entry is plain data")
    }
}

/// A part of the SHA-256, enough to detect damage.
fn checksum(text: &str) -> String {
    hex(&Sha256::digest(text)[..8])
}

/// The entry of a line without its line end.
fn entry(line: &[u8]) -> Result<Entry, String> {
    let line = std::str::from_utf8(line).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let read = |text: &str| serde_json::from_str::<Entry>(text).map_err(|error| error.to_string());
    let Some((open, stored)) = line.strip_suffix(END).and_then(|line| line.rsplit_once(CHECKSUM)) else {
        // Earlier builds wrote no checksums. A text that they wouldn't have written had one.
        let entry = read(line)?;
        return if entry.text() == line { Ok(entry) } else { Err("its checksum is gone".to_owned()) };
    };
    let text = format!("{open}}}");
    match checksum(&text) {
        computed if computed == stored => read(&text),
        computed => Err(format!("its checksum is {computed}, but it contains {stored}")),
    }
}

/// The entries of the journal text at `path`. An incomplete last line, after a crash or on a full disk, describes a call that was
/// never made and is dropped; damage anywhere else is an error.
pub fn parse(path: &str, text: impl AsRef<[u8]>) -> Result<Vec<Entry>, StateError> {
    let text = text.as_ref();
    let (lines, torn) = text.split_at(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
    let damaged = |number: usize, what: String| {
        let what = format!("line {}: {what}", number + 1);
        StateError::Journal { path: path.to_owned(), what }
    };
    let mut entries = Vec::new();
    for (number, line) in lines.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        entries.push(entry(line).map_err(|what| damaged(number, what))?);
    }
    // A complete entry whose line end was changed had been stored: it must not be dropped.
    if torn.split_last().is_some_and(|(_, line)| entry(line).is_ok()) {
        return Err(damaged(entries.len(), "its line end was changed".to_owned()));
    }
    // It is written together with an intent, which was cut off: neither was acted on.
    entries.pop_if(|last| matches!(last, Entry::Deposed { .. }));
    Ok(entries)
}
