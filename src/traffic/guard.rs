//! Protects resources that serve customers from replacement and deletion.

use super::levers::Levers;
use super::share::Share;
use super::{listeners, records};
use crate::aws::{Class, Cloud, Result};
use crate::engine::safety::Interruption;

/// Which environments serve customers, by the actual weights of all levers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    /// The smallest share that a lever gives green; `None` without levers.
    pub min_green: Option<Share>,
    /// The largest share that a lever gives green; `None` without levers.
    pub max_green: Option<Share>,
}

impl Serving {
    /// Reads the weights. A lever that doesn't exist serves nobody.
    ///
    /// # Errors
    /// An existing lever can't be read.
    pub async fn read(cloud: &Cloud, levers: Levers) -> Result<Self> {
        let levers = levers.existing();
        let mut weights = Vec::new();
        for edge in &levers.edges {
            let edge = if_found(listeners::read(cloud, edge).await)?;
            weights.extend(edge.iter().flat_map(|edge| edge.weights()));
        }
        if let Some(dns) = &levers.dns {
            weights.extend(if_found(records::read(cloud, dns).await)?.map(|records| records.weight(dns)));
        }
        // With stickiness, or with both weights zero, both environments serve some requests.
        let shares = weights.iter().flat_map(|weight| match weight.split.share() {
            Some(share) if !weight.sticky => [share; 2],
            _ => [Share::BLUE, Share::GREEN],
        });
        let shares: Vec<_> = shares.collect();
        Ok(Serving { min_green: shares.iter().min().copied(), max_green: shares.iter().max().copied() })
    }

    /// True if green serves customers.
    pub fn green(self) -> bool {
        self.max_green.is_some_and(|max| max > Share::BLUE)
    }

    /// True if blue serves customers.
    pub fn blue(self) -> bool {
        self.min_green.is_some_and(|min| min < Share::GREEN)
    }

    /// The interruptions in environments that serve customers. Resources outside both environments always serve them.
    pub fn affected_by(self, interruptions: Vec<Interruption>) -> Vec<Interruption> {
        let serves = |environment: Option<&str>| match environment {
            Some("blue") => self.blue(),
            Some("green") => self.green(),
            _ => self.max_green.is_some(),
        };
        interruptions.into_iter().filter(|interruption| serves(interruption.environment.as_deref())).collect()
    }
}

/// `None` for a lever that doesn't exist.
fn if_found<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.class == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
