//! The requirement's security section, one test a sentence, over the steps that `lambda-mysql` is composed of; then what
//! an auditor's tools look for. Nothing is applied here: what the specs say is what apply makes and keeps.

mod constraints;
mod deployment;
mod identity;
mod services;

use std::collections::BTreeSet;

use provisioner::config::Source;
use provisioner::engine::ownership::Owner;
use provisioner::engine::reference::{self, Reference};
use provisioner::engine::{Step, StepId};
use provisioner::modules::Identity;
use provisioner::systems;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::support::Sandbox;

const ACCOUNT: &str = "123456789012";
const SUFFIX: &str = "dev1";
const ENVIRONMENTS: [&str; 2] = ["blue", "green"];
/// What everything is encrypted with.
const KEYS: [&str; 2] = ["kms.key", "kms.replica_key"];

/// The system in the configurations that the tests look at.
struct Systems {
    /// As it comes.
    default: Composition,
    /// The same with another suffix.
    other_suffix: Composition,
    /// One NAT gateway an environment.
    single_nat: Composition,
    /// No NAT gateway.
    no_nat: Composition,
    /// For a system with customers, that testers reach from one block.
    protected: Composition,
}

/// The steps of a system.
struct Composition {
    steps: Vec<Step>,
}

/// The system as it comes.
async fn system() -> &'static Composition {
    &systems().await.default
}

async fn systems() -> &'static Systems {
    static SYSTEMS: OnceCell<Systems> = OnceCell::const_new();
    let compose_all = || async {
        // Only asked for zones and engine versions: it can end when they are known.
        let sandbox = Sandbox::fresh().await;
        let protected = "[network]\ntest_cidrs = [\"198.51.100.0/24\"]\n[protection]\ndeletion_protection = true\n";
        Systems {
            default: compose(&sandbox, SUFFIX, "").await,
            other_suffix: compose(&sandbox, "dev2", "").await,
            single_nat: compose(&sandbox, SUFFIX, "[network]\nnat = \"single\"\n").await,
            no_nat: compose(&sandbox, SUFFIX, "[network]\nnat = \"none\"\n").await,
            protected: compose(&sandbox, SUFFIX, protected).await,
        }
    };
    SYSTEMS.get_or_init(compose_all).await
}

async fn compose(sandbox: &Sandbox, suffix: &str, configuration: &str) -> Composition {
    let system =
        systems::Systems::shipped().read(&Source::built_in(configuration)).expect("a configuration without mistakes");
    let identity = Identity {
        owner: Owner { system: system.name().to_owned(), suffix: suffix.to_owned() },
        account: ACCOUNT.to_owned(),
        partition: "aws".to_owned(),
        region: system.region().to_owned(),
        tags: system.tags(),
    };
    let composed = system.compose(&sandbox.cloud().await, identity).await.expect("the system can be composed");
    Composition { steps: composed.steps }
}

impl Composition {
    /// The steps of a type: at least one, or what is asserted of all of them would hold of nothing.
    fn of(&self, kind: &str) -> Vec<&Step> {
        let steps: Vec<_> = self.steps.iter().filter(|step| step.kind == kind).collect();
        assert!(!steps.is_empty(), "the system has no {kind}");
        steps
    }

    /// How many steps of a type there are.
    fn count(&self, kind: &str) -> usize {
        self.steps.iter().filter(|step| step.kind == kind).count()
    }

    fn step(&self, id: &str) -> &Step {
        self.find(&id.into()).unwrap_or_else(|| panic!("the system has no step {id}"))
    }

    fn find(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// The step that a value is an output of; the value must be that output and nothing else.
    fn source(&self, value: &Value) -> &Step {
        let found = reference::find(value);
        let only = found.first().filter(|_| found.len() == 1).unwrap_or_else(|| panic!("{value} is not one reference"));
        assert_eq!(value, &Value::String(reference::token(&only.step, &only.field)));
        self.step(&only.step.0)
    }

    /// True if the value is the ARN of one of our keys in the step's region.
    fn is_own_key(&self, step: &Step, key: &Value) -> bool {
        let references: Vec<Reference> = reference::find(key).into_iter().collect();
        let [Reference { step: id, field }] = references.as_slice() else { return false };
        let key = self.step(&id.0);
        field == "arn" && KEYS.contains(&key.kind) && key.region == step.region
    }

    /// Fails unless the step is encrypted with one of our keys.
    fn assert_own_key(&self, step: &Step, field: &str) {
        let key = &step.spec[field];
        assert!(self.is_own_key(step, key), "{}: {field} is {key}, no key of ours in {}", step.id, step.region);
    }

    /// All statements of all policy documents: where they stand, and the statement.
    fn statements(&self) -> Vec<(&Step, &Value)> {
        self.steps.iter().flat_map(|step| documents(&step.spec).into_iter().map(move |one| (step, one))).collect()
    }
}

/// The statements of all policy documents in a value.
fn documents(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("Statement").and_then(Value::as_array).into_iter().flatten();
            own.chain(fields.values().flat_map(|field| documents(field))).collect()
        }
        Value::Array(items) => items.iter().flat_map(|item| documents(item)).collect(),
        _ => Vec::new(),
    }
}

/// A text or a list of texts, as policies write them.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn allows(statement: &Value) -> bool {
    statement["Effect"] == "Allow"
}

/// The services that a statement is for.
fn services(statement: &Value) -> Vec<&str> {
    texts(&statement["Principal"]["Service"])
}

/// The environment that a step belongs to by its place.
fn environment(step: &Step) -> &str {
    let first = step.id.0.split('/').next().unwrap_or_default();
    if ENVIRONMENTS.contains(&first) { first } else { "shared" }
}

/// The condition keys of a statement, lower case.
fn condition_keys(statement: &Value) -> BTreeSet<String> {
    let operators = statement["Condition"].as_object().into_iter().flat_map(serde_json::Map::values);
    operators.filter_map(Value::as_object).flat_map(|keys| keys.keys().map(|key| key.to_lowercase())).collect()
}

/// True if a statement refuses whatever comes without TLS.
fn denies_plain_text(statement: &Value) -> bool {
    statement["Effect"] == "Deny"
        && statement["Principal"] == "*"
        && statement["Condition"]["Bool"]["aws:SecureTransport"] == "false"
}
