//! A configuration file's text: parsing it, and finding the line of a key in it.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

/// What is wrong with a configuration. Every text names the line, or the key if it isn't in the file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No such file.
    #[error("can't read {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, a value of the wrong type.
    #[error("{path}: {error}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong.
        error: Box<toml::de::Error>,
    },
    /// A value that can't be.
    #[error("{place}: {what}")]
    Refused {
        /// Where it stands in the configuration.
        place: String,
        /// What is wrong with it, or what was tried.
        what: String,
    },
    /// A system that isn't there.
    #[error("{place}: there is no system {found:?}; there is {known}")]
    NoSuchSystem {
        /// Where it stands in the configuration.
        place: String,
        /// What was found.
        found: String,
        /// What there is.
        known: String,
    },
}

/// The text of a configuration and where it comes from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file; `None` for the defaults.
    pub path: Option<PathBuf>,
    text: String,
}

impl Source {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.display().to_string(), source })?;
        Ok(Source { path: Some(path.to_owned()), text })
    }

    /// The configuration that a text gives, for example a system's example.
    pub fn built_in(text: &str) -> Self {
        Source { path: None, text: text.to_owned() }
    }

    /// The name of the file.
    pub fn name(&self) -> String {
        self.path.as_ref().map_or("the defaults".to_owned(), |path| path.display().to_string())
    }

    /// The `system` key, whatever else is in the file.
    pub fn system(&self) -> Result<Option<String>, ConfigError> {
        #[derive(Deserialize)]
        struct OnlySystem {
            system: Option<String>,
        }
        Ok(self.parse::<OnlySystem>()?.system)
    }

    /// Parses the text; unknown keys are errors where `T` says so.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        toml::from_str(&self.text).map_err(|error| ConfigError::Malformed { path: self.name(), error: Box::new(error) })
    }

    /// Refuses a text with an opening `⟦` in it: it would be taken for an output of a step.
    pub fn refuse_references(&self) -> Result<(), ConfigError> {
        let Some(at) = self.text.find('⟦') else { return Ok(()) };
        let line = self.text[..at].matches('\n').count() + 1;
        let what = "no text may have a ⟦ in it: it would be taken for an output of a step".to_owned();
        Err(ConfigError::Refused { place: format!("{}:{line}", self.name()), what })
    }

    /// `provisioner.toml:12: network.green_cidr` for a key that is in the file, else `network.green_cidr`.
    pub fn place(&self, key: &str) -> String {
        match self.line(key) {
            Some(line) => format!("{}:{line}: {key}", self.name()),
            None => key.to_owned(),
        }
    }

    /// Refuses the value of a key.
    pub fn refuse(&self, key: &str, what: impl Into<String>) -> ConfigError {
        ConfigError::Refused { place: self.place(key), what: what.into() }
    }

    fn line(&self, key: &str) -> Option<usize> {
        let table = DeTable::parse(&self.text).ok()?;
        let mut table = table.get_ref().clone();
        let mut parts = key.split('.').peekable();
        while let Some(part) = parts.next() {
            let (name, value) = table.iter().find(|(name, _)| name.get_ref() == part)?;
            if parts.peek().is_none() {
                return Some(self.text[..name.span().start].matches('\n').count() + 1);
            }
            table = match value.get_ref() {
                DeValue::Table(inner) => inner.clone(),
                _ => return None,
            };
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_line() {
        let source = Source { path: Some("p.toml".into()), text: "a = 1\n\n[network]\n# x\nblue = 2\n".to_owned() };
        assert_eq!(source.place("network.blue"), "p.toml:5: network.blue");
        assert_eq!(source.place("network.green"), "network.green");
        assert_eq!(source.place("a"), "p.toml:1: a");
    }
}
