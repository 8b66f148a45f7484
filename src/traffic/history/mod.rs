//! The history of a system's traffic: every change of weights, one line each, each carrying the hash of the one before.
//!
//! The file is only ever appended to, by whichever process moves traffic, several at once if need be. An entry is on disk
//! when [`History::append`] returns. Nothing that can be read from AWS is read from here: the history says who did what, and
//! what was meant.

mod alive;
mod chain;
mod file;
mod story;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::happening::Happening;

pub use alive::Alive;
pub use file::History;
pub use story::{Expected, LastSeen, Unfinished, green_since, last_seen, lever_of, unfinished};

/// What the first entry carries as the hash of the one before.
pub const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, …
    pub number: u64,
    /// When it was put down.
    pub at: Timestamp,
    /// Who put it down.
    pub by: By,
    /// Why, in the words of whoever asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub what: Happening,
    /// The hash of the entry before; [`NOTHING`] for the first.
    pub before: String,
    /// SHA-256 in hexadecimal, over the compact JSON of all of the above.
    pub hash: String,
}

/// Who puts something down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// The user, by the environment; the number where it says none.
    pub user: String,
    /// The machine.
    pub host: String,
    /// The process on it.
    pub process: u32,
    /// What it runs: `provisioner shift`.
    pub command: String,
    /// Whom AWS takes it for, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
}

impl By {
    /// This process, running this command with credentials of this ARN.
    pub fn this_process(command: &str, arn: Option<String>) -> By {
        let said = |name: &str| std::env::var(name).ok().filter(|user| !user.is_empty());
        let number = || format!("uid {}", rustix::process::getuid().as_raw());
        By {
            user: said("USER").or_else(|| said("LOGNAME")).unwrap_or_else(number),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            process: std::process::id(),
            command: command.to_owned(),
            arn,
        }
    }
}

/// A whole history, as [`History::verify`] found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has.
    pub entries: u64,
    /// The hash of the last one; [`NOTHING`] if there is none.
    pub head: String,
}

/// Why the history can't be used. Every text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A line can't be read.
    #[error(
        "the history {path} is damaged in line {line}: {what}\n  keep the file, and compare it with a copy; moved aside, the \
         next entry begins a new one: weights are read from AWS, not from here"
    )]
    Damaged { path: String, line: usize, what: String },
    /// All lines can be read, but they aren't what was once written.
    #[error(
        "the history {path} isn't what was written, from line {line} on: {what}\n  keep the file, compare it with a copy, \
         and find out who could write to it; `provisioner status` shows the weights as AWS has them"
    )]
    Changed { path: String, line: usize, what: String },
    /// An entry that was there once isn't any more.
    #[error(
        "the history {path} is unbroken, but none of its {entries} entries has the hash {head}: entries were cut off at its \
         end, or all of it was written anew\n  keep the file, compare it with a copy, and find out who could write to it"
    )]
    Headless { path: String, entries: usize, head: String },
    /// Another process keeps it.
    #[error("another process keeps the history {path} locked\n  find out which (`fuser {path}`), and end it")]
    Busy { path: String },
    /// The disk says no.
    #[error("{what} {path}: {source}\n  check that the folder exists, can be written and has space left")]
    Io { what: &'static str, path: String, source: std::io::Error },
}
