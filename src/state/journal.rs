//! The journal of a run: one line per event, on disk before the call that it announces.
//!
//! A run that dies leaves its journal behind. The next one reads it into the state, so what was made is known, and what
//! may have been made is looked for. At the end of a run the journal is folded into the state file and removed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::file::{State, StateError, hex};
use super::record::{Intent, Record, StepId};

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// The first line: which state the journal goes on from. A journal that outlived its folding says an older one.
    Opened {
        /// The lineage of its state.
        lineage: String,
        /// The serial of its state when it was opened.
        serial: u64,
        /// Whose state that is, for when its file is gone. Earlier builds didn't say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<Box<Of>>,
    },
    /// A create is about to be asked of AWS.
    Intent {
        /// The step.
        step: StepId,
        /// What is about to be made.
        intent: Box<Intent>,
    },
    /// A step is about to be changed so that it uses these too.
    Updating {
        /// The step.
        step: StepId,
        /// The steps that it uses.
        dependencies: BTreeSet<StepId>,
    },
    /// The step stands like this.
    Done {
        /// The step.
        step: StepId,
        /// What is remembered of it.
        record: Box<Record>,
    },
    /// The step is being replaced by a new one that is made first; the old one is still to be deleted. Always recorded together
    /// with the intent of the new one.
    Deposed {
        /// The step.
        step: StepId,
    },
    /// A delete is about to be asked of AWS.
    Deleting {
        /// The step.
        step: StepId,
    },
    /// It is gone.
    Deleted {
        /// The step.
        step: StepId,
        /// The predecessor of a replaced step went, not the step.
        #[serde(default)]
        deposed: bool,
    },
}

/// Whose state a journal goes on from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Of {
    /// The system.
    pub system: String,
    /// The AWS account.
    pub account: String,
    /// The primary region.
    pub region: String,
}

/// Between what a line says and the checksum of that.
const CHECKSUM: &str = ",\"checksum\":\"";
/// Behind the checksum.
const END: &str = "\"}";

impl Entry {
    /// The first line of a journal that goes on from this state.
    pub fn opened(state: &State) -> Self {
        let State { lineage, serial, system, account, region, .. } = state;
        let of = Of { system: system.clone(), account: account.clone(), region: region.clone() };
        Entry::Opened { lineage: lineage.clone(), serial: *serial, of: Some(Box::new(of)) }
    }

    /// As it is journalled: one line, which carries the checksum of its text.
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

/// Enough of a SHA-256 to find whatever happens to a line by itself.
fn checksum(text: &str) -> String {
    hex(&Sha256::digest(text)[..8])
}

/// The entry on a line without its end.
fn entry(line: &[u8]) -> Result<Entry, String> {
    let line = std::str::from_utf8(line).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let read = |text: &str| serde_json::from_str::<Entry>(text).map_err(|error| error.to_string());
    let Some((open, said)) = line.strip_suffix(END).and_then(|line| line.rsplit_once(CHECKSUM)) else {
        // Earlier builds wrote no checksums. What isn't their very text was a line with one.
        let entry = read(line)?;
        return if entry.text() == line { Ok(entry) } else { Err("its checksum is gone".to_owned()) };
    };
    let text = format!("{open}}}");
    match checksum(&text) {
        real if real == said => read(&text),
        real => Err(format!("its checksum is {real}, and it says {said}")),
    }
}

/// The entries of the journal text at `path`. What a crash or a full disk has left of a last line announces a call that was
/// never made, and is left out; damage anywhere else is an error.
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
    // A whole entry with something else in the place of its end was kept, and isn't to be thrown away.
    if torn.split_last().is_some_and(|(_, line)| entry(line).is_ok()) {
        return Err(damaged(entries.len(), "its end was changed".to_owned()));
    }
    // It comes with the create that replaces the step: that was cut off, so neither has begun.
    entries.pop_if(|last| matches!(last, Entry::Deposed { .. }));
    Ok(entries)
}
