//! Splits a configuration into the settings that every system has and those of one system. Serde can't do it: `flatten` and
//! `deny_unknown_fields` exclude each other.

use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::common::{Common, Defaults};
use super::field_names::field_names;
use super::source::{ConfigError, Source};
use crate::engine::reference;

/// A configuration: the settings that every system has, and those of one system.
#[derive(Clone, Debug, Serialize)]
pub struct Config<S> {
    /// The settings that every system has.
    #[serde(flatten)]
    pub common: Common,
    /// The system's own settings.
    #[serde(flatten)]
    pub settings: S,
}

impl<S: DeserializeOwned> Config<S> {
    /// Reads a configuration and checks its common settings. `common_keys` are the keys of [`Common`] that the system uses;
    /// all other keys are its own.
    ///
    /// # Errors
    /// The text isn't TOML, a key is unknown, a value has the wrong type or is out of range. The error names the line.
    pub fn read(source: &Source, common_keys: &[&str], defaults: &Defaults) -> Result<Self, ConfigError> {
        let table = source.table()?;
        let (span, table) = (table.span(), table.into_inner());
        let reference = key_of_reference(&table);
        if let Some(own_keys) = field_names::<S>() {
            let known = KnownKeys(common_keys.iter().chain(own_keys).copied().collect());
            let table = toml::Deserializer::from(Spanned::new(span.clone(), table.clone()));
            known.deserialize(table).map_err(|error| source.malformed(error))?;
        }
        let (mut common, own): (DeTable<'_>, DeTable<'_>) =
            table.into_iter().partition(|(key, _)| common_keys.contains(&key.get_ref().as_ref()));
        let defaults = toml::to_string(defaults).expect("defaults are plain data");
        for (key, value) in DeTable::parse(&defaults).expect("defaults are TOML").into_inner() {
            common.entry(key).or_insert(value);
        }
        let common: Common = source.read_table(Spanned::new(span.clone(), common))?;
        let settings = source.read_table(Spanned::new(span, own))?;
        if let Some(key) = reference {
            return Err(source.refuse(&key, "⟦ is reserved: it begins a reference to another step's output"));
        }
        common.check(source)?;
        Ok(Config { common, settings })
    }
}

impl Source {
    pub(super) fn read_table<T: DeserializeOwned>(&self, table: Spanned<DeTable<'_>>) -> Result<T, ConfigError> {
        T::deserialize(toml::Deserializer::from(table)).map_err(|error| self.malformed(error))
    }
}

/// The key of a text that the engine would take for a reference.
fn key_of_reference(table: &DeTable<'_>) -> Option<String> {
    table.iter().find_map(|(key, value)| match value.get_ref() {
        DeValue::Table(inner) => Some(format!("{}.{}", key.get_ref(), key_of_reference(inner)?)),
        value => has_reference(value).then(|| key.get_ref().to_string()),
    })
}

fn has_reference(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::String(text) => reference::is_unknown(&text.as_ref().into()),
        DeValue::Array(items) => items.iter().any(|item| has_reference(item.get_ref())),
        DeValue::Table(fields) => fields.iter().any(|(_, value)| has_reference(value.get_ref())),
        _ => false,
    }
}

/// The keys that a file may have at its top level.
struct KnownKeys<'a>(Vec<&'a str>);

impl<'de> DeserializeSeed<'de> for &KnownKeys<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, table: D) -> Result<(), D::Error> {
        table.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &KnownKeys<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(KnownKey(&self.0))?.is_some() {
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// One key: an unknown one is an error, to which the deserializer adds the place.
struct KnownKey<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for KnownKey<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<(), D::Error> {
        let key = String::deserialize(key)?;
        if self.0.contains(&key.as_str()) {
            return Ok(());
        }
        let known: Vec<_> = self.0.iter().map(|known| format!("`{known}`")).collect();
        Err(de::Error::custom(format_args!("unknown field `{key}`, expected one of {}", known.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Settings {
        #[serde(default)]
        size: u32,
    }

    fn read(text: &str) -> Result<Config<Settings>, ConfigError> {
        let defaults = Defaults { region: Some("us-east-1"), ..Defaults::default() };
        Config::read(&Source::built_in(text), &["region", "tags", "logs"], &defaults)
    }

    #[test]
    fn keys_are_split_and_defaults_fill_in_whole_sections() {
        let config = read("size = 3\n[tags]\nTeam = \"shop\"").unwrap();
        assert_eq!((config.settings.size, config.common.region.as_str()), (3, "us-east-1"));
        assert_eq!((config.common.tags["Team"].as_str(), config.common.logs.retention_days), ("shop", 365));
        assert!(read("[logs]").unwrap_err().to_string().contains("missing field `retention_days`"));
    }

    #[test]
    fn unknown_keys_are_refused_with_line_and_all_known_keys() {
        let error = read("size = 3\n\ncolour = 1").unwrap_err().to_string();
        assert!(error.contains("line 3, column 1"), "{error}");
        assert!(error.contains("unknown field `colour`, expected one of `region`, `tags`, `logs`, `size`"), "{error}");
        // A key of `Common` that this system doesn't use is unknown too.
        assert!(read("[dns]").unwrap_err().to_string().contains("unknown field `dns`"));
    }

    #[test]
    fn errors_of_both_parts_name_the_line() {
        for (text, what) in [
            ("\nsize = -1", "line 2, column 8"),
            ("\nregion = 1", "line 2, column 10"),
            ("[logs]\nretention_days = 91", "the defaults:2: logs.retention_days: 91 days"),
            ("[tags]\na = \"\\u27e6\"", "the defaults:2: tags.a: ⟦ is reserved"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
