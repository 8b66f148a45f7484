//! A part of a system: what people name to have only that planned, or to have it made anew.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::graph::Graph;
use super::plan::{Action, Plan, Removal};
use super::step::StepId;
use crate::state::State;

/// What people have named. Without targets and modules it is the whole system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Single steps.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub targets: BTreeSet<StepId>,
    /// All steps under these: `blue/network` names `blue/network/vpc`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub modules: BTreeSet<String>,
    /// Steps that are made anew although they stand as wanted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub replaced: BTreeSet<StepId>,
}

/// Something was named that isn't there, or that doesn't go with the rest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadSelection {
    /// What is wrong.
    pub message: String,
    /// What may have been meant.
    pub hint: Option<String>,
}

impl Selection {
    /// True if nothing is left out.
    pub fn is_whole(&self) -> bool {
        self.targets.is_empty() && self.modules.is_empty()
    }

    /// True if this step was named, by itself or by a module that it is in.
    pub fn names(&self, step: &StepId) -> bool {
        self.is_whole() || self.targets.contains(step) || self.modules.iter().any(|module| is_in(step, module))
    }

    /// Refuses what is neither wanted nor remembered. What is only remembered can't be made anew, nor what isn't named.
    pub fn check(&self, graph: &Graph, state: &State) -> Result<(), BadSelection> {
        let wanted = graph.in_order().map(|step| &step.id);
        let remembered = state.steps.keys().chain(state.intents.keys()).chain(state.deposed.keys());
        let known: BTreeSet<&StepId> = wanted.chain(remembered).collect();
        for target in &self.targets {
            if !known.contains(target) {
                if known.iter().any(|step| is_in(step, &target.0)) {
                    let hint = Some(format!("for all steps under it: --module {target}"));
                    return Err(BadSelection { message: format!("{target} is a module, no step"), hint });
                }
                return Err(no_step(target, known.iter().copied()));
            }
        }
        for step in &self.replaced {
            if graph.get(step).is_none() {
                return Err(no_step(step, graph.in_order().map(|step| &step.id)));
            }
            if !self.names(step) {
                let message = format!("{step} is to be made anew, and isn't of the part that was named");
                return Err(BadSelection { message, hint: Some(format!("name it too: --target {step}")) });
            }
        }
        for module in &self.modules {
            if !known.iter().any(|step| is_in(step, module)) {
                if known.contains(&StepId::from(module.as_str())) {
                    let hint = Some(format!("for this step: --target {module}"));
                    return Err(BadSelection { message: format!("{module} is a step, no module"), hint });
                }
                let modules = known.iter().flat_map(|step| modules_of(step)).collect::<BTreeSet<_>>();
                let hint = nearest(module, modules.into_iter());
                return Err(BadSelection { message: format!("there is no module {module}"), hint });
            }
        }
        Ok(())
    }

    /// Takes out of a plan what wasn't named. What a named step needs stays, and all that has to let go of something that
    /// goes.
    pub(super) fn limit(&self, mut plan: Plan, graph: &Graph, state: &State) -> Plan {
        if self.is_whole() {
            return plan;
        }
        let mut goes: BTreeSet<&StepId> = plan.removals.iter().map(|removal| &removal.id).collect();
        goes.extend(plan.steps.iter().filter(|p| p.action == Action::Replace).map(|planned| &planned.step.id));
        let stands = plan.steps.iter().filter(|planned| planned.observed.is_some()).map(|planned| &planned.step.id);
        let stands: BTreeSet<&StepId> = stands.chain(state.steps.keys()).collect();
        let users = users(graph, state, &stands);
        let planned = plan.steps.iter().map(|planned| &planned.step.id);
        let unplanned = plan.failures.iter().map(|(id, _)| id).chain(plan.blocked.iter().map(|(id, _)| id));
        let all = planned.chain(unplanned).chain(plan.removals.iter().map(|removal| &removal.id));
        let mut left: Vec<StepId> = all.filter(|id| self.names(id)).cloned().collect();
        let mut taken = BTreeSet::new();
        while let Some(id) = left.pop() {
            if taken.contains(&id) {
                continue;
            }
            left.extend(graph.get(&id).into_iter().flat_map(|step| step.dependencies()));
            if goes.contains(&id) {
                left.extend(users.get(&id).into_iter().flatten().map(|user| (*user).clone()));
            }
            taken.insert(id);
        }
        plan.steps.retain(|planned| taken.contains(&planned.step.id));
        // What stands under another name is remembered under this one until that one is planned too.
        let is_elsewhere = |removal: &Removal| removal.stands_as.as_ref().is_some_and(|step| !taken.contains(step));
        plan.removals.retain(|removal| taken.contains(&removal.id) && !is_elsewhere(removal));
        plan.failures.retain(|(id, _)| taken.contains(id));
        plan.refusals.retain(|refused| taken.contains(&refused.step));
        plan.blocked.retain(|(id, _)| taken.contains(id));
        plan
    }
}

/// Which of what stands uses what: as it is wanted, and as it is remembered.
fn users<'a>(graph: &'a Graph, state: &'a State, stands: &BTreeSet<&StepId>) -> BTreeMap<StepId, BTreeSet<&'a StepId>> {
    let wanted = graph.in_order().filter(|step| stands.contains(&step.id));
    let wanted = wanted.map(|step| (&step.id, step.dependencies()));
    let remembered = state.steps.iter().chain(&state.deposed).map(|(id, record)| (id, record.dependencies.clone()));
    let announced = state.intents.iter().map(|(id, intent)| (id, intent.dependencies.clone()));
    let mut users: BTreeMap<StepId, BTreeSet<&StepId>> = BTreeMap::new();
    for (user, dependencies) in wanted.chain(remembered).chain(announced) {
        for used in dependencies {
            users.entry(used).or_default().insert(user);
        }
    }
    users
}

fn is_in(step: &StepId, module: &str) -> bool {
    let module = module.trim_end_matches('/');
    step.0.strip_prefix(module).is_some_and(|rest| rest.starts_with('/'))
}

/// `blue` and `blue/network` of `blue/network/vpc`.
fn modules_of(step: &StepId) -> impl Iterator<Item = &str> {
    step.0.match_indices('/').map(|(at, _)| &step.0[..at])
}

/// No such step, with the one that it may have been meant for.
pub fn no_step<'a>(name: &StepId, among: impl Iterator<Item = &'a StepId>) -> BadSelection {
    let hint = nearest(&name.0, among.map(|step| step.0.as_str()));
    BadSelection { message: format!("there is no step {name}"), hint }
}

fn nearest<'a>(name: &str, among: impl Iterator<Item = &'a str>) -> Option<String> {
    let rated = among.map(|other| (strsim::jaro_winkler(name, other), other));
    let best = rated.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(likeness, _)| *likeness > 0.8).map(|(_, other)| format!("did you mean {other}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_all_that_is_under_it_and_nothing_that_is_called_alike() {
        let selection = Selection { modules: ["blue/network".to_owned()].into(), ..Default::default() };
        for (step, named) in [
            ("blue/network/vpc", true),
            ("blue/network/a/subnet", true),
            ("blue/network", false),
            ("blue/network-2/vpc", false),
            ("green/blue/network/vpc", false),
        ] {
            assert_eq!(selection.names(&step.into()), named, "{step}");
        }
    }

    #[test]
    fn what_is_not_there_is_told_with_what_was_meant() {
        let graph = Graph::new(Vec::new()).unwrap();
        let mut state = State::new("test", "dev1", "1", "here");
        state.intents.insert("blue/network/vpc".into(), crate::state::Intent::default());
        let check = |targets: &[&str], modules: &[&str]| {
            let targets = targets.iter().map(|step| StepId::from(*step)).collect();
            let modules = modules.iter().map(|&module| module.to_owned()).collect();
            Selection { targets, modules, replaced: BTreeSet::new() }.check(&graph, &state)
        };
        assert_eq!(check(&["blue/network/vpc"], &["blue", "blue/network/"]), Ok(()));
        for (targets, modules, message, hint) in [
            (&["blue/netwrk/vpc"][..], &[][..], "there is no step blue/netwrk/vpc", "did you mean blue/network/vpc?"),
            (&[], &["blue/netwerk"], "there is no module blue/netwerk", "did you mean blue/network?"),
            (&["zzz"], &[], "there is no step zzz", ""),
            (&["blue"], &[], "blue is a module, no step", "for all steps under it: --module blue"),
            (
                &[],
                &["blue/network/vpc"],
                "blue/network/vpc is a step, no module",
                "for this step: --target blue/network/vpc",
            ),
        ] {
            let error = check(targets, modules).unwrap_err();
            assert_eq!((error.message.as_str(), error.hint.as_deref().unwrap_or_default()), (message, hint));
        }
    }
}
