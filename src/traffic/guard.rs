//! Keeps what serves customers from being taken away under them.

use super::levers::Levers;
use super::share::Share;
use super::{listeners, records};
use crate::aws::{Class, Cloud, Result};
use crate::engine::safety::Interruption;

/// What serves customers, by the live weights of all levers that can be read. A lever that is gone serves nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    /// The least that any lever gives to green.
    pub least: Option<Share>,
    /// The most that any lever gives to green.
    pub most: Option<Share>,
}

impl Serving {
    /// Asks AWS.
    ///
    /// # Errors
    /// A lever that stands can't be read: nobody knows whom it serves.
    pub async fn now(cloud: &Cloud, levers: Levers) -> Result<Self> {
        let levers = levers.standing();
        let mut weights = Vec::new();
        for edge in &levers.edges {
            let edge = unless_away(listeners::read(cloud, edge).await)?;
            weights.extend(edge.iter().flat_map(|edge| edge.weights()));
        }
        if let Some(dns) = &levers.dns {
            weights.extend(unless_away(records::read(cloud, dns).await)?.map(|name| name.weight(dns)));
        }
        // Where clients are bound to whoever first served them, or no weight decides, both serve some.
        let shares = weights.iter().flat_map(|weight| match weight.split.share() {
            Some(share) if !weight.sticky => [share; 2],
            _ => [Share::BLUE, Share::GREEN],
        });
        let shares: Vec<_> = shares.collect();
        Ok(Serving { least: shares.iter().min().copied(), most: shares.iter().max().copied() })
    }

    /// True if green serves customers.
    pub fn green(self) -> bool {
        self.most.is_some_and(|most| most > Share::BLUE)
    }

    /// True if blue serves customers.
    pub fn blue(self) -> bool {
        self.least.is_some_and(|least| least < Share::GREEN)
    }

    /// What of it is in an environment that serves customers; what both share serves them always.
    pub fn hit_by(self, interruptions: Vec<Interruption>) -> Vec<Interruption> {
        let serves = |environment: Option<&str>| match environment {
            Some("blue") => self.blue(),
            Some("green") => self.green(),
            _ => self.most.is_some(),
        };
        interruptions.into_iter().filter(|interruption| serves(interruption.environment.as_deref())).collect()
    }
}

/// `None` for a lever that is gone.
fn unless_away<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.class == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
