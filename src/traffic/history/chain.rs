//! The hash chain of the history: writing, parsing and verifying its lines.
//!
//! The hash covers the text of the line, not its parsed form: every change is detected, and an entry with fields that this build
//! doesn't know keeps its hash.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{EMPTY_HEAD, Entry, HistoryError, Verified};
use crate::state::hex;

/// Separates the hashed text from the hash.
const HASH: &str = ",\"hash\":\"";
/// Follows the hash.
const END: &str = "\"}";

/// A violation.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1 on.
    pub line: usize,
    /// The line can't be parsed; otherwise it was modified.
    pub unreadable: bool,
    /// What is wrong.
    pub what: String,
}

impl Fault {
    /// The error for the history at this path.
    pub fn in_history(self, path: String) -> HistoryError {
        let Fault { line, unreadable, what } = self;
        match unreadable {
            true => HistoryError::Damaged { path, line, what },
            false => HistoryError::Modified { path, line, what },
        }
    }
}

/// Sets the entry's hash, and returns its line.
pub fn seal(entry: &mut Entry) -> String {
    entry.hash.clear();
    let mut text = serde_json::to_string(entry).expect("an entry is plain data");
    text.truncate(text.len() - HASH.len() - END.len());
    entry.hash = hash(&text);
    text + HASH + &entry.hash + END + "\n"
}

/// SHA-256 of the line without its hash.
fn hash(text: &str) -> String {
    hex(&Sha256::new().chain_update(text).chain_update("}").finalize())
}

/// True if the line (without its line feed) contains the hash of its text.
fn is_sealed(line: &str) -> bool {
    let parts = line.strip_suffix(END).and_then(|line| line.rsplit_once(HASH));
    parts.is_some_and(|(text, recorded)| hash(text) == recorded)
}

/// Parses a line, with or without its line feed.
pub fn entry(line: &[u8]) -> Result<Entry, String> {
    serde_json::from_slice(line).map_err(|error| format!("not an entry: {error}"))
}

/// The entries of a history, and the end of its last complete line. An incomplete last line, left by a crash, is ignored.
pub fn parse(text: &[u8]) -> Result<(Vec<Entry>, usize), Fault> {
    let (lines, incomplete) = lines(text);
    let read =
        |(number, line): (usize, &[u8])| entry(line).map_err(|what| Fault { line: number + 1, unreadable: true, what });
    let entries = lines.iter().copied().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    check_incomplete(incomplete).map_err(|what| Fault { line: lines.len() + 1, unreadable: true, what })?;
    Ok((entries, text.len() - incomplete.len()))
}

/// The complete lines with their line feeds, and the incomplete rest.
fn lines(text: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let incomplete = lines.pop_if(|line| !line.ends_with(b"\n")).unwrap_or_default();
    (lines, incomplete)
}

/// Checks that a last line without a line feed was left by a crash. A complete entry followed by another byte was acknowledged,
/// so it must not be dropped.
pub fn check_incomplete(incomplete: &[u8]) -> Result<(), String> {
    let line = incomplete.split_last().and_then(|(_, line)| std::str::from_utf8(line).ok());
    if line.is_some_and(is_sealed) {
        return Err("its line feed was changed".to_owned());
    }
    Ok(())
}

/// Checks that the entries are numbered from 1, and that each contains the hash of its text and that of the entry before.
pub fn verify(text: &[u8]) -> Result<(Vec<Entry>, Verified), Fault> {
    let (entries, _) = parse(text)?;
    let (lines, _) = lines(text);
    let mut head = EMPTY_HEAD;
    for (at, (entry, line)) in entries.iter().zip(lines).enumerate() {
        let fault = |what| Err(Fault { line: at + 1, unreadable: false, what });
        if !line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok()).is_some_and(is_sealed) {
            return fault(format!("entry {} was changed: its text doesn't match its hash", entry.number));
        }
        if let Some(what) = misplaced(&entries, at) {
            return fault(what);
        }
        if entry.previous_hash != head {
            let (number, previous) = (entry.number, entry.number - 1);
            return fault(match previous {
                0 => "entry 1 contains a previous hash: it isn't the first entry that was written".to_owned(),
                _ => format!("entry {number} was written after another entry {previous}, which was replaced"),
            });
        }
        head = &entry.hash;
    }
    let verified = Verified { entries: entries.len() as u64, head: head.to_owned() };
    Ok((entries, verified))
}

/// Why the entry doesn't belong in this place, by its number. All entries before it are in order.
fn misplaced(entries: &[Entry], at: usize) -> Option<String> {
    let (expected, found) = (at as u64 + 1, entries[at].number);
    if found == expected {
        return None;
    }
    let later: BTreeSet<u64> = entries[at..].iter().map(|entry| entry.number).collect();
    Some(match found {
        0 => "entry 0 was inserted".to_owned(),
        _ if found < expected => format!("entry {found} is there twice: one of the two was inserted"),
        _ if later.contains(&expected) => {
            format!("entry {found} is in the place of entry {expected}, which comes later: entries were moved")
        }
        // The next existing entry shows how many are missing.
        _ => match later.range(expected..).next().map_or(found, |next| *next) - 1 {
            last if last == expected => format!("entry {expected} was removed: entry {found} is in its place"),
            last => format!("entries {expected} to {last} were removed: entry {found} is in their place"),
        },
    })
}
