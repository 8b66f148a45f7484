//! Records: what the state has about one step.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The tags of a resource, key to value.
pub type Tags = BTreeMap<String, String>;

/// The path of a step in its system, for example `blue/network/vpc`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub String);

impl StepId {
    /// The module of the step: `blue/network` of `blue/network/vpc`. Empty for a step at the root.
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

/// The record of an existing resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The resource type, for example `ec2.vpc`.
    pub kind: String,
    /// The AWS region.
    pub region: String,
    /// Ids, ARNs, endpoints.
    pub outputs: Value,
    /// The desired fields when the resource was last written, all references resolved. Never contains a secret: no spec does.
    pub spec: Value,
    /// The tags that provisioner set.
    pub tags: Tags,
    /// The dependencies: they are deleted after this resource.
    pub dependencies: BTreeSet<StepId>,
    /// Other deployments may use the resource too: see [`crate::engine::Step::shared`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// When the resource was created.
    pub created_at: Timestamp,
    /// When the resource was last changed.
    pub updated_at: Timestamp,
}

/// The intent to create a resource. Until its result is recorded, the resource may exist.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The resource type.
    pub kind: String,
    /// The AWS region.
    pub region: String,
    /// The desired fields.
    pub spec: Value,
    /// The tags of the create call: they identify the resource.
    pub tags: Tags,
    /// The dependencies.
    pub dependencies: BTreeSet<StepId>,
    /// AWS's idempotency token: the same for every attempt to create the resource.
    pub token: String,
    /// See [`Record::shared`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
}

impl Intent {
    /// The record of the created resource.
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
