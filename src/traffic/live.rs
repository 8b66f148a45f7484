//! All levers at one moment, as AWS has them: the truth about who serves the customers.

use super::event::{Lever, Weight};
use super::levers::Levers;
use super::listeners::{self, EdgeNow};
use super::records::{self, NameNow};
use super::share::Share;
use crate::aws::{Cloud, Error, Result};

/// All levers at one moment.
#[derive(Clone, Debug)]
pub struct Live {
    /// The edges, in the order of the levers.
    pub edges: Vec<EdgeNow>,
    /// The weighted name; `None` where there is none, or it can't be read and doesn't decide.
    pub dns: Option<NameNow>,
    /// Why the weighted name can't be read, where it doesn't decide: Route 53's API can be away for hours.
    pub dns_unread: Option<Error>,
    listeners: Vec<Weight>,
    records: Vec<Weight>,
}

impl Live {
    /// Reads all of them, at once.
    ///
    /// # Errors
    /// What decides who serves the customers can't be read.
    pub async fn read(cloud: &Cloud, levers: &Levers) -> Result<Self> {
        let dns = async {
            match &levers.dns {
                Some(dns) => records::read(cloud, dns).await.map(Some),
                None => Ok(None),
            }
        };
        let (edges, dns) = tokio::join!(listeners::read_all(cloud, &levers.edges), dns);
        let edges = edges?;
        let (dns, dns_unread) = match dns {
            Ok(dns) => (dns, None),
            Err(error) if levers.have_edges() => (None, Some(error)),
            Err(error) => return Err(error),
        };
        let listeners = edges.iter().flat_map(EdgeNow::weights).collect();
        let records = levers.dns.iter().zip(&dns).map(|(lever, name)| name.weight(lever)).collect();
        Ok(Live { edges, dns, dns_unread, listeners, records })
    }

    /// The same with the name as it was seen before, where it can't be read now.
    pub fn or_name_of(mut self, before: &Live) -> Self {
        if self.dns_unread.is_some() {
            self.dns.clone_from(&before.dns);
            self.records.clone_from(&before.records);
        }
        self
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
        let shares = self.deciding().iter().map(|weight| weight.split.share().filter(|_| !weight.sticky));
        let mut shares = shares.collect::<Option<Vec<_>>>()?.into_iter();
        let first = shares.next()?;
        shares.all(|share| share == first).then_some(first)
    }

    /// The least share that any deciding weight gives to green.
    pub fn least(&self) -> Share {
        self.shares().min().unwrap_or(Share::BLUE)
    }

    /// The most that any deciding weight gives to green: some of its customers are there.
    pub fn most(&self) -> Share {
        self.shares().max().unwrap_or(Share::BLUE)
    }

    /// True if all levers, DNS included, give green just this share.
    pub fn gives(&self, share: Share) -> bool {
        self.dns_unread.is_none() && self.weights_all(|weight| weight.is(share))
    }

    /// True if no lever gives green more than this share.
    pub fn gives_at_most(&self, share: Share) -> bool {
        self.dns_unread.is_none() && self.weights_all(|weight| weight.is_at_most(share))
    }

    fn weights_all(&self, is_so: impl Fn(&Weight) -> bool) -> bool {
        self.listeners.iter().chain(&self.records).all(is_so)
    }

    fn shares(&self) -> impl Iterator<Item = Share> + '_ {
        self.deciding().iter().filter_map(|weight| weight.split.share())
    }
}

/// Weights in words: `blue edge: blue 70 %, green 30 %; …`.
pub fn describe(weights: &[Weight]) -> String {
    let one = |weight: &Weight| {
        let sticky = if weight.sticky { ", and clients stay where they were first" } else { "" };
        format!("{}: {}{sticky}", weight.lever, weight.split)
    };
    weights.iter().map(one).collect::<Vec<_>>().join("; ")
}
