//! Changes made behind the tool's back to a system of one's own: plan names each field, and apply puts all of it back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Value, json};

use super::{Applied, Cli, Sandbox};

/// Something that somebody does by hand.
pub struct Drift {
    /// The step that it touches.
    pub step: &'static str,
    /// What plan wants to do about it.
    pub action: &'static str,
    /// All fields that plan names.
    pub fields: &'static [&'static str],
    /// Does it, in Python after `support/python/by_hand.py`; `o` holds the step's outputs.
    pub by_hand: &'static str,
    /// Reads what it changes, a Python expression.
    pub reads: &'static str,
}

/// An account with a system in it.
pub struct Drifting {
    /// Its AWS.
    pub sandbox: Sandbox,
    /// The tool.
    pub cli: Cli,
    suffix: &'static str,
    region: &'static str,
}

/// What plan says: step, action, and the fields with what they are to become.
pub type Planned = BTreeMap<String, (String, BTreeMap<String, Value>)>;

impl Drifting {
    /// Applies a system of this configuration, or of none at all, whose region this is.
    pub async fn applied(suffix: &'static str, region: &'static str, configuration: Option<&str>) -> Self {
        let Applied { sandbox, cli, .. } = Applied::with(suffix, configuration).await;
        let system = Drifting { sandbox, cli, suffix, region };
        let outputs: BTreeMap<String, Value> = {
            let state = system.cli.state(suffix);
            let steps = state["steps"].as_object().expect("a state has steps").clone();
            steps.into_iter().map(|(id, record)| (id, record["outputs"].clone())).collect()
        };
        std::fs::write(system.outputs(), json!(outputs).to_string()).expect("the outputs can be written");
        system
    }

    /// The outputs of all steps as they were at first: people know them by heart.
    fn outputs(&self) -> String {
        self.cli.folder().join("outputs.json").display().to_string()
    }

    /// Runs Python after `support/python/by_hand.py`.
    pub async fn python(&self, code: &str) -> Value {
        let file = self.cli.folder().join("script.py");
        std::fs::write(&file, format!("from by_hand import *\n{code}\n")).expect("the script can be written");
        self.sandbox.python_file(file.to_str().expect("a path in UTF-8"), &[&self.outputs(), self.region]).await
    }

    /// Changes some steps.
    pub async fn by_hand(&self, changes: impl Iterator<Item = (&str, &str)>) {
        let mut code = String::new();
        for (step, change) in changes {
            let _ = writeln!(code, "o = outputs[{step:?}]\n{change}");
        }
        self.python(&code).await;
    }

    /// What stands of all that drifts, by step.
    async fn look(&self, drifts: &[Drift]) -> BTreeMap<String, Value> {
        let mut code = "found = {}\n".to_owned();
        for Drift { step, reads, .. } in drifts {
            let _ = writeln!(code, "o = outputs[{step:?}]\nfound[{step:?}] = {reads}");
        }
        code.push_str("print(json.dumps(found))");
        serde_json::from_value(self.python(&code).await).expect("a value by step")
    }

    /// The weights that some steps have.
    pub async fn weights(&self, steps: &[&str]) -> Value {
        self.python(&format!("print(json.dumps({{step: weights(outputs[step]) for step in {steps:?}}}))")).await
    }

    /// Runs plan.
    pub async fn plan(&self) -> Planned {
        let plan = self.cli.run(&["plan", "--suffix", self.suffix, "--json"]).await.ok();
        assert_eq!(plan.summary().failed, 0, "{}", plan.stdout);
        let planned = plan.events().into_iter().filter(|event| event["type"] == "planned");
        let planned = planned.map(|event| {
            let changes = event["changes"].as_array().expect("changes").iter();
            let fields = changes.map(|change| (text(&change["field"]), change["new"].clone())).collect();
            (text(&event["step"]), (text(&event["action"]), fields))
        });
        planned.collect()
    }

    /// What `status` says of steps that change by themselves.
    pub async fn live(&self) -> BTreeMap<String, String> {
        let status = self.cli.run(&["status", "--suffix", self.suffix, "--json"]).await.ok();
        let summary = status.events().pop().expect("a summary");
        let live = summary["live"].as_array().expect("what is live").iter();
        live.map(|one| (text(&one["step"]), text(&one["live"]))).collect()
    }

    /// Makes all these changes, and fails unless plan names each with its fields and changes nothing, and apply puts all of
    /// it back. `waiting` are the steps with fields that aren't known before something else stands again.
    pub async fn assert_put_back(&self, drifts: &[Drift], waiting: &[&str]) {
        let before = self.look(drifts).await;
        self.by_hand(drifts.iter().map(|drift| (drift.step, drift.by_hand))).await;
        let drifted = self.look(drifts).await;
        for Drift { step, .. } in drifts {
            assert_ne!(before[*step], drifted[*step], "{step} was not changed at all");
        }

        let mut plan = self.plan().await;
        let unknown = |fields: &BTreeMap<String, Value>| {
            let waits = |new: &Value| new.as_str().is_some_and(|new| new.contains("(known after apply)"));
            !fields.is_empty() && fields.values().all(waits)
        };
        let found: BTreeSet<String> =
            plan.iter().filter(|(_, (_, fields))| unknown(fields)).map(|(step, _)| step.clone()).collect();
        assert_eq!(found, waiting.iter().map(|step| (*step).to_owned()).collect());
        plan.retain(|step, _| !found.contains(step));
        let named: BTreeSet<_> = plan
            .into_iter()
            .map(|(step, (action, fields))| format!("{action} {step}: {:?}", fields.keys().collect::<Vec<_>>()))
            .collect();
        let expected =
            drifts.iter().map(|drift| format!("{} {}: {:?}", drift.action, drift.step, drift.fields)).collect();
        let only =
            |one: &BTreeSet<String>, other: &BTreeSet<String>| one.difference(other).cloned().collect::<Vec<_>>();
        assert_eq!((only(&named, &expected), only(&expected, &named)), (vec![], vec![]), "(too much, too little)");
        assert_eq!(self.look(drifts).await, drifted, "plan changes nothing");

        let apply = self.cli.run(&["apply", "--suffix", self.suffix, "--json"]).await.ok().summary();
        let actions = |action: &str| drifts.iter().filter(|drift| drift.action == action).count() as u64;
        let done = [apply.created, apply.updated, apply.replaced, apply.deleted];
        assert_eq!(done, [actions("create"), actions("update"), actions("replace"), 0], "{apply:?}");
        let after = self.look(drifts).await;
        for Drift { step, .. } in drifts {
            assert_eq!(before[*step], after[*step], "{step} is not as it was");
        }
        assert_eq!(self.plan().await, BTreeMap::new(), "all is as it should be");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
