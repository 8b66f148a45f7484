//! Faults of a state on disk: damage, failed writes, concurrent runs.

mod damage;
mod faults;
mod formats;
mod full_disk;
mod locks;

use serde_json::json;

use super::journal::Entry;
use super::{Intent, Record, State, StepId};

/// Runs a future to its end: a folder store never waits.
fn block_on<F: Future>(future: F) -> F::Output {
    futures::executor::block_on(future)
}

/// An intent with every kind of value.
fn intent(step: &str, token: &str) -> Intent {
    let tags = [("provisioner:step", step), ("Owner", "Zahlungen – über \"alles\"\n")];
    Intent {
        kind: "ec2.vpc".to_owned(),
        region: "us-east-1".to_owned(),
        spec: json!({"name": step, "cidr": "10.1.0.0/16", "weights": [1, 2.5, null, true], "policy": {"checksum": "abc"}}),
        tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        dependencies: ["shared/keys/data".into(), "blue/network/vpc".into()].into(),
        token: token.to_owned(),
        shared: step.starts_with("shared/"),
    }
}

/// The record of a resource with this id.
fn record(step: &str, id: &str) -> Record {
    intent(step, "").fulfilled(json!({"id": id}))
}

/// A state with every kind of content.
fn state() -> State {
    let mut state = State::new("lambda-mysql", "dev1", "123456789012", "us-east-1");
    state.serial = 41;
    state.outputs.insert("blue_url".to_owned(), "https://blue.example.com/ü".to_owned());
    state.levers = Some(json!({"listeners": ["${blue/edge/listener.arn}"], "zone": null}));
    for step in ["blue/network/vpc", "shared/keys/data"] {
        state.steps.insert(step.into(), record(step, "vpc-0123456789abcdef0"));
    }
    state.intents.insert("green/network/vpc".into(), intent("green/network/vpc", "0123456789abcdef"));
    state.deposed.insert("blue/network/vpc".into(), record("blue/network/vpc", "vpc-00000000000000000"));
    state
}

/// The journal writes of a run on top of [`state`], each with its entries.
fn writes(state: &State) -> Vec<Vec<Entry>> {
    let id = StepId::from;
    let intent = |step: &str| Entry::Intent { step: step.into(), intent: Box::new(intent(step, "fedcba9876543210")) };
    let done = |step: &str| Entry::Done { step: step.into(), record: Box::new(record(step, "queue-ü")) };
    vec![
        vec![state.journal_header(), intent("blue/queues/payments")],
        vec![done("blue/queues/payments"), intent("green/queues/payments")],
        vec![Entry::Deposed { step: id("shared/keys/data") }, intent("shared/keys/data")],
        vec![Entry::Updating { step: id("blue/network/vpc"), dependencies: [id("shared/keys/data")].into() }],
        vec![Entry::Deleting { step: id("blue/network/vpc") }],
        vec![Entry::Deleted { step: id("blue/network/vpc"), deposed: true }],
    ]
}

/// The text of a journal.
fn journal<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> String {
    entries.into_iter().map(Entry::line).collect()
}
