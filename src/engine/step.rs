//! A step: one resource that a system wants, before anything is known of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::reference;
pub use crate::state::{StepId, Tags};

/// One resource that a system wants.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it stands in the system.
    pub id: StepId,
    /// The resource type, for example `ec2.vpc`.
    pub kind: &'static str,
    /// The AWS region that it lives in.
    pub region: String,
    /// What is asked of it. Strings in it may hold references to the outputs of other steps.
    pub spec: Value,
    /// The tags that it must carry.
    pub tags: Tags,
    /// Steps that must stand first although no value of theirs is used, each with the reason.
    pub after: BTreeMap<StepId, &'static str>,
    /// Used by every system of the account and region: it is joined if it stands, and deleted by the last to leave.
    pub shared: bool,
}

impl Step {
    /// The steps that this one needs: those whose outputs it uses, and those it is ordered after.
    pub fn dependencies(&self) -> BTreeSet<StepId> {
        reference::find(&self.spec).into_iter().map(|r| r.step).chain(self.after.keys().cloned()).collect()
    }
}
