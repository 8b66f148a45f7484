//! The part of a system that a command works on: `--target`, `--module`, `--replace`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::graph::Graph;
use super::step::StepId;
use crate::state::State;

/// The selected part of a system. Without targets and modules it is the whole system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Selected steps.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub targets: BTreeSet<StepId>,
    /// Selected modules: `blue/network` contains `blue/network/vpc`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub modules: BTreeSet<String>,
    /// Steps that are replaced even if they are as desired.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub replaced: BTreeSet<StepId>,
}

/// Why a selection doesn't fit the system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSelection {
    /// There is no such step.
    #[error("there is no step {step}")]
    UnknownStep {
        /// The name.
        step: StepId,
        /// A step with a similar name.
        similar: Option<StepId>,
    },
    /// There is no such module.
    #[error("there is no module {module}")]
    UnknownModule {
        /// The name.
        module: String,
        /// A module with a similar name.
        similar: Option<String>,
    },
    /// A target is a module.
    #[error("{0} is a module, not a step")]
    IsModule(StepId),
    /// A module is a step.
    #[error("{0} is a step, not a module")]
    IsStep(String),
    /// A step is to be replaced that isn't selected.
    #[error("can't replace {0}: it isn't selected")]
    ReplacedNotSelected(StepId),
}

impl Selection {
    /// True if the whole system is selected.
    pub fn is_whole(&self) -> bool {
        self.targets.is_empty() && self.modules.is_empty()
    }

    /// True if this step, or a module that contains it, is selected.
    pub fn contains(&self, step: &StepId) -> bool {
        self.is_whole() || self.targets.contains(step) || self.modules.iter().any(|module| is_in(step, module))
    }

    /// Refuses steps and modules that are neither desired nor recorded, and replacements of steps that aren't desired or not
    /// selected.
    pub fn check(&self, graph: &Graph, state: &State) -> Result<(), BadSelection> {
        let desired = graph.in_order().map(|step| &step.id);
        let recorded = state.steps.keys().chain(state.intents.keys()).chain(state.deposed.keys());
        let known: BTreeSet<&StepId> = desired.chain(recorded).collect();
        if let Some(target) = self.targets.iter().find(|target| !known.contains(target)) {
            if known.iter().any(|step| is_in(step, &target.0)) {
                return Err(BadSelection::IsModule(target.clone()));
            }
            return Err(unknown_step(target, known.iter().copied()));
        }
        for step in &self.replaced {
            if graph.get(step).is_none() {
                return Err(unknown_step(step, graph.in_order().map(|step| &step.id)));
            }
            if !self.contains(step) {
                return Err(BadSelection::ReplacedNotSelected(step.clone()));
            }
        }
        for module in &self.modules {
            if !known.iter().any(|step| is_in(step, module)) {
                if known.contains(&StepId::from(module.as_str())) {
                    return Err(BadSelection::IsStep(module.clone()));
                }
                let modules = known.iter().flat_map(|step| modules_of(step)).collect::<BTreeSet<_>>();
                let similar = most_similar(module, modules.into_iter()).map(str::to_owned);
                return Err(BadSelection::UnknownModule { module: module.clone(), similar });
            }
        }
        Ok(())
    }
}

fn is_in(step: &StepId, module: &str) -> bool {
    let module = module.trim_end_matches('/');
    step.0.strip_prefix(module).is_some_and(|rest| rest.starts_with('/'))
}

/// `blue` and `blue/network` of `blue/network/vpc`.
fn modules_of(step: &StepId) -> impl Iterator<Item = &str> {
    step.0.match_indices('/').map(|(at, _)| &step.0[..at])
}

fn unknown_step<'a>(step: &StepId, among: impl Iterator<Item = &'a StepId>) -> BadSelection {
    BadSelection::UnknownStep { step: step.clone(), similar: similar_step(step, among) }
}

/// The step with the most similar name, if one is similar at all.
pub fn similar_step<'a>(step: &StepId, among: impl Iterator<Item = &'a StepId>) -> Option<StepId> {
    most_similar(&step.0, among.map(|step| step.0.as_str())).map(StepId::from)
}

fn most_similar<'a>(name: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let rated = among.map(|other| (strsim::jaro_winkler(name, other), other));
    let best = rated.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(similarity, _)| *similarity > 0.8).map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_contains_exactly_the_steps_under_it() {
        let selection = Selection { modules: ["blue/network".to_owned()].into(), ..Default::default() };
        for (step, contained) in [
            ("blue/network/vpc", true),
            ("blue/network/a/subnet", true),
            ("blue/network", false),
            ("blue/network-2/vpc", false),
            ("green/blue/network/vpc", false),
        ] {
            assert_eq!(selection.contains(&step.into()), contained, "{step}");
        }
    }

    #[test]
    fn unknown_names_are_refused_with_the_similar_one() {
        let graph = Graph::new(Vec::new()).unwrap();
        let mut state = State::new("test", "dev1", "1", "here");
        state.intents.insert("blue/network/vpc".into(), crate::state::Intent::default());
        let check = |targets: &[&str], modules: &[&str]| {
            let targets = targets.iter().map(|step| StepId::from(*step)).collect();
            let modules = modules.iter().map(|&module| module.to_owned()).collect();
            Selection { targets, modules, replaced: BTreeSet::new() }.check(&graph, &state)
        };
        assert_eq!(check(&["blue/network/vpc"], &["blue", "blue/network/"]), Ok(()));
        let unknown = |step: &str, similar: Option<&str>| BadSelection::UnknownStep {
            step: step.into(),
            similar: similar.map(Into::into),
        };
        let (module, similar) = ("blue/netwerk".to_owned(), Some("blue/network".to_owned()));
        for (targets, modules, error) in [
            (&["blue/netwrk/vpc"][..], &[][..], unknown("blue/netwrk/vpc", Some("blue/network/vpc"))),
            (&[], &["blue/netwerk"], BadSelection::UnknownModule { module, similar }),
            (&["zzz"], &[], unknown("zzz", None)),
            (&["blue"], &[], BadSelection::IsModule("blue".into())),
            (&[], &["blue/network/vpc"], BadSelection::IsStep("blue/network/vpc".to_owned())),
        ] {
            assert_eq!(check(targets, modules), Err(error));
        }
    }
}
