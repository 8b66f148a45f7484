//! The configuration of people's own systems: what every system has, and a section that is theirs.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;

use super::shift::Shift;
use super::source::{ConfigError, Source};
use crate::engine::Tags;

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File<C> {
    /// The system's name.
    pub system: Option<String>,
    /// The suffix, unless a flag or the environment gives it.
    pub suffix: Option<String>,
    /// The primary region.
    pub region: String,
    /// The only account that may be worked on.
    pub account: Option<String>,
    /// Tags on everything, for cost allocation and compliance.
    #[serde(default)]
    pub tags: Tags,
    /// How traffic is shifted.
    #[serde(default)]
    pub shift: Shift,
    /// The system's own section, if it is there.
    pub settings: Option<C>,
}

impl<C: DeserializeOwned> File<C> {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// A mistake, with its line.
    pub fn read(source: &Source) -> Result<Self, ConfigError> {
        source.refuse_references()?;
        let file: Self = source.parse()?;
        file.shift.check(source)?;
        Ok(file)
    }

    /// The system's own section. Where it isn't there, nothing is said in it: fine if every field has a default.
    ///
    /// # Errors
    /// A field that has none.
    pub fn take_settings(&mut self, source: &Source) -> Result<C, ConfigError> {
        self.settings.take().map_or_else(
            || {
                let nothing = MapDeserializer::<_, serde::de::value::Error>::new(std::iter::empty::<(&str, &str)>());
                C::deserialize(nothing).map_err(|error| source.refuse("settings", error.to_string()))
            },
            Ok,
        )
    }
}
