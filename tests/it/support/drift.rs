//! Changes made to a system outside provisioner: plan names each field, and apply reverts all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Value, json};

use super::{Applied, Cli, Sandbox};

/// A manual change.
pub struct Drift {
    /// The step whose resource it changes.
    pub step: &'static str,
    /// The action that plan shows.
    pub action: &'static str,
    /// All fields that plan names.
    pub fields: &'static [&'static str],
    /// Makes the change, in Python after `support/python/by_hand.py`; `o` holds the step's outputs.
    pub by_hand: &'static str,
    /// Reads what is changed, a Python expression.
    pub reads: &'static str,
}

/// A system of one test, which changes it by hand.
pub struct DriftedSystem {
    /// Its AWS.
    pub sandbox: Sandbox,
    /// The tool.
    pub cli: Cli,
    suffix: &'static str,
    region: &'static str,
}

/// A plan: step, action, and the fields with their new values.
pub type Planned = BTreeMap<String, (String, BTreeMap<String, Value>)>;

impl DriftedSystem {
    /// A copy of the system with this configuration (`None`: no file) and region.
    pub async fn new(suffix: &'static str, region: &'static str, configuration: Option<&str>) -> Self {
        let Applied { sandbox, cli, .. } = Applied::with(suffix, configuration).await;
        let system = DriftedSystem { sandbox, cli, suffix, region };
        let outputs: BTreeMap<String, Value> = {
            let state = system.cli.state(suffix);
            let steps = state["steps"].as_object().expect("a state has steps").clone();
            steps.into_iter().map(|(id, record)| (id, record["outputs"].clone())).collect()
        };
        std::fs::write(system.outputs(), json!(outputs).to_string()).expect("the outputs can be written");
        system
    }

    /// The file with the outputs of all steps after the first apply.
    fn outputs(&self) -> String {
        self.cli.folder().join("outputs.json").display().to_string()
    }

    /// Runs Python after `support/python/by_hand.py`.
    pub async fn python(&self, code: &str) -> Value {
        let file = self.cli.folder().join("script.py");
        std::fs::write(&file, format!("from by_hand import *\n{code}\n")).expect("the script can be written");
        self.sandbox.python_file(file.to_str().expect("a path in UTF-8"), &[&self.outputs(), self.region]).await
    }

    /// Runs the Python of these steps.
    pub async fn change(&self, changes: impl Iterator<Item = (&str, &str)>) {
        let mut code = String::new();
        for (step, change) in changes {
            let _ = writeln!(code, "o = outputs[{step:?}]\n{change}");
        }
        self.python(&code).await;
    }

    /// The current values of everything that drifts, by step.
    async fn read(&self, drifts: &[Drift]) -> BTreeMap<String, Value> {
        let mut code = "found = {}\n".to_owned();
        for Drift { step, reads, .. } in drifts {
            let _ = writeln!(code, "o = outputs[{step:?}]\nfound[{step:?}] = {reads}");
        }
        code.push_str("print(json.dumps(found))");
        serde_json::from_value(self.python(&code).await).expect("a value by step")
    }

    /// The weights of some steps.
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

    /// What `status` shows of live values, by step.
    pub async fn live(&self) -> BTreeMap<String, String> {
        let status = self.cli.run(&["status", "--suffix", self.suffix, "--json"]).await.ok();
        let summary = status.events().pop().expect("a summary");
        let live = summary["live"].as_array().expect("what is live").iter();
        live.map(|one| (text(&one["step"]), text(&one["live"]))).collect()
    }

    /// Makes these changes. Fails unless plan names each with its fields and changes nothing, and apply reverts all of
    /// them. `unknown` are the steps with fields that are known only after apply has recreated something else.
    pub async fn assert_reverted(&self, drifts: &[Drift], unknown: &[&str]) {
        let before = self.read(drifts).await;
        self.change(drifts.iter().map(|drift| (drift.step, drift.by_hand))).await;
        let drifted = self.read(drifts).await;
        for Drift { step, .. } in drifts {
            assert_ne!(before[*step], drifted[*step], "{step} was not changed at all");
        }

        let mut plan = self.plan().await;
        let is_unknown = |fields: &BTreeMap<String, Value>| {
            let is_later = |new: &Value| new.as_str().is_some_and(|new| new.contains("(known after apply)"));
            !fields.is_empty() && fields.values().all(is_later)
        };
        let found: BTreeSet<String> =
            plan.iter().filter(|(_, (_, fields))| is_unknown(fields)).map(|(step, _)| step.clone()).collect();
        assert_eq!(found, unknown.iter().map(|step| (*step).to_owned()).collect());
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
        assert_eq!(self.read(drifts).await, drifted, "plan changed something");

        let apply = self.cli.run(&["apply", "--suffix", self.suffix, "--json"]).await.ok().summary();
        let actions = |action: &str| drifts.iter().filter(|drift| drift.action == action).count() as u64;
        let done = [apply.created, apply.updated, apply.replaced, apply.deleted];
        assert_eq!(done, [actions("create"), actions("update"), actions("replace"), 0], "{apply:?}");
        let after = self.read(drifts).await;
        for Drift { step, .. } in drifts {
            assert_eq!(before[*step], after[*step], "{step} isn't reverted");
        }
        assert_eq!(self.plan().await, BTreeMap::new(), "a second plan isn't empty");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
