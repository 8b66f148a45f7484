//! The state file: its format, its checksum, reading and writing its text.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::journal::Entry;
use super::record::{Intent, Record, StepId};
use super::upgrade::upgrade;

/// The version of the format that this build writes.
pub const FORMAT: u32 = 2;

/// All that is remembered of one system under one suffix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The version of the format; an older one is brought up to [`FORMAT`] when it is read.
    pub format: u32,
    /// The version of the provisioner that wrote it last.
    pub written_by: String,
    /// Random, made once: two states with the same suffix and different lineages are different systems.
    pub lineage: String,
    /// Counts the writes.
    pub serial: u64,
    /// The system, for example `lambda-mysql`.
    pub system: String,
    /// The suffix, for example `dev1`.
    pub suffix: String,
    /// The AWS account; all steps live in it.
    pub account: String,
    /// The primary region.
    pub region: String,
    /// What the system tells people: load balancer names, database endpoints, the dashboard's URL.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// What moves its traffic, with references into the steps' outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levers: Option<Value>,
    /// The steps that stand.
    pub steps: BTreeMap<StepId, Record>,
    /// Creates whose end is not known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub intents: BTreeMap<StepId, Intent>,
    /// Predecessors of steps that were replaced, still to be deleted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deposed: BTreeMap<StepId, Record>,
}

/// Why a state can't be used. Every text says the way back.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StateError {
    /// Cut off, edited or damaged.
    #[error(
        "the state {path} is damaged: {what}\n  nothing was changed; `provisioner state history` lists the generations before \
         it, and `provisioner state restore` brings one back"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it, or what was tried.
        what: String,
    },
    /// Written by a newer provisioner.
    #[error("the state file {path} has format {found}; this provisioner knows formats up to {FORMAT}: use a newer one")]
    Newer {
        /// The file.
        path: String,
        /// What was found.
        found: u32,
    },
    /// Of another system.
    #[error(
        "the state file {path} is of the system {found}, and the configuration says {wanted}\n  use another --suffix, \
         or the configuration that this state was made with"
    )]
    OtherSystem {
        /// The file.
        path: String,
        /// What was found.
        found: String,
        /// What was expected.
        wanted: String,
    },
    /// Of another account.
    #[error(
        "the state file {path} is of the AWS account {found}, and these credentials are of {wanted}\n  check \
         AWS_PROFILE, or use another --suffix"
    )]
    OtherAccount {
        /// The file.
        path: String,
        /// What was found.
        found: String,
        /// What was expected.
        wanted: String,
    },
    /// The journal doesn't fit the state.
    #[error(
        "the journal {path} is damaged: {what}\n  nothing was changed; `provisioner state restore` puts it aside and goes on from a \
         generation that `state history` lists; `provisioner recover` then finds what the journal alone knew"
    )]
    Journal {
        /// The file.
        path: String,
        /// What is wrong with it, or what was tried.
        what: String,
    },
    /// Somebody else is at work.
    #[error("another run holds the lock {path}: {holder}\n  wait for it to end; a lock of a dead process frees itself")]
    Locked {
        /// The file.
        path: String,
        /// Who holds it, and since when.
        holder: String,
    },
    /// Another run has written it since it was read.
    #[error(
        "somebody else has written the state {name} since it was read\n  nothing of this run was written over it; run the \
         same command again: it goes on from what stands"
    )]
    Moved {
        /// Its name.
        name: String,
    },
    /// The lease ran out, or was taken away: another run may be at work.
    #[error(
        "the lock of {name} was lost: {why}\n  this run has ended, so that it doesn't get in the way of another; run the same \
         command again: it goes on from what stands"
    )]
    Lost {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// A journal entry was given up half-way.
    #[error("the journal of {name} was given up half-way\n  run the same command again: it goes on from what stands")]
    HalfWritten {
        /// Its name.
        name: String,
    },
    /// S3 says no.
    #[error("{what} {name}: {message}\n  {help}")]
    Remote {
        /// What is wrong with it, or what was tried.
        what: &'static str,
        /// Its name.
        name: String,
        /// What went wrong.
        message: String,
        /// What to do about it.
        help: &'static str,
    },
    /// The operating system holds the lock for a process that lives.
    #[error("{holder} holds the lock {path}\n  that process lives: end it, and the lock is free")]
    Held {
        /// The file.
        path: String,
        /// Who holds it, and since when.
        holder: String,
    },
    /// The disk says no.
    #[error("{what} {path}: {source}\n  check that the folder exists, can be written and has space left")]
    Io {
        /// What is wrong with it, or what was tried.
        what: &'static str,
        /// The file.
        path: String,
        /// What the operating system says.
        source: Arc<std::io::Error>,
    },
}

impl State {
    /// A new, empty one.
    pub fn new(system: &str, suffix: &str, account: &str, region: &str) -> Self {
        State {
            format: FORMAT,
            written_by: env!("CARGO_PKG_VERSION").to_owned(),
            lineage: random_hex(),
            serial: 0,
            system: system.to_owned(),
            suffix: suffix.to_owned(),
            account: account.to_owned(),
            region: region.to_owned(),
            outputs: BTreeMap::new(),
            levers: None,
            steps: BTreeMap::new(),
            intents: BTreeMap::new(),
            deposed: BTreeMap::new(),
        }
    }

    /// True if it remembers nothing that could stand in AWS.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.intents.is_empty() && self.deposed.is_empty()
    }

    /// Counts the next write, which is ours.
    pub fn advance(&mut self) {
        self.serial += 1;
        env!("CARGO_PKG_VERSION").clone_into(&mut self.written_by);
    }

    /// The text of the file: readable, with a checksum over everything else in it.
    pub fn to_text(&self) -> String {
        text_of(serde_json::to_value(self).expect("a state is plain data"))
    }

    /// The same of bytes that may be no text.
    pub fn from_bytes(path: &str, bytes: &[u8]) -> Result<Self, StateError> {
        let damaged = |_| StateError::Damaged { path: path.to_owned(), what: "it is not UTF-8 text".to_owned() };
        Self::from_text(path, str::from_utf8(bytes).map_err(damaged)?)
    }

    /// Reads the text of the file at `path` (only named in errors), and refuses it if a single bit is off.
    pub fn from_text(path: &str, text: &str) -> Result<Self, StateError> {
        let damaged = |what: String| StateError::Damaged { path: path.to_owned(), what };
        let mut fields: Value = serde_json::from_str(text).map_err(|e| damaged(format!("not JSON: {e}")))?;
        let found = fields.get("format").and_then(Value::as_u64);
        let said = fields.as_object_mut().and_then(|fields| fields.remove("checksum"));
        let said = said.ok_or_else(|| damaged("it has no checksum".to_owned()))?;
        let real = checksum(&fields);
        if said != Value::String(real.clone()) {
            return Err(damaged(format!("its checksum is {real}, and it says {said}")));
        }
        if let Some(found) = found.filter(|found| *found > u64::from(FORMAT)) {
            return Err(StateError::Newer { path: path.to_owned(), found: u32::try_from(found).unwrap_or(u32::MAX) });
        }
        let is_today = found == Some(FORMAT.into());
        if !is_today && text_of(fields.clone()) != text {
            return Err(damaged(OTHERWISE.to_owned()));
        }
        let known = fields.as_object_mut().is_some_and(|fields| upgrade(fields, found.unwrap_or_default()));
        if !known {
            return Err(damaged("it is of no format that ever was".to_owned()));
        }
        let state: State = serde_json::from_value(fields).map_err(|e| damaged(e.to_string()))?;
        if is_today && state.to_text() != text {
            return Err(damaged(OTHERWISE.to_owned()));
        }
        Ok(state)
    }

    /// Takes one entry of the journal in.
    pub fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Intent { step, intent } => {
                // Nothing stands under the record any more: it would hide what is about to be made.
                self.steps.remove(&step);
                self.intents.insert(step, *intent);
            }
            Entry::Updating { step, dependencies } => {
                if let Some(record) = self.steps.get_mut(&step) {
                    record.dependencies.extend(dependencies);
                }
            }
            Entry::Done { step, record } => {
                self.intents.remove(&step);
                self.steps.insert(step, *record);
            }
            Entry::Deposed { step } => {
                if let Some(record) = self.steps.remove(&step) {
                    self.deposed.insert(step, record);
                }
            }
            Entry::Opened { .. } | Entry::Deleting { .. } => {}
            Entry::Deleted { step, deposed: true } => {
                self.deposed.remove(&step);
            }
            Entry::Deleted { step, deposed: false } => {
                self.steps.remove(&step);
                self.intents.remove(&step);
            }
        }
    }
}

/// Why a text with the right checksum is refused.
const OTHERWISE: &str = "its text is not what provisioner writes";

/// The text of these fields with their checksum.
pub(super) fn text_of(mut fields: Value) -> String {
    fields["checksum"] = Value::String(checksum(&fields));
    let mut text = serde_json::to_string_pretty(&fields).expect("plain data");
    text.push('\n');
    text
}

/// SHA-256 over the compact JSON, keys in the order of the file.
fn checksum(fields: &Value) -> String {
    hex(&Sha256::digest(fields.to_string()))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 16 random bytes as hexadecimal: a lineage, an idempotency token. No secret.
pub fn random_hex() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let mut bytes = Vec::new();
    for _ in 0..2 {
        // RandomState is seeded by the operating system.
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u32(std::process::id());
        hasher.write_i128(jiff::Timestamp::now().as_nanosecond());
        bytes.extend(hasher.finish().to_le_bytes());
    }
    hex(&bytes)
}
