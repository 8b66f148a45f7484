//! The systems that a binary offers.

use std::fmt;
use std::sync::Arc;

use super::System;
use crate::config::{self, ConfigError, FargatePostgres, LambdaMysql, Source};
use crate::resources::registry::Types;

/// Reads a configuration, and refuses what AWS would refuse later.
type Read = dyn Fn(&Source) -> Result<Box<dyn System>, ConfigError> + Send + Sync;

/// The systems of a binary: what a configuration can name by its key `system`. The first one is meant where it names none.
#[derive(Clone)]
pub struct Systems {
    offers: Vec<Offer>,
    types: Types,
}

impl Default for Systems {
    /// None yet, of the resource types that come with provisioner.
    fn default() -> Self {
        Systems { offers: Vec::new(), types: Types::shipped() }
    }
}

#[derive(Clone)]
struct Offer {
    name: &'static str,
    configuration: &'static str,
    read: Arc<Read>,
}

impl fmt::Debug for Systems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.offers.iter().map(|offer| offer.name)).finish()
    }
}

impl Systems {
    /// Those that come with provisioner.
    pub fn shipped() -> Self {
        Systems::default()
            .with(config::lambda_mysql::SYSTEM, config::lambda_mysql::CONFIGURATION, |source| {
                Ok(Box::new(LambdaMysql::read(source)?))
            })
            .with(config::fargate_postgres::SYSTEM, config::fargate_postgres::CONFIGURATION, |source| {
                Ok(Box::new(FargatePostgres::read(source)?))
            })
    }

    /// One more: its name, its configuration with all defaults and a comment to each (what `init` writes), and how one is read.
    #[must_use]
    pub fn with(
        mut self,
        name: &'static str,
        configuration: &'static str,
        read: impl Fn(&Source) -> Result<Box<dyn System>, ConfigError> + Send + Sync + 'static,
    ) -> Self {
        self.offers.push(Offer { name, configuration, read: Arc::new(read) });
        self
    }

    /// The resource types that their steps may be of.
    #[must_use]
    pub fn of_types(self, types: Types) -> Self {
        Systems { types, ..self }
    }

    /// The resource types that their steps may be of.
    pub fn types(&self) -> &Types {
        &self.types
    }

    /// The system that a configuration describes.
    ///
    /// # Errors
    /// It names none of these, or has a mistake: the error names the line.
    pub fn read(&self, source: &Source) -> Result<Box<dyn System>, ConfigError> {
        let named = source.system()?;
        let named = named.as_deref().unwrap_or(self.first());
        let offer = self.offers.iter().find(|offer| offer.name == named);
        let offer = offer.ok_or_else(|| ConfigError::NoSuchSystem {
            place: source.place("system"),
            found: named.to_owned(),
            known: self.names().join(", "),
        })?;
        (offer.read)(source)
    }

    /// The commented configuration of a system.
    pub fn configuration(&self, name: &str) -> Option<&'static str> {
        self.offers.iter().find(|offer| offer.name == name).map(|offer| offer.configuration)
    }

    /// All their names.
    pub fn names(&self) -> Vec<&'static str> {
        self.offers.iter().map(|offer| offer.name).collect()
    }

    /// The name of the one that is meant where none is named.
    pub fn first(&self) -> &'static str {
        self.offers.first().map_or("", |offer| offer.name)
    }
}
