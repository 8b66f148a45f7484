//! The state file: its format, its checksum, reading and writing its text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::digest::{hex, random_hex};
use super::error::StateError;
use super::journal::{Entry, Origin};
use super::record::{Intent, Record, StepId};
use super::upgrade::{FORMAT, upgrade};

/// The recorded state of one deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The version of the format; an older one is upgraded to [`FORMAT`] when it is read.
    pub format: u32,
    /// The version of provisioner that wrote the state last.
    pub written_by: String,
    /// A random id of the deployment: states with the same suffix and different lineages are unrelated.
    pub lineage: String,
    /// The number of writes.
    pub serial: u64,
    /// The system, for example `lambda-mysql`.
    pub system: String,
    /// The suffix, for example `dev1`.
    pub suffix: String,
    /// The AWS account of all steps.
    pub account: String,
    /// The primary region.
    pub region: String,
    /// The outputs of the system: load balancer names, database endpoints, the dashboard's URL. May contain references.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// The levers that move its traffic, with references to outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levers: Option<Value>,
    /// The existing resources.
    pub steps: BTreeMap<StepId, Record>,
    /// Pending intents: creates without a recorded result.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub intents: BTreeMap<StepId, Intent>,
    /// Deposed objects: the old resources of replaced steps, still to be deleted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deposed: BTreeMap<StepId, Record>,
}

impl State {
    /// A new, empty state.
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

    /// True if it records nothing that could exist in AWS.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.intents.is_empty() && self.deposed.is_empty()
    }

    /// Counts the next write, by this build.
    pub fn advance(&mut self) {
        self.serial += 1;
        env!("CARGO_PKG_VERSION").clone_into(&mut self.written_by);
    }

    /// The text of the file: readable, with a checksum over all other fields.
    pub fn to_text(&self) -> String {
        text_of(serde_json::to_value(self).expect("a state is plain data"))
    }

    /// [`State::from_text`] for bytes that may not be text.
    pub fn from_bytes(path: &str, bytes: &[u8]) -> Result<Self, StateError> {
        let damaged = |_| StateError::Damaged { path: path.to_owned(), what: "it is not UTF-8 text".to_owned() };
        Self::from_text(path, str::from_utf8(bytes).map_err(damaged)?)
    }

    /// Reads the text of the file at `path` (used in errors only). Refuses it if a single bit has changed.
    pub fn from_text(path: &str, text: &str) -> Result<Self, StateError> {
        let damaged = |what: String| StateError::Damaged { path: path.to_owned(), what };
        let mut fields: Value = serde_json::from_str(text).map_err(|e| damaged(format!("not JSON: {e}")))?;
        let found = fields.get("format").and_then(Value::as_u64);
        let stored = fields.as_object_mut().and_then(|fields| fields.remove("checksum"));
        let stored = stored.ok_or_else(|| damaged("it has no checksum".to_owned()))?;
        let computed = checksum(&fields);
        if stored != Value::String(computed.clone()) {
            return Err(damaged(format!("its checksum is {computed}, but it contains {stored}")));
        }
        if let Some(found) = found.filter(|found| *found > u64::from(FORMAT)) {
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            return Err(StateError::Newer { path: path.to_owned(), found, known: FORMAT });
        }
        let is_current = found == Some(FORMAT.into());
        if !is_current && text_of(fields.clone()) != text {
            return Err(damaged(NOT_CANONICAL.to_owned()));
        }
        let known = fields.as_object_mut().is_some_and(|fields| upgrade(fields, found.unwrap_or_default()));
        if !known {
            return Err(damaged("its format is unknown".to_owned()));
        }
        let state: State = serde_json::from_value(fields).map_err(|e| damaged(e.to_string()))?;
        if is_current && state.to_text() != text {
            return Err(damaged(NOT_CANONICAL.to_owned()));
        }
        Ok(state)
    }

    /// The first line of a journal on top of this state.
    pub fn journal_header(&self) -> Entry {
        let State { lineage, serial, system, account, region, .. } = self;
        let of = Origin { system: system.clone(), account: account.clone(), region: region.clone() };
        Entry::Opened { lineage: lineage.clone(), serial: *serial, of: Some(Box::new(of)) }
    }

    /// Applies one entry of the journal.
    pub fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Intent { step, intent } => {
                // The recorded resource is gone: its record would hide the one that is created.
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

/// Why a text with a correct checksum is refused.
const NOT_CANONICAL: &str = "provisioner didn't write this text";

/// The text of the fields with their checksum.
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
