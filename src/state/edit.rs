//! Manual changes of the state: `state mv` and `state rm`.

use super::file::State;
use super::record::{Record, StepId};

/// Why a state can't be changed manually.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The step isn't in the state.
    #[error("the state has no step {0}")]
    Unknown(StepId),
    /// The new name is in use.
    #[error("the state already has a step {0}")]
    Taken(StepId),
}

impl State {
    /// Renames a step, also where it is a dependency.
    pub fn rename(&mut self, from: &StepId, to: StepId) -> Result<(), EditError> {
        if self.steps.contains_key(&to) || self.intents.contains_key(&to) || self.deposed.contains_key(&to) {
            return Err(EditError::Taken(to));
        }
        let (record, intent, deposed) = (self.steps.remove(from), self.intents.remove(from), self.deposed.remove(from));
        if record.is_none() && intent.is_none() && deposed.is_none() {
            return Err(EditError::Unknown(from.clone()));
        }
        self.steps.extend(record.map(|record| (to.clone(), record)));
        self.intents.extend(intent.map(|intent| (to.clone(), intent)));
        self.deposed.extend(deposed.map(|record| (to.clone(), record)));
        let records =
            self.steps.values_mut().chain(self.deposed.values_mut()).map(|Record { dependencies, .. }| dependencies);
        for dependencies in records.chain(self.intents.values_mut().map(|intent| &mut intent.dependencies)) {
            if dependencies.remove(from) {
                dependencies.insert(to.clone());
            }
        }
        Ok(())
    }

    /// Removes a step, its pending intent and its deposed object.
    pub fn forget(&mut self, step: &StepId) -> Result<(), EditError> {
        let known = [
            self.steps.remove(step).is_some(),
            self.intents.remove(step).is_some(),
            self.deposed.remove(step).is_some(),
        ];
        if known.contains(&true) { Ok(()) } else { Err(EditError::Unknown(step.clone())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Intent;

    fn state() -> State {
        let mut state = State::new("test", "dev1", "1", "here");
        let intent = |dependencies: &[&str]| Intent {
            kind: "thing".to_owned(),
            region: "here".to_owned(),
            spec: serde_json::Value::Null,
            tags: Default::default(),
            dependencies: dependencies.iter().map(|step| StepId::from(*step)).collect(),
            token: "t".to_owned(),
            shared: false,
        };
        state.steps.insert("a".into(), intent(&[]).fulfilled(serde_json::Value::Null));
        state.steps.insert("b".into(), intent(&["a"]).fulfilled(serde_json::Value::Null));
        state.intents.insert("c".into(), intent(&["a", "b"]));
        state
    }

    #[test]
    fn rename_updates_all_dependents() {
        let mut state = state();
        state.rename(&"a".into(), "x/a".into()).unwrap();
        assert!(state.steps.contains_key(&"x/a".into()) && !state.steps.contains_key(&"a".into()));
        assert_eq!(state.steps[&"b".into()].dependencies, ["x/a".into()].into());
        assert_eq!(state.intents[&"c".into()].dependencies, ["b".into(), "x/a".into()].into());
    }

    #[test]
    fn refused_edits_change_nothing() {
        let before = state();
        let mut state = before.clone();
        assert_eq!(state.rename(&"z".into(), "y".into()), Err(EditError::Unknown("z".into())));
        assert_eq!(state.rename(&"a".into(), "c".into()), Err(EditError::Taken("c".into())));
        assert_eq!(state.forget(&"z".into()), Err(EditError::Unknown("z".into())));
        assert_eq!(state, before);
        state.forget(&"c".into()).unwrap();
        assert!(state.intents.is_empty());
    }
}
