//! Systems of people's own, out of the same modules and resources.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::de::DeserializeOwned;

use super::{Composed, System, Systems};
use crate::aws::{self, Cloud};
use crate::config::custom::File;
use crate::config::shift::Shift;
use crate::engine::Tags;
use crate::modules::{Identity, Scope, Stack};
use crate::resources::Resource;
use crate::resources::ec2::availability_zones;
use crate::resources::registry::Types;
use crate::traffic::Levers;
use crate::traffic::bound::Bound;

/// A system of your own: a name, a configuration, and a function that composes it. [`cli::run`](crate::cli::run) makes a
/// binary of it, with all commands.
///
/// `C` is the section `[settings]` of its configuration. What every system has stands beside it: `suffix`, `region`,
/// `account`, `[tags]`, `[shift]`.
///
/// ```no_run
/// use provisioner::resources::ssm::{Parameter, ParameterKind};
/// use provisioner::systems::{ComposeInput, Composition, CustomSystem};
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Settings {
///     motto: String,
/// }
///
/// fn compose(given: &ComposeInput<'_, Settings>) -> Composition {
///     let root = &given.root;
///     let motto = root.add(
///         "motto",
///         Parameter {
///             name: format!("/mottos/{}", root.suffix()),
///             description: "What we live by".to_owned(),
///             kind: ParameterKind::String,
///             value: Some(given.settings.motto.clone()),
///             kms_key: None,
///             generated_length: None,
///         },
///     );
///     Composition { outputs: [("motto".to_owned(), motto.name)].into(), ..Composition::default() }
/// }
///
/// fn main() -> std::process::ExitCode {
///     provisioner::cli::run(CustomSystem::new("mottos", "region = \"us-east-1\"\n[settings]\nmotto = \"Less\"\n", compose))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct CustomSystem<C> {
    name: &'static str,
    configuration: &'static str,
    zones: usize,
    types: Types,
    check: Check<C>,
    compose: Compose<C>,
}

/// Refuses settings that AWS would refuse later, or that can't be composed.
pub type Check<C> = fn(&C) -> Result<(), SettingError>;

/// A setting that can't be. People see its line in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    /// The key, from the section `[settings]` on: `cidr`, `database.name`.
    pub key: &'static str,
    /// What is wrong with its value, and what can be: `"smaller than /24: the subnets need room"`.
    pub what: String,
}

impl SettingError {
    /// The value of this key can't be.
    pub fn new(key: &'static str, what: impl Into<String>) -> Self {
        SettingError { key, what: what.into() }
    }
}

/// Puts all steps under the root that it is given.
pub type Compose<C> = fn(&ComposeInput<'_, C>) -> Composition;

/// What there is to compose from.
#[derive(Debug)]
pub struct ComposeInput<'a, C> {
    /// The section `[settings]` of the configuration.
    pub settings: &'a C,
    /// Where everything goes: the primary region, no environment.
    pub root: Scope<'a>,
    /// Availability zones of the primary region, as many as [`CustomSystem::zones`] says.
    pub zones: &'a [String],
}

/// What there is to say of a system beside its steps.
#[derive(Clone, Debug, Default)]
pub struct Composition {
    /// What it tells people once it stands: a name and a text, which may hold references.
    pub outputs: BTreeMap<String, String>,
    /// What moves its traffic between blue and green; may hold references.
    pub levers: Option<Levers>,
    /// What people should know before they apply.
    pub notes: Vec<String>,
}

impl<C: DeserializeOwned + Send + Sync + 'static> CustomSystem<C> {
    /// A system called `name`, with a configuration that has all defaults and a comment to each.
    pub fn new(name: &'static str, configuration: &'static str, compose: Compose<C>) -> Self {
        CustomSystem { name, configuration, zones: 3, types: Types::shipped(), check: |_| Ok(()), compose }
    }

    /// What is checked of its settings before anything is asked of AWS.
    #[must_use]
    pub fn checked_by(self, check: Check<C>) -> Self {
        CustomSystem { check, ..self }
    }

    /// How many availability zones it takes; 3 if nothing is said.
    #[must_use]
    pub fn zones(self, zones: usize) -> Self {
        CustomSystem { zones, ..self }
    }

    /// A resource type that doesn't come with provisioner, and that its steps may be of.
    #[must_use]
    pub fn with_type<R: Resource>(self) -> Self {
        CustomSystem { types: self.types.with::<R>(), ..self }
    }
}

impl<C: DeserializeOwned + Send + Sync + 'static> From<CustomSystem<C>> for Systems {
    fn from(CustomSystem { name, configuration, zones, types, check, compose }: CustomSystem<C>) -> Self {
        Systems::default().of_types(types).with(name, configuration, move |source| {
            let mut file = File::<C>::read(source)?;
            let settings = file.take_settings(source)?;
            check(&settings).map_err(|SettingError { key, what }| source.refuse(&format!("settings.{key}"), what))?;
            Ok(Box::new(Configured { name, zones, compose, file, settings }))
        })
    }
}

/// One with its configuration.
struct Configured<C> {
    name: &'static str,
    zones: usize,
    compose: Compose<C>,
    file: File<C>,
    settings: C,
}

#[async_trait]
impl<C: Send + Sync> System for Configured<C> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn suffix(&self) -> Option<&str> {
        self.file.suffix.as_deref()
    }

    fn region(&self) -> &str {
        &self.file.region
    }

    fn regions(&self) -> Vec<&str> {
        vec![&self.file.region]
    }

    fn account(&self) -> Option<&str> {
        self.file.account.as_deref()
    }

    fn tags(&self) -> Tags {
        self.file.tags.clone()
    }

    fn shift(&self) -> &Shift {
        &self.file.shift
    }

    fn failback_bound(&self) -> Option<Bound> {
        None
    }

    async fn compose(&self, cloud: &Cloud, identity: Identity) -> aws::Result<Composed> {
        let zones = availability_zones(&cloud.region(&self.file.region), self.zones).await?;
        let stack = Stack::new(identity);
        let Composition { outputs, levers, notes } =
            (self.compose)(&ComposeInput { settings: &self.settings, root: stack.root(), zones: &zones });
        Ok(Composed { steps: stack.into_steps(), outputs, levers, notes })
    }
}
