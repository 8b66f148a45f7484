//! The steps that a system is composed of, and queries on them. Nothing is applied: the specs are what apply creates.

use std::collections::{BTreeMap, BTreeSet};

use provisioner::config::Source;
use provisioner::engine::ownership::Owner;
use provisioner::engine::reference::{self, Reference};
use provisioner::engine::{Step, StepId};
use provisioner::modules::Identity;
use provisioner::systems;
use serde_json::Value;

use super::Sandbox;

/// The account that systems are composed for.
pub const ACCOUNT: &str = "123456789012";
/// The suffix that systems are composed with, unless it says otherwise.
pub const SUFFIX: &str = "dev1";
/// The environments of every system.
pub const ENVIRONMENTS: [&str; 2] = ["blue", "green"];
/// The types of encryption keys.
pub const KEYS: [&str; 2] = ["kms.key", "kms.replica_key"];

/// A composed system.
pub struct Composition {
    /// Its name: `lambda-mysql`.
    pub system: &'static str,
    /// Its primary region.
    pub region: String,
    /// Its steps.
    pub steps: Vec<Step>,
    /// Its outputs, with references.
    pub outputs: BTreeMap<String, String>,
    /// Its notes.
    pub notes: Vec<String>,
}

/// Composes the system that a configuration describes.
pub async fn compose(sandbox: &Sandbox, suffix: &str, configuration: &str) -> Composition {
    let system = systems::Systems::shipped().read(&Source::built_in(configuration)).expect("a valid configuration");
    let identity = Identity {
        owner: Owner { system: system.name().to_owned(), suffix: suffix.to_owned() },
        account: ACCOUNT.to_owned(),
        partition: "aws".to_owned(),
        region: system.region().to_owned(),
        tags: system.tags(),
    };
    let composed = system.compose(&sandbox.cloud().await, identity).await.expect("the system can be composed");
    Composition {
        system: system.name(),
        region: system.region().to_owned(),
        steps: composed.steps,
        outputs: composed.outputs,
        notes: composed.notes,
    }
}

impl Composition {
    /// The steps of a type: at least one, since assertions on none would always hold.
    pub fn of(&self, kind: &str) -> Vec<&Step> {
        let steps = self.any(kind);
        assert!(!steps.is_empty(), "{} has no {kind}", self.system);
        steps
    }

    /// The steps of a type that not every system has.
    pub fn any(&self, kind: &str) -> Vec<&Step> {
        self.steps.iter().filter(|step| step.kind == kind).collect()
    }

    /// How many steps of a type there are.
    pub fn count(&self, kind: &str) -> usize {
        self.any(kind).len()
    }

    /// The step with this id.
    pub fn step(&self, id: &str) -> &Step {
        self.find(&id.into()).unwrap_or_else(|| panic!("{} has no step {id}", self.system))
    }

    /// The step of an environment with this path.
    pub fn at(&self, environment: &str, path: &str) -> &Step {
        self.step(&format!("{environment}/{path}"))
    }

    /// The step with this id, if there is one.
    pub fn find(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// The step that a value is an output of; the value must be that output and nothing else.
    pub fn source(&self, value: &Value) -> &Step {
        let found = reference::find(value);
        let only = found.first().filter(|_| found.len() == 1).unwrap_or_else(|| panic!("{value} is not one reference"));
        assert_eq!(value, &Value::String(reference::token(&only.step, &only.field)));
        self.step(&only.step.0)
    }

    /// The steps that a value holds outputs of.
    pub fn sources(&self, value: &Value) -> BTreeSet<StepId> {
        reference::find(value).into_iter().map(|found| self.step(&found.step.0).id.clone()).collect()
    }

    /// True if the value is the ARN of one of our keys in the step's region.
    pub fn is_own_key(&self, step: &Step, key: &Value) -> bool {
        let references: Vec<Reference> = reference::find(key).into_iter().collect();
        let [Reference { step: id, field }] = references.as_slice() else { return false };
        let key = self.step(&id.0);
        field == "arn" && KEYS.contains(&key.kind) && key.region == step.region
    }

    /// Fails unless the step is encrypted with one of our keys.
    pub fn assert_own_key(&self, step: &Step, field: &str) {
        let key = &step.spec[field];
        assert!(self.is_own_key(step, key), "{}: {field} is {key}, no key of ours in {}", step.id, step.region);
    }

    /// All statements of all policy documents, with their step.
    pub fn statements(&self) -> Vec<(&Step, &Value)> {
        self.steps.iter().flat_map(|step| documents(&step.spec).into_iter().map(move |one| (step, one))).collect()
    }

    /// The policy statements of the role that the value refers to.
    pub fn role_statements(&self, role: &Value) -> Vec<&Value> {
        documents(&self.source(role).spec["inline_policies"])
    }
}

/// The statements of all policy documents in a value.
pub fn documents(value: &Value) -> Vec<&Value> {
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
pub fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// True if the statement's effect is `Allow`.
pub fn allows(statement: &Value) -> bool {
    statement["Effect"] == "Allow"
}

/// The services that a statement is for.
pub fn services(statement: &Value) -> Vec<&str> {
    texts(&statement["Principal"]["Service"])
}

/// The environment that a step belongs to by its place.
pub fn environment(step: &Step) -> &str {
    let first = step.id.0.split('/').next().unwrap_or_default();
    if ENVIRONMENTS.contains(&first) { first } else { "shared" }
}

/// The name that provisioner chooses for a step's resource, if AWS allows it. `None` for shared resources.
pub fn name(step: &Step) -> Option<&str> {
    let field = ["name", "identifier", "family"].into_iter().find_map(|field| step.spec.get(field))?;
    field.as_str().filter(|_| !step.shared)
}

/// The condition keys of a statement, lower case.
pub fn condition_keys(statement: &Value) -> BTreeSet<String> {
    let operators = statement["Condition"].as_object().into_iter().flat_map(serde_json::Map::values);
    operators.filter_map(Value::as_object).flat_map(|keys| keys.keys().map(|key| key.to_lowercase())).collect()
}

/// True if the statement denies requests without TLS.
pub fn denies_plain_text(statement: &Value) -> bool {
    statement["Effect"] == "Deny"
        && statement["Principal"] == "*"
        && statement["Condition"]["Bool"]["aws:SecureTransport"] == "false"
}
