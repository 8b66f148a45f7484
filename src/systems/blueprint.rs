//! What a system has to define, and everything that follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use serde::de::DeserializeOwned;

use super::{Composed, System};
use crate::aws::{Cloud, Error, Result};
use crate::config::shift::Shift;
use crate::config::{Common, Config, ConfigError, Defaults, Source};
use crate::engine::{Step, Tags};
use crate::modules::{Identity, Scope, Stack};
use crate::resources::registry::Types;
use crate::traffic::Levers;
use crate::traffic::bound::Bound;

/// A system: its settings, the facts that it needs, and the resources that follow from both.
///
/// [`cli::run`](crate::cli::run) makes a binary of a blueprint. [`CustomSystem`](super::CustomSystem) is one for systems that
/// need zones and a `[settings]` section only.
pub trait Blueprint: Send + Sync + 'static {
    /// The system's own settings, beside the [`Common`] ones in the file. Unknown keys at the top level are always refused; their
    /// structs should refuse theirs by `#[serde(deny_unknown_fields)]`.
    type Settings: DeserializeOwned + Send + Sync + 'static;

    /// What AWS reports before the system is composed: zones, engine versions.
    type Facts: Send + Sync;

    /// The name in tags, state files and the key `system` of configurations. It never changes.
    fn name(&self) -> &'static str;

    /// A configuration with all defaults, each with a comment. `init` writes it, and it applies if there is no file.
    fn example(&self) -> &'static str;

    /// The keys of [`Common`] that the system uses. All others are refused in its configurations.
    fn common_keys(&self) -> &'static [&'static str] {
        Common::keys()
    }

    /// The defaults of the common settings.
    fn defaults(&self) -> Defaults {
        Defaults::default()
    }

    /// The resource types that the system's steps may have.
    fn types(&self) -> Types {
        Types::shipped()
    }

    /// Refuses settings that AWS would refuse during an apply. `compose` may rely on it.
    ///
    /// # Errors
    /// [`Source::refuse`] makes an error that names the line.
    fn validate(&self, config: &Config<Self::Settings>, source: &Source) -> std::result::Result<(), ConfigError> {
        let _ = (config, source);
        Ok(())
    }

    /// Reads the facts from AWS. Changes nothing.
    fn discover(
        &self,
        config: &Config<Self::Settings>,
        cloud: &Cloud,
    ) -> impl Future<Output = Result<Self::Facts>> + Send;

    /// Adds all resources to the root scope: the primary region, no environment.
    fn compose(&self, config: &Config<Self::Settings>, facts: &Self::Facts, root: &Scope<'_>) -> Composition;

    /// All regions of the system, the primary one first.
    fn regions<'a>(&self, config: &'a Config<Self::Settings>) -> Vec<&'a str> {
        vec![&config.common.region]
    }

    /// The longest time that an automatic failback takes; `None` for a system without one.
    fn failback_bound(&self, config: &Config<Self::Settings>) -> Option<Bound> {
        let _ = config;
        None
    }
}

/// What a system defines beside its steps.
#[derive(Clone, Debug, Default)]
pub struct Composition {
    /// Outputs for users, by name. They may contain references.
    pub outputs: BTreeMap<String, String>,
    /// The weights that move traffic between blue and green. They may contain references.
    pub levers: Option<Levers>,
    /// Notes that users should read before an apply.
    pub notes: Vec<String>,
}

impl Composition {
    /// A composition with these outputs, without levers and notes.
    pub fn with_outputs(outputs: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        let outputs = outputs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Composition { outputs, ..Composition::default() }
    }
}

/// A blueprint with its configuration.
#[derive(Debug)]
pub struct Configured<B: Blueprint> {
    blueprint: Arc<B>,
    /// The configuration.
    pub config: Config<B::Settings>,
}

impl<B: Blueprint> Configured<B> {
    /// Reads a configuration and checks it.
    ///
    /// # Errors
    /// The configuration is invalid: the error names the line.
    pub fn read(blueprint: Arc<B>, source: &Source) -> std::result::Result<Self, ConfigError> {
        let config = Config::read(source, blueprint.common_keys(), &blueprint.defaults())?;
        blueprint.validate(&config, source)?;
        Ok(Configured { blueprint, config })
    }

    /// Composes the system from facts that are known already.
    ///
    /// # Errors
    /// The names of an environment would collide with those of another deployment, or a step has an unknown type.
    pub fn compose_from(&self, facts: &B::Facts, identity: Identity) -> Result<Composed> {
        let suffix = identity.owner.suffix.clone();
        let stack = Stack::new(identity);
        let root = stack.root().with_log_retention(self.config.common.logs.retention_days);
        let Composition { outputs, levers, notes } = self.blueprint.compose(&self.config, facts, &root);
        let steps = stack.into_steps();
        check_suffix(&steps, &suffix)?;
        check_types(&steps, &self.blueprint.types())?;
        Ok(Composed { steps, outputs, levers, notes })
    }
}

/// The key of the environment `blue` of the deployment `x` is `key-blue-x`, the shared key of a deployment `blue-x` too.
fn check_suffix(steps: &[Step], suffix: &str) -> Result<()> {
    let environments: BTreeSet<&str> = steps
        .iter()
        .filter_map(|step| step.tags.get("Environment").map(String::as_str))
        .filter(|name| *name != "shared")
        .collect();
    let collides = |environment: &&&str| {
        suffix.strip_prefix(**environment).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    match environments.iter().find(collides) {
        Some(environment) => {
            let message = format!("the suffix {suffix} can't be used: it starts with the environment {environment}");
            Err(Error::local(message).with_help("nothing was changed: choose another suffix, for example dev1"))
        }
        None => Ok(()),
    }
}

fn check_types(steps: &[Step], types: &Types) -> Result<()> {
    match steps.iter().find(|step| !types.contains(step.kind)) {
        Some(step) => {
            let message = format!("{} has the type {}, which isn't registered", step.id, step.kind);
            Err(Error::local(message).with_help("nothing was changed: add the type to the system by `with_type`"))
        }
        None => Ok(()),
    }
}

#[async_trait]
impl<B: Blueprint> System for Configured<B> {
    fn name(&self) -> &'static str {
        self.blueprint.name()
    }

    fn suffix(&self) -> Option<&str> {
        self.config.common.suffix.as_deref()
    }

    fn region(&self) -> &str {
        &self.config.common.region
    }

    fn regions(&self) -> Vec<&str> {
        self.blueprint.regions(&self.config)
    }

    fn account(&self) -> Option<&str> {
        self.config.common.account.as_deref()
    }

    fn tags(&self) -> Tags {
        self.config.common.tags.clone()
    }

    fn shift(&self) -> &Shift {
        &self.config.common.shift
    }

    fn failback_bound(&self) -> Option<Bound> {
        self.blueprint.failback_bound(&self.config)
    }

    async fn compose(&self, cloud: &Cloud, identity: Identity) -> Result<Composed> {
        let facts = self.blueprint.discover(&self.config, cloud).await?;
        self.compose_from(&facts, identity)
    }
}
