//! All levers at one moment, as AWS has them: the truth about who serves the customers.

use super::happening::{Lever, Weight};
use super::levers::Levers;
use super::listeners::{self, EdgeNow};
use super::records::{self, NameNow};
use super::share::Share;
use crate::aws::{Cloud, Result};

/// All levers at one moment.
#[derive(Clone, Debug)]
pub struct Live {
    /// The edges, in the order of the levers.
    pub edges: Vec<EdgeNow>,
    /// The weighted name.
    pub dns: Option<NameNow>,
    listeners: Vec<Weight>,
    records: Vec<Weight>,
}

impl Live {
    /// Reads all of them, at once.
    pub async fn read(cloud: &Cloud, levers: &Levers) -> Result<Self> {
        let dns = async {
            match &levers.dns {
                Some(dns) => records::read(cloud, dns).await.map(Some),
                None => Ok(None),
            }
        };
        let (edges, name) = tokio::try_join!(listeners::read_all(cloud, &levers.edges), dns)?;
        let listeners = edges.iter().flat_map(EdgeNow::weights).collect();
        let records = levers.dns.iter().zip(&name).map(|(dns, name)| name.weight(dns)).collect();
        Ok(Live { edges, dns: name, listeners, records })
    }

    /// The weights of one kind of lever.
    pub fn weights(&self, lever: Lever) -> &[Weight] {
        match lever {
            Lever::Listeners => &self.listeners,
            Lever::Dns => &self.records,
        }
    }

    /// The weights that decide which share of the requests green serves: those of the edges, those of DNS where there are none.
    pub fn deciding(&self) -> &[Weight] {
        if self.edges.is_empty() { &self.records } else { &self.listeners }
    }

    /// The share of the requests that green serves, by all deciding weights alike; `None` where they don't agree.
    pub fn share(&self) -> Option<Share> {
        let shares = self.deciding().iter().map(|weight| weight.split.share());
        let mut shares = shares.collect::<Option<Vec<_>>>()?.into_iter();
        let first = shares.next()?;
        shares.all(|share| share == first).then_some(first)
    }

    /// The least share that any deciding weight gives to green.
    pub fn least(&self) -> Share {
        self.shares().min().unwrap_or(Share::BLUE)
    }

    /// True if all levers, DNS included, give green just this share.
    pub fn gives(&self, share: Share) -> bool {
        self.edges.iter().all(|edge| edge.gives(share)) && self.records.iter().all(|weight| weight.split.is(share))
    }

    fn shares(&self) -> impl Iterator<Item = Share> + '_ {
        self.deciding().iter().filter_map(|weight| weight.split.share())
    }
}

/// Weights in words: `blue edge: blue 70 %, green 30 %; …`.
pub fn in_words(weights: &[Weight]) -> String {
    let one = |weight: &Weight| format!("{}: {}", weight.lever, weight.split);
    weights.iter().map(one).collect::<Vec<_>>().join("; ")
}
