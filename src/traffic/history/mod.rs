//! The history of a system's traffic: an append-only log of every change of weights. Each entry contains the hash of the one
//! before.
//!
//! Several processes may append at the same time. An entry is durable when [`History::append`] returns, in a file or in S3,
//! beside the state. The weights themselves are always read from AWS: the history says who changed them, and why.

mod chain;
mod expected;
mod file;
mod object;
mod process_status;
mod serving;
#[cfg(test)]
mod tests;
mod unfinished;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::TrafficEvent;
use crate::state::{AppendLog, StateError};
use chain::Fault;
use file::FileLog;
use object::ObjectLog;

pub use expected::{Expected, ExpectedWeights};
pub use process_status::ProcessStatus;
pub use serving::green_since;
pub use unfinished::UnfinishedShift;

/// The head of an empty history: the previous hash of the first entry.
pub const EMPTY_HEAD: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The history of one deployment. Clones share their read position.
#[derive(Clone, Debug)]
pub struct History {
    log: Log,
    by: Actor,
}

#[derive(Clone, Debug)]
enum Log {
    File(FileLog),
    Object(ObjectLog),
}

impl History {
    /// The history in a log, with `by` as the author of new entries. Opens nothing: the first entry creates the log.
    pub fn at(log: AppendLog, by: Actor) -> Self {
        let log = match log {
            AppendLog::File(path) => Log::File(FileLog::at(path)),
            AppendLog::Object(object) => Log::Object(ObjectLog::at(object)),
        };
        History { log, by }
    }

    /// The same history, with another timeout for the lock that other processes hold while they append.
    pub fn with_lock_timeout(&self, timeout: Duration) -> Self {
        let log = match &self.log {
            Log::File(file) => Log::File(file.with_lock_timeout(timeout)),
            object @ Log::Object(_) => object.clone(),
        };
        History { log, by: self.by.clone() }
    }

    /// The author of new entries.
    pub fn by(&self) -> &Actor {
        &self.by
    }

    /// Appends an event with the operator's reason. The entry is durable when this returns. Waits for other processes that append.
    ///
    /// # Errors
    /// The history can't be written, or its last entry can't be read.
    pub async fn append(&self, event: TrafficEvent, reason: Option<&str>) -> Result<Entry, HistoryError> {
        match &self.log {
            Log::File(file) => file.append(&self.by, event, reason),
            Log::Object(object) => object.append(&self.by, event, reason).await,
        }
    }

    /// All entries; empty if there is no history. [`History::verify`] checks their hashes, this doesn't.
    ///
    /// # Errors
    /// The history can't be read, or a line isn't an entry.
    pub async fn entries(&self) -> Result<Vec<Entry>, HistoryError> {
        self.after(0).await
    }

    /// The entries with a larger number. Reads only the new part of a file.
    ///
    /// # Errors
    /// See [`History::entries`].
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

    /// Checks that no entry was changed, inserted, moved or removed since it was written. Entries cut off at the end can only be
    /// detected with a known head: see [`History::verify_with`].
    ///
    /// # Errors
    /// The first violation, with its line; or the history can't be read.
    pub async fn verify(&self) -> Result<Verified, HistoryError> {
        let (_, verified) = chain::verify(&self.text().await?).map_err(|fault| self.fault(fault))?;
        Ok(verified)
    }

    /// Does what [`History::verify`] does, and checks that the entry with the hash `head` exists.
    ///
    /// # Errors
    /// See [`History::verify`]; or there is no such entry.
    pub async fn verify_with(&self, head: &str) -> Result<Verified, HistoryError> {
        let (entries, verified) = chain::verify(&self.text().await?).map_err(|fault| self.fault(fault))?;
        if head == EMPTY_HEAD || entries.iter().any(|entry| entry.hash == head) {
            return Ok(verified);
        }
        Err(HistoryError::HeadMissing { path: self.path(), entries: entries.len(), head: head.to_owned() })
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

/// One entry of the history: a line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, …
    pub number: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Who wrote it.
    pub by: Actor,
    /// The operator's reason.
    #[serde(default, rename = "why", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The event.
    #[serde(flatten)]
    pub event: TrafficEvent,
    /// The hash of the entry before; [`EMPTY_HEAD`] for the first.
    #[serde(rename = "before")]
    pub previous_hash: String,
    /// SHA-256 in hexadecimal, over the compact JSON of all fields above.
    pub hash: String,
}

impl Entry {
    /// The entry after `last`, still without its hash.
    fn after(last: Option<&Entry>, by: &Actor, event: TrafficEvent, reason: Option<&str>) -> Self {
        let (number, previous_hash) =
            last.map_or((1, EMPTY_HEAD.to_owned()), |last| (last.number + 1, last.hash.clone()));
        let (at, reason, hash) = (Timestamp::now(), reason.map(str::to_owned), String::new());
        Entry { number, at, by: by.clone(), reason, event, previous_hash, hash }
    }
}

/// Who wrote an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The user from the environment, or the user id.
    pub user: String,
    /// The host.
    pub host: String,
    /// The process id.
    pub process: u32,
    /// The command: `provisioner shift`.
    pub command: String,
    /// The ARN of the AWS credentials, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
}

impl Actor {
    /// This process, running this command with credentials of this ARN.
    pub fn this_process(command: &str, arn: Option<String>) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|user| !user.is_empty());
        let user_id = || format!("uid {}", rustix::process::getuid().as_raw());
        Actor {
            user: variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(user_id),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            process: std::process::id(),
            command: command.to_owned(),
            arn,
        }
    }
}

/// The result of [`History::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The number of entries.
    pub entries: u64,
    /// The hash of the last entry; [`EMPTY_HEAD`] without entries.
    pub head: String,
}

/// Why the history can't be used. Every message contains the advice.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A line can't be parsed.
    #[error(
        "the history {path} is damaged in line {line}: {what}\n  keep the file and compare it with a copy; if you move it away, \
         the next entry starts a new history: weights are read from AWS, not from here"
    )]
    Damaged {
        /// The file.
        path: String,
        /// The line, from 1 on.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// All lines can be parsed, but they aren't what was written.
    #[error(
        "the history {path} was modified, from line {line} on: {what}\n  keep the file, compare it with a copy, and find out who \
         could write to it; `provisioner status` shows the actual weights"
    )]
    Modified {
        /// The file.
        path: String,
        /// The line, from 1 on.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// An entry with a known hash is missing.
    #[error(
        "the hash chain of the history {path} is valid, but none of its {entries} entries has the hash {head}: entries were cut \
         off at its end, or the whole history was rewritten\n  keep the file, compare it with a copy, and find out who could \
         write to it"
    )]
    HeadMissing {
        /// The file.
        path: String,
        /// The number of entries.
        entries: usize,
        /// The hash that must exist.
        head: String,
    },
    /// Another process has locked it.
    #[error("another process has locked the history {path}\n  find out which (`fuser {path}`), and end it")]
    Locked {
        /// The file.
        path: String,
    },
    /// S3 can't be read or written.
    #[error(transparent)]
    Remote(#[from] StateError),
    /// The file can't be read or written.
    #[error("{what} {path}: {source}\n  check that the folder exists, is writable and has free space")]
    Io {
        /// What failed.
        what: &'static str,
        /// The file.
        path: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
}
