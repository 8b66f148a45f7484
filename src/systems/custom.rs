//! A system of a user's own: a function that composes it.

use std::future::Future;

use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use super::{Blueprint, Composition};
use crate::aws::{Cloud, Result};
use crate::config::{Common, Config, ConfigError, Source};
use crate::modules::Scope;
use crate::resources::Resource;
use crate::resources::ec2::availability_zones;
use crate::resources::registry::Types;

/// A system of your own: a name, a configuration, and a function that composes it. [`cli::run`](crate::cli::run) makes a
/// binary of it, with all commands.
///
/// `C` is the section `[settings]` of its configuration. Beside it the configuration has `suffix`, `region`, `account`,
/// `[tags]`, `[logs]` and `[shift]`. A system that needs more of the [`Common`] settings, or other facts than availability zones,
/// implements [`Blueprint`].
///
/// ```no_run
/// use provisioner::resources::ssm::Parameter;
/// use provisioner::systems::{ComposeInput, Composition, CustomSystem};
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Settings {
///     greeting: String,
/// }
///
/// fn compose(input: &ComposeInput<'_, Settings>) -> Composition {
///     let name = format!("/greetings/{}", input.root.suffix());
///     let parameter = Parameter::plain(name, "The greeting of the shop", &input.settings.greeting);
///     let parameter = input.root.add("greeting", parameter);
///     Composition::with_outputs([("greeting", parameter.name)])
/// }
///
/// fn main() -> std::process::ExitCode {
///     let example = "region = \"us-east-1\"\n[settings]\ngreeting = \"Hello\"\n";
///     provisioner::cli::run(CustomSystem::new("greetings", example, compose))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct CustomSystem<C> {
    name: &'static str,
    example: &'static str,
    zones: usize,
    types: Types,
    check: Check<C>,
    compose: Compose<C>,
}

/// Refuses settings that AWS would refuse during an apply, or that can't be composed.
pub type Check<C> = fn(&C) -> std::result::Result<(), SettingError>;

/// An invalid setting. Users see its line in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    /// The key within the section `[settings]`: `cidr`, `database.name`.
    pub key: &'static str,
    /// What is wrong with the value, and what is allowed: `"smaller than /24: the subnets need room"`.
    pub what: String,
}

impl SettingError {
    /// The value of this key is invalid.
    pub fn new(key: &'static str, what: impl Into<String>) -> Self {
        SettingError { key, what: what.into() }
    }
}

/// Adds all resources to the root scope.
pub type Compose<C> = fn(&ComposeInput<'_, C>) -> Composition;

/// The input of [`Compose`].
#[derive(Debug)]
pub struct ComposeInput<'a, C> {
    /// The section `[settings]` of the configuration.
    pub settings: &'a C,
    /// The common settings.
    pub common: &'a Common,
    /// The root scope: the primary region, no environment.
    pub root: Scope<'a>,
    /// Availability zones of the primary region; [`CustomSystem::zones`] sets their number.
    pub zones: &'a [String],
}

impl<C: DeserializeOwned + Send + Sync + 'static> CustomSystem<C> {
    /// A system with this name and an example configuration with all defaults, each with a comment.
    pub fn new(name: &'static str, example: &'static str, compose: Compose<C>) -> Self {
        CustomSystem { name, example, zones: 3, types: Types::shipped(), check: |_| Ok(()), compose }
    }

    /// Sets the check of the settings. It runs before anything is read from AWS.
    #[must_use]
    pub fn checked_by(self, check: Check<C>) -> Self {
        CustomSystem { check, ..self }
    }

    /// Sets the number of availability zones. Default: 3.
    #[must_use]
    pub fn zones(self, zones: usize) -> Self {
        CustomSystem { zones, ..self }
    }

    /// Adds a resource type of your own.
    #[must_use]
    pub fn with_type<R: Resource>(self) -> Self {
        CustomSystem { types: self.types.with::<R>(), ..self }
    }
}

impl<C: DeserializeOwned + Send + Sync + 'static> Blueprint for CustomSystem<C> {
    type Settings = Section<C>;
    type Facts = Vec<String>;

    fn name(&self) -> &'static str {
        self.name
    }

    fn example(&self) -> &'static str {
        self.example
    }

    fn common_keys(&self) -> &'static [&'static str] {
        &["system", "suffix", "region", "account", "tags", "logs", "shift"]
    }

    fn types(&self) -> Types {
        self.types.clone()
    }

    fn validate(&self, config: &Config<Section<C>>, source: &Source) -> std::result::Result<(), ConfigError> {
        let checked = (self.check)(&config.settings.settings);
        checked.map_err(|SettingError { key, what }| source.refuse(&format!("settings.{key}"), what))
    }

    fn discover(&self, config: &Config<Section<C>>, cloud: &Cloud) -> impl Future<Output = Result<Vec<String>>> + Send {
        let region = cloud.region(&config.common.region);
        async move { availability_zones(&region, self.zones).await }
    }

    fn compose(&self, config: &Config<Section<C>>, zones: &Vec<String>, root: &Scope<'_>) -> Composition {
        let (settings, common) = (&config.settings.settings, &config.common);
        (self.compose)(&ComposeInput { settings, common, root: root.clone(), zones })
    }
}

/// The settings of a [`CustomSystem`]: its section `[settings]`.
#[derive(Debug)]
pub struct Section<C> {
    settings: C,
}

impl<'de, C: DeserializeOwned> Deserialize<'de> for Section<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(bound = "C: DeserializeOwned")]
        struct Keys<C> {
            settings: Option<C>,
        }
        if let Some(settings) = Keys::deserialize(deserializer)?.settings {
            return Ok(Section { settings });
        }
        // A file without the section is valid if all its fields have defaults.
        let nothing = MapDeserializer::<_, serde::de::value::Error>::new(std::iter::empty::<(&str, &str)>());
        let settings = C::deserialize(nothing);
        settings.map(|settings| Section { settings }).map_err(|error| D::Error::custom(format!("settings: {error}")))
    }
}
