//! An environment's parameters in Parameter Store: configuration of its functions and services, and generated secrets.

use std::collections::BTreeMap;

use super::Scope;
use crate::resources::ids::KeyArn;
use crate::resources::ssm::{Parameter, ParameterOutputs};

/// The values to store.
#[derive(Clone, Copy, Debug)]
pub struct ParametersParams<'a> {
    /// The key that encrypts the generated values.
    pub key: &'a KeyArn,
    /// Public values by name (`database/endpoint`). They may contain references.
    pub plain: &'a BTreeMap<&'a str, PlainParameter>,
    /// Secret values by name. They are generated and stored encrypted.
    pub generated: &'a BTreeMap<&'a str, GeneratedParameter>,
}

/// A public value.
#[derive(Clone, Debug)]
pub struct PlainParameter {
    /// Its purpose.
    pub description: &'static str,
    /// The value.
    pub value: String,
}

/// A generated secret value.
#[derive(Clone, Copy, Debug)]
pub struct GeneratedParameter {
    /// Its purpose.
    pub description: &'static str,
    /// Number of letters and digits.
    pub length: i64,
}

/// The parameters of an environment.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// The prefix of their names: `/payments/{suffix}/{environment}`.
    pub path: String,
    /// An ARN that matches all of them, for IAM policies.
    pub arns: String,
    /// Each by its name.
    pub all: BTreeMap<String, ParameterOutputs>,
}

/// Adds the parameters.
pub fn parameters(scope: &Scope<'_>, params: &ParametersParams<'_>) -> Parameters {
    let path = format!("/payments/{}/{}", scope.suffix(), scope.environment_name());
    let scope = scope.at("parameters");
    let mut all = BTreeMap::new();
    let mut add = |name: &str, parameter: Parameter| {
        let leaf = name.replace('/', "-");
        all.insert(name.to_owned(), scope.add(&leaf, parameter));
    };
    for (name, plain) in params.plain {
        add(name, Parameter::plain(format!("{path}/{name}"), plain.description, &plain.value));
    }
    for (name, generated) in params.generated {
        let (full, length) = (format!("{path}/{name}"), generated.length);
        add(name, Parameter::generated(full, generated.description, params.key, length));
    }
    Parameters { arns: scope.arn("ssm", &format!("parameter{path}/*")), path, all }
}
