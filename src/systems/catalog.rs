//! The systems of a binary.

use std::fmt;
use std::sync::Arc;

use super::{Blueprint, Configured, FargatePostgres, LambdaMysql, System};
use crate::config::{ConfigError, Source};
use crate::resources::registry::Types;

/// Reads the configuration of a system.
type Read = dyn Fn(&Source) -> Result<Box<dyn System>, ConfigError> + Send + Sync;

/// The systems of a binary: those that the key `system` of a configuration can name. The first one is the default.
#[derive(Clone)]
pub struct Systems {
    entries: Vec<Entry>,
    types: Types,
}

impl Default for Systems {
    /// No systems, and the shipped resource types.
    fn default() -> Self {
        Systems { entries: Vec::new(), types: Types::shipped() }
    }
}

#[derive(Clone)]
struct Entry {
    name: &'static str,
    example: &'static str,
    read: Arc<Read>,
}

impl fmt::Debug for Systems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|entry| entry.name)).finish()
    }
}

impl<B: Blueprint> From<B> for Systems {
    fn from(blueprint: B) -> Self {
        Systems::default().with(blueprint)
    }
}

impl Systems {
    /// The shipped systems.
    pub fn shipped() -> Self {
        Systems::default().with(LambdaMysql).with(FargatePostgres)
    }

    /// Adds a system and its resource types.
    #[must_use]
    pub fn with(mut self, blueprint: impl Blueprint) -> Self {
        let (name, example) = (blueprint.name(), blueprint.example());
        self.types = self.types.and(blueprint.types());
        let blueprint = Arc::new(blueprint);
        let read = move |source: &Source| {
            let system: Box<dyn System> = Box::new(Configured::read(blueprint.clone(), source)?);
            Ok(system)
        };
        self.entries.push(Entry { name, example, read: Arc::new(read) });
        self
    }

    /// The resource types of all systems.
    pub fn types(&self) -> &Types {
        &self.types
    }

    /// The system that a configuration describes.
    ///
    /// # Errors
    /// The configuration names an unknown system, or is invalid: the error names the line.
    pub fn read(&self, source: &Source) -> Result<Box<dyn System>, ConfigError> {
        let named = source.system()?;
        let named = named.as_deref().unwrap_or(self.first());
        let entry = self.entries.iter().find(|entry| entry.name == named);
        let entry = entry.ok_or_else(|| ConfigError::NoSuchSystem {
            place: source.place("system"),
            found: named.to_owned(),
            known: self.names().join(", "),
        })?;
        (entry.read)(source)
    }

    /// The example configuration of a system.
    pub fn configuration(&self, name: &str) -> Option<&'static str> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| entry.example)
    }

    /// The names of all systems.
    pub fn names(&self) -> Vec<&'static str> {
        self.entries.iter().map(|entry| entry.name).collect()
    }

    /// The name of the default system.
    pub fn first(&self) -> &'static str {
        self.entries.first().map_or("", |entry| entry.name)
    }
}
