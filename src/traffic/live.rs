//! The actual weights of all levers.

use super::levers::Levers;
use super::listeners::{self, EdgeWeights};
use super::records::{self, RecordWeights};
use super::share::Share;
use super::weight::{LeverKind, Weight};
use crate::aws::{Cloud, Error, Result};

/// The actual weights of all levers at one moment.
#[derive(Clone, Debug)]
pub struct LiveWeights {
    /// The edges, in the order of the levers.
    pub edges: Vec<EdgeWeights>,
    /// The DNS records; `None` if there are none, or if they can't be read and edges decide.
    pub dns: Option<RecordWeights>,
    /// Why the DNS records can't be read, if edges decide: Route 53's API can be down for hours.
    pub dns_error: Option<Error>,
    listeners: Vec<Weight>,
    records: Vec<Weight>,
}

impl LiveWeights {
    /// Reads all of them concurrently.
    ///
    /// # Errors
    /// The levers that decide who serves the customers can't be read.
    pub async fn read(cloud: &Cloud, levers: &Levers) -> Result<Self> {
        let dns = async {
            match &levers.dns {
                Some(dns) => records::read(cloud, dns).await.map(Some),
                None => Ok(None),
            }
        };
        let (edges, dns) = tokio::join!(listeners::read_all(cloud, &levers.edges), dns);
        let edges = edges?;
        let (dns, dns_error) = match dns {
            Ok(dns) => (dns, None),
            Err(error) if levers.have_edges() => (None, Some(error)),
            Err(error) => return Err(error),
        };
        let listeners = edges.iter().flat_map(EdgeWeights::weights).collect();
        let records = levers.dns.iter().zip(&dns).map(|(lever, records)| records.weight(lever)).collect();
        Ok(LiveWeights { edges, dns, dns_error, listeners, records })
    }

    /// The same, with the DNS weights of `before` if they couldn't be read.
    pub fn or_dns_of(mut self, before: &LiveWeights) -> Self {
        if self.dns_error.is_some() {
            self.dns.clone_from(&before.dns);
            self.records.clone_from(&before.records);
        }
        self
    }

    /// The weights of one kind of lever.
    pub fn weights(&self, kind: LeverKind) -> &[Weight] {
        match kind {
            LeverKind::Listeners => &self.listeners,
            LeverKind::Dns => &self.records,
        }
    }

    /// The weights that decide green's share of the requests: the edges', or those of DNS if there are no edges.
    pub fn deciding(&self) -> &[Weight] {
        if self.edges.is_empty() { &self.records } else { &self.listeners }
    }

    /// Green's share of the requests; `None` if the deciding weights differ.
    pub fn share(&self) -> Option<Share> {
        let shares = self.deciding().iter().map(|weight| weight.split.share().filter(|_| !weight.sticky));
        let mut shares = shares.collect::<Option<Vec<_>>>()?.into_iter();
        let first = shares.next()?;
        shares.all(|share| share == first).then_some(first)
    }

    /// The smallest share that a deciding weight gives green.
    pub fn min_share(&self) -> Share {
        self.shares().min().unwrap_or(Share::BLUE)
    }

    /// The largest share that a deciding weight gives green.
    pub fn max_share(&self) -> Share {
        self.shares().max().unwrap_or(Share::BLUE)
    }

    /// True if all levers, DNS included, give green exactly this share.
    pub fn is_at(&self, share: Share) -> bool {
        self.dns_error.is_none() && self.all(|weight| weight.is_at(share))
    }

    /// True if no lever gives green more than this share.
    pub fn is_at_most(&self, share: Share) -> bool {
        self.dns_error.is_none() && self.all(|weight| weight.is_at_most(share))
    }

    fn all(&self, condition: impl Fn(&Weight) -> bool) -> bool {
        self.listeners.iter().chain(&self.records).all(condition)
    }

    fn shares(&self) -> impl Iterator<Item = Share> + '_ {
        self.deciding().iter().filter_map(|weight| weight.split.share())
    }
}
