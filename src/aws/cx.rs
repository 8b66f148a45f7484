//! The context of an operation on a resource: clients of its region, the tags to set, the observer.

use std::ops::Deref;
use std::sync::Arc;

use serde_json::Value;

use super::clients::{Clients, Cloud};
use crate::engine::ownership::Owner;
use crate::engine::{Event, Observer, StepId, Tags};

/// The context of one operation on one step. Derefs to the [`Clients`] of the step's region.
#[derive(Clone)]
pub struct Cx {
    /// The context of the run.
    pub shared: Arc<Shared>,
    clients: Arc<Clients>,
    /// The step.
    pub step: StepId,
    /// All tags that the resource must have.
    pub tags: Tags,
    /// AWS's idempotency token: the same for every attempt to create this generation of the resource. 32 lower-case hexadecimal
    /// digits, or empty if no intent is recorded.
    pub token: String,
    /// The outputs of the deposed object that this resource replaces.
    predecessor: Option<Value>,
}

/// The context of a run.
#[derive(Clone)]
pub struct Shared {
    /// Access to AWS.
    pub cloud: Arc<Cloud>,
    /// The AWS account.
    pub account: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// The deployment that owns the resources.
    pub owner: Owner,
    /// Receives the events of the run.
    pub observer: Arc<dyn Observer>,
}

impl Cx {
    /// The context of one operation.
    pub fn new(shared: Arc<Shared>, region: &str, step: StepId, tags: Tags, token: String) -> Self {
        let clients = shared.cloud.region(region);
        Cx { shared, clients, step, tags, token, predecessor: None }
    }

    /// The same context for the replacement of a resource with these outputs.
    pub fn replacing(self, predecessor: Option<&Value>) -> Self {
        Cx { predecessor: predecessor.cloned(), ..self }
    }

    /// True if this id or ARN is that of the deposed object.
    pub fn is_predecessor(&self, id: &str) -> bool {
        let outputs = self.predecessor.as_ref().and_then(Value::as_object);
        outputs.is_some_and(|outputs| outputs.values().any(|output| output == id))
    }

    /// True if this idempotency token of a resource is that of the recorded intent.
    pub fn is_intended_by(&self, token: &str) -> bool {
        !self.token.is_empty() && self.token == token
    }

    /// The same context with other clients, for tests.
    #[cfg(test)]
    pub(crate) fn with_clients(self, clients: Clients) -> Self {
        Cx { clients: Arc::new(clients), ..self }
    }

    /// The same context with an empty inventory: the other one has what existed when the run started.
    pub fn uncached(&self) -> Self {
        let cloud = Arc::new(self.shared.cloud.uncached());
        let shared = Arc::new(Shared { cloud, ..(*self.shared).clone() });
        let cx = Cx::new(shared, &self.region, self.step.clone(), self.tags.clone(), self.token.clone());
        cx.replacing(self.predecessor.as_ref())
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

    /// True if AWS is the sandbox on this machine.
    pub fn is_sandbox(&self) -> bool {
        self.shared.cloud.endpoint.is_sandbox()
    }

    /// Reports what the step waits for.
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
