//! The history of a system's traffic: every change of weights, one line each, each carrying the hash of the one before.
//!
//! It is only ever appended to, by whichever process moves traffic, several at once if need be. An entry is kept when
//! [`History::append`] returns, in a file or in S3, beside the state. Nothing that can be read from AWS is read from here: the history says who did what, and
//! what was meant.

mod alive;
mod chain;
mod file;
mod object;
mod story;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::TrafficEvent;
use crate::state::{AppendLog, StateError};
use chain::Fault;
use file::FileLog;
use object::ObjectLog;

pub use alive::Alive;
pub use story::{Expected, LastSeen, Unfinished, green_since, last_seen, lever_of, unfinished};

/// What the first entry carries as the hash of the one before.
pub const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The history of one system under one suffix. Copies share what they know of it.
#[derive(Clone, Debug)]
pub struct History {
    log: Log,
    by: By,
}

#[derive(Clone, Debug)]
enum Log {
    File(FileLog),
    Object(ObjectLog),
}

impl History {
    /// The history in a log, where `by` puts things down. Opens nothing: the first entry makes it.
    pub fn at(log: AppendLog, by: By) -> Self {
        let log = match log {
            AppendLog::File(path) => Log::File(FileLog::at(path)),
            AppendLog::Object(page) => Log::Object(ObjectLog::at(page)),
        };
        History { log, by }
    }

    /// The same, waiting only so long for other processes that append.
    pub fn in_a_hurry(&self, patience: Duration) -> Self {
        let log = match &self.log {
            Log::File(file) => Log::File(file.in_a_hurry(patience)),
            object @ Log::Object(_) => object.clone(),
        };
        History { log, by: self.by.clone() }
    }

    /// Who puts things down here.
    pub fn by(&self) -> &By {
        &self.by
    }

    /// Appends what happened, and why; it is kept when this returns. Waits for other processes that append.
    ///
    /// # Errors
    /// It can't be written, or its last entry can't be read.
    pub async fn append(&self, what: TrafficEvent, why: Option<&str>) -> Result<Entry, HistoryError> {
        match &self.log {
            Log::File(file) => file.append(&self.by, what, why),
            Log::Object(object) => object.append(&self.by, what, why).await,
        }
    }

    /// All entries. None at all is an empty history.
    ///
    /// # Errors
    /// It can't be read, or a line of it is no entry. Whether they are what was once written is for [`History::verify`] to say.
    pub async fn entries(&self) -> Result<Vec<Entry>, HistoryError> {
        self.after(0).await
    }

    /// The entries with a larger number. Reads only what is new, where that can be told.
    ///
    /// # Errors
    /// As of [`History::entries`].
    pub async fn after(&self, number: u64) -> Result<Vec<Entry>, HistoryError> {
        match &self.log {
            Log::File(file) if number == 0 => file.entries(),
            Log::File(file) => file.after(number),
            Log::Object(object) => {
                let (mut entries, _) = chain::parse(&object.text().await?).map_err(|fault| self.fault(fault))?;
                entries.retain(|entry| entry.number > number);
                Ok(entries)
            }
        }
    }

    /// Checks that no entry was changed, inserted, moved or removed since it was written. That some were cut off at the end
    /// is only found by who knows a later head: see [`History::verify_with`].
    ///
    /// # Errors
    /// What is wrong first, and in which line; or it can't be read.
    pub async fn verify(&self) -> Result<Verified, HistoryError> {
        let (_, verified) = chain::verify(&self.text().await?).map_err(|fault| self.fault(fault))?;
        Ok(verified)
    }

    /// As [`History::verify`], and checks that the entry with the hash `head` is among them.
    ///
    /// # Errors
    /// As of [`History::verify`], or there is no such entry.
    pub async fn verify_with(&self, head: &str) -> Result<Verified, HistoryError> {
        let (entries, verified) = chain::verify(&self.text().await?).map_err(|fault| self.fault(fault))?;
        // The head of an empty history comes before every other.
        if head == NOTHING || entries.iter().any(|entry| entry.hash == head) {
            return Ok(verified);
        }
        Err(HistoryError::Headless { path: self.path(), entries: entries.len(), head: head.to_owned() })
    }

    async fn text(&self) -> Result<Vec<u8>, HistoryError> {
        match &self.log {
            Log::File(file) => file.text(),
            Log::Object(object) => object.text().await,
        }
    }

    fn path(&self) -> String {
        match &self.log {
            Log::File(file) => file.path(),
            Log::Object(object) => object.url(),
        }
    }

    fn fault(&self, fault: Fault) -> HistoryError {
        fault.in_history(self.path())
    }
}

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
    pub what: TrafficEvent,
    /// The hash of the entry before; [`NOTHING`] for the first.
    pub before: String,
    /// SHA-256 in hexadecimal, over the compact JSON of all of the above.
    pub hash: String,
}

impl Entry {
    /// The entry that comes after `last`, not sealed yet.
    fn after(last: Option<&Entry>, by: &By, what: TrafficEvent, why: Option<&str>) -> Self {
        let (number, before) = last.map_or((1, NOTHING.to_owned()), |last| (last.number + 1, last.hash.clone()));
        let (at, why, hash) = (Timestamp::now(), why.map(str::to_owned), String::new());
        Entry { number, at, by: by.clone(), why, what, before, hash }
    }
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
    Damaged {
        /// The file.
        path: String,
        /// The line, from 1 on.
        line: usize,
        /// What is wrong with it, or what was tried.
        what: String,
    },
    /// All lines can be read, but they aren't what was once written.
    #[error(
        "the history {path} isn't what was written, from line {line} on: {what}\n  keep the file, compare it with a copy, \
         and find out who could write to it; `provisioner status` shows the weights as AWS has them"
    )]
    Changed {
        /// The file.
        path: String,
        /// The line, from 1 on.
        line: usize,
        /// What is wrong with it, or what was tried.
        what: String,
    },
    /// An entry that was there once isn't any more.
    #[error(
        "the history {path} is unbroken, but none of its {entries} entries has the hash {head}: entries were cut off at its \
         end, or all of it was written anew\n  keep the file, compare it with a copy, and find out who could write to it"
    )]
    Headless {
        /// The file.
        path: String,
        /// How many entries there are.
        entries: usize,
        /// What the last entry has to be.
        head: String,
    },
    /// Another process keeps it.
    #[error("another process keeps the history {path} locked\n  find out which (`fuser {path}`), and end it")]
    Busy {
        /// The file.
        path: String,
    },
    /// S3 says no.
    #[error(transparent)]
    Remote(#[from] StateError),
    /// The disk says no.
    #[error("{what} {path}: {source}\n  check that the folder exists, can be written and has space left")]
    Io {
        /// What is wrong with it, or what was tried.
        what: &'static str,
        /// The file.
        path: String,
        /// What the operating system says.
        source: std::io::Error,
    },
}
