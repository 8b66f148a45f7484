//! The text of the history: how an entry becomes a line, and what a line has to be.
//!
//! The hash is over the very text of the line, not over what is read from it: whatever is changed in it is found, and an
//! entry with fields that this build doesn't know keeps its hash.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{Entry, HistoryError, NOTHING, Verified};
use crate::state::hex;

/// Between the text that is hashed and the hash.
const HASH: &str = ",\"hash\":\"";
/// Behind the hash.
const END: &str = "\"}";

/// What is wrong with which line, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line.
    pub line: usize,
    /// It can't be read; otherwise it can, but isn't what was written.
    pub unreadable: bool,
    /// What is wrong with it.
    pub what: String,
}

impl Fault {
    /// The error for the history at this path.
    pub fn in_history(self, path: String) -> HistoryError {
        let Fault { line, unreadable, what } = self;
        match unreadable {
            true => HistoryError::Damaged { path, line, what },
            false => HistoryError::Changed { path, line, what },
        }
    }
}

/// Gives the entry its hash, and makes it a line.
pub fn seal(entry: &mut Entry) -> String {
    entry.hash.clear();
    let mut text = serde_json::to_string(entry).expect("an entry is plain data");
    text.truncate(text.len() - HASH.len() - END.len());
    entry.hash = hash(&text);
    text + HASH + &entry.hash + END + "\n"
}

/// SHA-256 over the line without its hash.
fn hash(text: &str) -> String {
    hex(&Sha256::new().chain_update(text).chain_update("}").finalize())
}

/// True if the line (without its end) carries the hash of its text.
fn is_sealed(line: &str) -> bool {
    let parts = line.strip_suffix(END).and_then(|line| line.rsplit_once(HASH));
    parts.is_some_and(|(text, said)| hash(text) == said)
}

/// The entry on a line, with or without its end.
pub fn entry(line: &[u8]) -> Result<Entry, String> {
    serde_json::from_slice(line).map_err(|error| format!("it is no entry: {error}"))
}

/// The entries of a history's text, and where its last whole line ends. What a crash has left of a line is left out.
pub fn parse(text: &[u8]) -> Result<(Vec<Entry>, usize), Fault> {
    let (lines, torn) = lines(text);
    let read =
        |(number, line): (usize, &[u8])| entry(line).map_err(|what| Fault { line: number + 1, unreadable: true, what });
    let entries = lines.iter().copied().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    check_torn(torn).map_err(|what| Fault { line: lines.len() + 1, unreadable: true, what })?;
    Ok((entries, text.len() - torn.len()))
}

/// The whole lines, each with its end, and what comes after them.
fn lines(text: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let torn = lines.pop_if(|line| !line.ends_with(b"\n")).unwrap_or_default();
    (lines, torn)
}

/// What has no end may be what a crash has left of a line. A whole entry with something else in the place of its end is
/// not: that was acknowledged, and isn't to be thrown away.
pub fn check_torn(torn: &[u8]) -> Result<(), String> {
    let line = torn.split_last().and_then(|(_, line)| std::str::from_utf8(line).ok());
    if line.is_some_and(is_sealed) {
        return Err("its end was changed".to_owned());
    }
    Ok(())
}

/// Checks that the entries are numbered from 1, that each carries the hash of its text, and each that of the one before.
pub fn verify(text: &[u8]) -> Result<(Vec<Entry>, Verified), Fault> {
    let (entries, _) = parse(text)?;
    let (lines, _) = lines(text);
    let mut head = NOTHING;
    for (at, (entry, line)) in entries.iter().zip(lines).enumerate() {
        let fault = |what| Err(Fault { line: at + 1, unreadable: false, what });
        if !line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok()).is_some_and(is_sealed) {
            return fault(format!(
                "entry {} was changed: its text doesn't have the hash that it carries",
                entry.number
            ));
        }
        if let Some(what) = misplaced(&entries, at) {
            return fault(what);
        }
        if entry.before != head {
            let (one, before) = (entry.number, entry.number - 1);
            return fault(match before {
                0 => "entry 1 goes on from an entry before it: it isn't the one that was written first".to_owned(),
                _ => format!(
                    "entry {one} goes on from another entry {before} than the one before it, which was put in its place"
                ),
            });
        }
        head = &entry.hash;
    }
    let verified = Verified { entries: entries.len() as u64, head: head.to_owned() };
    Ok((entries, verified))
}

/// Why the entry isn't the one that belongs there, as far as the numbers tell. All before it are as they should be.
fn misplaced(entries: &[Entry], at: usize) -> Option<String> {
    let (belongs, found) = (at as u64 + 1, entries[at].number);
    if found == belongs {
        return None;
    }
    let later: BTreeSet<u64> = entries[at..].iter().map(|entry| entry.number).collect();
    Some(match found {
        0 => "there is no entry 0: it was inserted".to_owned(),
        _ if found < belongs => format!("it is entry {found} for a second time: one of the two was inserted"),
        _ if later.contains(&belongs) => {
            format!("it is entry {found} in the place of entry {belongs}, which comes later: entries were moved")
        }
        // The next one that is there tells how many are missing.
        _ => match later.range(belongs..).next().map_or(found, |next| *next) - 1 {
            last if last == belongs => format!("entry {belongs} was removed: entry {found} comes in its place"),
            last => format!("entries {belongs} to {last} were removed: entry {found} comes in their place"),
        },
    })
}
