//! A step: one desired resource of a system.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::reference;
use crate::state::Record;
pub use crate::state::{StepId, Tags};

/// The key of the tag that names the environment of a resource.
pub const ENVIRONMENT: &str = "Environment";
/// The environment of resources that all environments share.
pub const SHARED: &str = "shared";

/// One desired resource of a system.
#[derive(Clone, Debug)]
pub struct Step {
    /// The path of the step in the system.
    pub id: StepId,
    /// The resource type, for example `ec2.vpc`.
    pub kind: &'static str,
    /// The AWS region.
    pub region: String,
    /// The environment, for example `blue`; `None` if all environments share the resource.
    pub environment: Option<String>,
    /// The desired fields. Strings may contain references to the outputs of other steps.
    pub spec: Value,
    /// The desired tags.
    pub tags: Tags,
    /// Steps that must exist first although none of their outputs is used, each with the reason.
    pub after: BTreeMap<StepId, &'static str>,
    /// All deployments in the account and region use the same resource, reference-counted: the first creates it, the last
    /// deletes it.
    pub shared: bool,
}

impl Step {
    /// The steps that must exist first: those whose outputs the spec refers to, and those in `after`.
    pub fn dependencies(&self) -> BTreeSet<StepId> {
        reference::find(&self.spec).into_iter().map(|r| r.step).chain(self.after.keys().cloned()).collect()
    }

    /// A new record of the resource, with the resolved spec of the step.
    pub(super) fn record(&self, outputs: Value, dependencies: BTreeSet<StepId>) -> Record {
        let now = Timestamp::now();
        Record {
            kind: self.kind.to_owned(),
            region: self.region.clone(),
            outputs,
            spec: self.spec.clone(),
            tags: self.tags.clone(),
            dependencies,
            shared: self.shared,
            created_at: now,
            updated_at: now,
        }
    }

    /// The step as it was recorded.
    pub(super) fn recorded(id: &StepId, record: &Record, kind: &'static str) -> Self {
        Step {
            id: id.clone(),
            kind,
            region: record.region.clone(),
            environment: environment_of(&record.tags),
            spec: record.spec.clone(),
            tags: record.tags.clone(),
            after: BTreeMap::new(),
            shared: record.shared,
        }
    }
}

/// The environment that the tags name; `None` for a shared resource.
pub fn environment_of(tags: &Tags) -> Option<String> {
    tags.get(ENVIRONMENT).filter(|environment| *environment != SHARED).cloned()
}
