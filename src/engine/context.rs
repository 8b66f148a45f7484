//! What planning and execution work with.

use tokio::sync::watch;

use super::events::Observer;
use super::graph::Graph;
use super::operations::{Observed, Provider};
use super::ownership::Owner;
use super::selection::Selection;
use super::step::Step;

/// What planning and execution work with.
pub struct EngineContext<'a> {
    /// The deployment that owns the resources.
    pub owner: &'a Owner,
    /// The desired steps.
    pub graph: &'a Graph,
    /// Finds the operations of a resource type.
    pub provider: &'a dyn Provider,
    /// Receives the events of the run.
    pub observer: &'a dyn Observer,
    /// Turns true when the user interrupts the run.
    pub stop: watch::Receiver<bool>,
    /// Adopts a resource that can't carry tags by its name, if it has exactly the desired spec. Only to rebuild a lost state.
    pub adopt_by_name: bool,
    /// The selected steps and the forced replacements.
    pub selection: Selection,
}

impl EngineContext<'_> {
    /// The same context for a part of the system.
    pub fn selecting(self, selection: Selection) -> Self {
        EngineContext { selection, ..self }
    }

    /// The same context, adopting by name what can't carry tags. Only to rebuild a lost state.
    pub fn adopting_by_name(self) -> Self {
        EngineContext { adopt_by_name: true, ..self }
    }

    /// True if a resource of this type and region can be the step's. False if the step has changed its type or region: then
    /// the recorded resource is deleted and a new one created.
    pub(super) fn is_same_place(&self, kind: &str, region: &str, step: &Step) -> bool {
        let global = || self.provider.operations(kind).is_ok_and(|operations| operations.type_info().global);
        kind == step.kind && (region == step.region || global())
    }

    /// True if other deployments use this shared resource too.
    pub(super) fn is_used_by_others(&self, observed: &Observed) -> bool {
        observed.tags().is_some_and(|tags| self.owner.has_other_users(tags))
    }
}
