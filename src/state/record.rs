//! What is remembered of one step.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Tags of a resource, key to value.
pub type Tags = BTreeMap<String, String>;

/// The path of a step in its system, for example `blue/network/vpc`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub String);

impl StepId {
    /// All but the last part: `blue/network` of `blue/network/vpc`. Empty for a step at the root.
    pub fn module(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(module, _)| module)
    }

    /// The last part: `vpc` of `blue/network/vpc`.
    pub fn leaf(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, leaf)| leaf)
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for StepId {
    fn from(path: &str) -> Self {
        StepId(path.to_owned())
    }
}

/// A step that stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The resource type, for example `ec2.vpc`.
    pub kind: String,
    /// The AWS region that it lives in.
    pub region: String,
    /// Ids, ARNs, endpoints.
    pub outputs: Value,
    /// What was asked of it, all references resolved. Never holds a secret: no spec does.
    pub spec: Value,
    /// The tags that we set.
    pub tags: Tags,
    /// The steps that it used: they are deleted after it.
    pub dependencies: BTreeSet<StepId>,
    /// Other systems may use it too: see [`crate::engine::Step::shared`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A create that was announced and of which no end is recorded: it may stand in AWS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The resource type.
    pub kind: String,
    /// The AWS region.
    pub region: String,
    /// What was asked.
    pub spec: Value,
    /// The tags of the create call: how it is found again.
    pub tags: Tags,
    /// The steps that it used.
    pub dependencies: BTreeSet<StepId>,
    /// AWS's idempotency token: the same for every try to make it.
    pub token: String,
    /// See [`Record::shared`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
}

impl Intent {
    /// The record of the thing that this intent has led to.
    pub fn fulfilled(&self, outputs: Value) -> Record {
        let now = Timestamp::now();
        Record {
            kind: self.kind.clone(),
            region: self.region.clone(),
            outputs,
            spec: self.spec.clone(),
            tags: self.tags.clone(),
            dependencies: self.dependencies.clone(),
            shared: self.shared,
            created_at: now,
            updated_at: now,
        }
    }
}
