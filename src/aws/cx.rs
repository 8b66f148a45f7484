//! What a resource's code is given: clients of its region, the tags to set, and a way to say what it waits for.

use std::ops::Deref;
use std::sync::Arc;

use serde_json::Value;

use super::clients::{Clients, Cloud};
use crate::engine::ownership::Owner;
use crate::engine::{Event, Observer, StepId, Tags};

/// The context of one operation on one step. Derefs to the [`Clients`] of the step's region.
#[derive(Clone)]
pub struct Cx {
    /// The account, partition and owner that all steps share.
    pub shared: Arc<Shared>,
    clients: Arc<Clients>,
    /// The step.
    pub step: StepId,
    /// All tags that the resource has to carry.
    pub tags: Tags,
    /// AWS's idempotency token: the same for every try to make this one incarnation. 32 lower-case hexadecimal digits, or empty
    /// where nobody has announced to make it.
    pub token: String,
    /// The outputs of what this one replaces and that still stands.
    predecessor: Option<Value>,
}

/// What is the same for all steps of a run.
#[derive(Clone)]
pub struct Shared {
    /// The way into AWS.
    pub cloud: Arc<Cloud>,
    /// The AWS account.
    pub account: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// Whose resources these are.
    pub owner: Owner,
    /// Who watches.
    pub observer: Arc<dyn Observer>,
}

impl Cx {
    /// A context for one operation.
    pub fn new(shared: Arc<Shared>, region: &str, step: StepId, tags: Tags, token: String) -> Self {
        let clients = shared.cloud.region(region);
        Cx { shared, clients, step, tags, token, predecessor: None }
    }

    /// The same for the successor of what has these outputs.
    pub fn succeeding(self, predecessor: Option<&Value>) -> Self {
        Cx { predecessor: predecessor.cloned(), ..self }
    }

    /// True if this id or ARN is of what is being replaced.
    pub fn is_predecessor(&self, id: &str) -> bool {
        let outputs = self.predecessor.as_ref().and_then(Value::as_object);
        outputs.is_some_and(|outputs| outputs.values().any(|output| output == id))
    }

    /// True if this token, by which something was made, is the one that a run has announced for this step.
    pub fn is_announced_by(&self, token: &str) -> bool {
        !self.token.is_empty() && self.token == token
    }

    /// One that asks these clients, for tests.
    #[cfg(test)]
    pub(crate) fn asking(self, clients: Clients) -> Self {
        Cx { clients: Arc::new(clients), ..self }
    }

    /// The same with nothing read yet: what was read in this run tells what stood when it began.
    pub fn uncached(&self) -> Self {
        let cloud = Arc::new(self.shared.cloud.uncached());
        let shared = Arc::new(Shared { cloud, ..(*self.shared).clone() });
        let cx = Cx::new(shared, &self.region, self.step.clone(), self.tags.clone(), self.token.clone());
        cx.succeeding(self.predecessor.as_ref())
    }

    /// The AWS account.
    pub fn account(&self) -> &str {
        &self.shared.account
    }

    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub fn partition(&self) -> &str {
        &self.shared.partition
    }

    /// The clients of another region.
    pub fn in_region(&self, region: &str) -> Arc<Clients> {
        self.shared.cloud.region(region)
    }

    /// True if AWS is a sandbox on this machine.
    pub fn is_sandbox(&self) -> bool {
        self.shared.cloud.endpoint.is_sandbox()
    }

    /// Tells whoever watches what the step waits for.
    pub fn waiting(&self, what: &str) {
        self.shared.observer.on(Event::StepWaiting { step: self.step.clone(), what: what.to_owned() });
    }
}

impl Deref for Cx {
    type Target = Clients;

    fn deref(&self) -> &Clients {
        &self.clients
    }
}
