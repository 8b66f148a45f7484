//! Protects resources that serve customers from replacement and deletion.

use super::levers::{Environments, Levers};
use super::share::Share;
use super::{listeners, records};
use crate::aws::{Class, Cloud, Result};
use crate::engine::safety::Interruption;

/// Which environments serve customers, by the actual weights of all levers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// The names of the environments.
    pub environments: Environments,
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
        Ok(Serving {
            environments: levers.environments,
            min_green: shares.iter().min().copied(),
            max_green: shares.iter().max().copied(),
        })
    }

    /// True if green serves customers.
    pub fn green(&self) -> bool {
        self.max_green.is_some_and(|max| max > Share::BLUE)
    }

    /// True if blue serves customers.
    pub fn blue(&self) -> bool {
        self.min_green.is_some_and(|min| min < Share::GREEN)
    }

    /// The interruptions in environments that serve customers. Resources outside both environments always serve them.
    pub fn affected_by(&self, interruptions: Vec<Interruption>) -> Vec<Interruption> {
        let serves = |environment: Option<&str>| match environment {
            Some(name) if name == self.environments.blue => self.blue(),
            Some(name) if name == self.environments.green => self.green(),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn affected(green: u8, blue_name: &str) -> Vec<String> {
        let share = Share::try_from(green).unwrap();
        let environments = Environments { blue: blue_name.to_owned(), ..Environments::default() };
        let serving = Serving { environments, min_green: Some(share), max_green: Some(share) };
        let interruption = |environment: Option<&str>| Interruption {
            step: environment.unwrap_or("shared").into(),
            environment: environment.map(str::to_owned),
        };
        let all = [None, Some("blue"), Some("green"), Some("production")].map(interruption).to_vec();
        serving.affected_by(all).into_iter().map(|hit| hit.step.0).collect()
    }

    #[test]
    fn only_the_idle_environment_can_be_interrupted() {
        assert_eq!(affected(0, "blue"), ["shared", "blue", "production"]);
        assert_eq!(affected(30, "blue"), ["shared", "blue", "green", "production"]);
        assert_eq!(affected(100, "blue"), ["shared", "green", "production"]);
    }

    #[test]
    fn systems_name_their_environments() {
        assert_eq!(affected(100, "production"), ["shared", "blue", "green"]);
    }

    #[test]
    fn without_levers_nothing_serves() {
        let serving = Serving { environments: Environments::default(), min_green: None, max_green: None };
        let interruption = Interruption { step: "edge".into(), environment: None };
        assert!(serving.affected_by(vec![interruption]).is_empty());
    }
}
