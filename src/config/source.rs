//! A configuration file's text: parsing it, and finding the line of a key in it.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong with a configuration. Each message names the line, or the key if it isn't in the file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, a value of the wrong type.
    #[error("{path}: {error}")]
    Malformed {
        /// The file.
        path: String,
        /// The parser's error.
        error: Box<toml::de::Error>,
    },
    /// A value that isn't allowed.
    #[error("{place}: {what}")]
    Refused {
        /// File, line and key.
        place: String,
        /// What is wrong with the value, and what is allowed.
        what: String,
    },
    /// A system that doesn't exist.
    #[error("{place}: unknown system {found:?}, expected {known}")]
    NoSuchSystem {
        /// File, line and key.
        place: String,
        /// The system that the file names.
        found: String,
        /// The systems that exist.
        known: String,
    },
}

/// The text of a configuration, and the file that it comes from.
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

    /// A configuration from a text, for example a system's example.
    pub fn built_in(text: &str) -> Self {
        Source { path: None, text: text.to_owned() }
    }

    /// The name of the file.
    pub fn name(&self) -> String {
        self.path.as_ref().map_or("the defaults".to_owned(), |path| path.display().to_string())
    }

    /// The value of the key `system`. All other keys are ignored.
    pub fn system(&self) -> Result<Option<String>, ConfigError> {
        #[derive(Deserialize)]
        struct OnlySystem {
            system: Option<String>,
        }
        toml::from_str(&self.text).map(|OnlySystem { system }| system).map_err(|error| self.malformed(error))
    }

    /// `provisioner.toml:12: network.green_cidr` for a key that is in the file, else `network.green_cidr`.
    pub fn place(&self, key: &str) -> String {
        match self.line(key) {
            Some(line) => format!("{}:{line}: {key}", self.name()),
            None => key.to_owned(),
        }
    }

    /// The error about the value of a key.
    pub fn refuse(&self, key: &str, what: impl Into<String>) -> ConfigError {
        ConfigError::Refused { place: self.place(key), what: what.into() }
    }

    /// The whole text, parsed. Each key and value has its place in the text.
    pub(super) fn table(&self) -> Result<Spanned<DeTable<'_>>, ConfigError> {
        DeTable::parse(&self.text).map_err(|error| self.malformed(error))
    }

    /// The parser's error, with the line that it is about.
    pub(super) fn malformed(&self, mut error: toml::de::Error) -> ConfigError {
        error.set_input(Some(&self.text));
        ConfigError::Malformed { path: self.name(), error: Box::new(error) }
    }

    fn line(&self, key: &str) -> Option<usize> {
        let mut table = DeTable::parse(&self.text).ok()?.into_inner();
        let mut parts = key.split('.').peekable();
        while let Some(part) = parts.next() {
            let (name, value) = table.remove_entry(part)?;
            if parts.peek().is_none() {
                return Some(self.text[..name.span().start].matches('\n').count() + 1);
            }
            let DeValue::Table(inner) = value.into_inner() else { return None };
            table = inner;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_names_the_line_of_a_key() {
        let source = Source { path: Some("p.toml".into()), text: "a = 1\n\n[network]\n# x\nblue = 2\n".to_owned() };
        assert_eq!(source.place("network.blue"), "p.toml:5: network.blue");
        assert_eq!(source.place("network.green"), "network.green");
        assert_eq!(source.place("a"), "p.toml:1: a");
    }
}
