//! An environment's parameters: what its functions are configured by, and generated values that only they can read.

use std::collections::BTreeMap;

use super::Scope;
use crate::resources::ids::KeyArn;
use crate::resources::ssm::{Parameter, ParameterOutputs};

/// What is configured.
#[derive(Clone, Copy, Debug)]
pub struct ParametersParams<'a> {
    /// The key that encrypts the generated ones.
    pub key: &'a KeyArn,
    /// Values that anybody may see, by name (`database/endpoint`). They can hold references.
    pub plain: &'a BTreeMap<&'a str, PlainParameter>,
    /// Values that AWS makes and that are stored encrypted, by name.
    pub generated: &'a BTreeMap<&'a str, GeneratedParameter>,
}

/// A value that anybody may see.
#[derive(Clone, Debug)]
pub struct PlainParameter {
    /// What it is for.
    pub description: &'static str,
    /// The value.
    pub value: String,
}

/// A value that nobody sees.
#[derive(Clone, Copy, Debug)]
pub struct GeneratedParameter {
    /// What it is for.
    pub description: &'static str,
    /// How many letters and digits.
    pub length: i64,
}

/// The parameters of an environment.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// What their names begin with: `/payments/{suffix}/{environment}`.
    pub path: String,
    /// An ARN that matches all of them, for IAM policies.
    pub arns: String,
    /// Each by the name that it was asked for by.
    pub all: BTreeMap<String, ParameterOutputs>,
}

/// Puts the parameters here.
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
