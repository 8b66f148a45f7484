//! A read-only snapshot of live traffic: who serves the customers, and what the gates say.

use std::time::Duration;

use jiff::Timestamp;

use super::check::{Check, Verdict, worst_verdict};
use super::gates::{Limits, evaluate};
use super::history::{Entry, ExpectedWeights, UnfinishedShift};
use super::levers::Levers;
use super::readings::Readings;
use super::share::Share;
use super::weight::Weight;
use super::{listeners, records, signals};
use crate::aws::{Cloud, Error};

/// The time span of requests and errors.
pub const SPAN: Duration = signals::WINDOW;

/// The traffic of a system at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// Each lever by name: its weights, or why they can't be read.
    pub levers: Vec<LeverReading>,
    /// Green's share of the requests; `None` if the deciding levers differ or can't be read.
    pub green: Option<Share>,
    /// Targets, alarms, requests, errors and latency over the last five minutes.
    pub readings: Readings,
    /// The gates, as a shift would evaluate them.
    pub checks: Vec<Check>,
    /// The worst of the checks.
    pub verdict: Verdict,
    /// The shift that has started and not ended.
    pub unfinished: Option<UnfinishedShift>,
    /// The weights differ from the history: someone changed them outside provisioner.
    pub changed_externally: bool,
}

/// A lever's name and weights.
pub type LeverReading = (String, Result<Vec<Weight>, Error>);

impl Snapshot {
    /// Reads everything concurrently.
    pub async fn read(cloud: &Cloud, levers: &Levers, limits: &Limits, history: &[Entry]) -> Self {
        let since = Timestamp::now() - SPAN;
        let (weights, readings) = tokio::join!(weights(cloud, levers), signals::read(cloud, levers, since));
        let (edges, dns) = weights;
        let deciding = if levers.have_edges() { &edges } else { &dns };
        let green = common_share(deciding);
        let max_share = readable(deciding).filter_map(|weight| weight.split.share()).max().unwrap_or(Share::BLUE);
        let checks = evaluate(&readings, limits, max_share);
        let expected = ExpectedWeights::from_history(history);
        let changed_externally = !expected.differing(readable(&edges).chain(readable(&dns))).is_empty();
        Snapshot {
            levers: edges.into_iter().chain(dns).collect(),
            green,
            readings,
            verdict: worst_verdict(&checks),
            checks,
            unfinished: UnfinishedShift::from_history(history),
            changed_externally,
        }
    }

    /// All weights that could be read.
    pub fn weights(&self) -> Vec<Weight> {
        readable(&self.levers).cloned().collect()
    }
}

async fn weights(cloud: &Cloud, levers: &Levers) -> (Vec<LeverReading>, Vec<LeverReading>) {
    let edges = levers.edges.iter().map(|edge| async {
        let read = listeners::read(cloud, edge).await;
        (format!("{} edge", edge.name), read.map(|edge| edge.weights().collect()))
    });
    let dns = async {
        let Some(dns) = &levers.dns else { return Vec::new() };
        let read = records::read(cloud, dns).await;
        vec![(dns.name.clone(), read.map(|records| vec![records.weight(dns)]))]
    };
    tokio::join!(futures::future::join_all(edges), dns)
}

fn common_share(deciding: &[LeverReading]) -> Option<Share> {
    let mut shares = Vec::new();
    for (_, weights) in deciding {
        shares.extend(weights.as_ref().ok()?.iter().map(|weight| weight.split.share().filter(|_| !weight.sticky)));
    }
    let first = shares.first().copied()??;
    shares.iter().all(|share| *share == Some(first)).then_some(first)
}

fn readable(levers: &[LeverReading]) -> impl Iterator<Item = &Weight> {
    levers.iter().filter_map(|(_, weights)| weights.as_ref().ok()).flatten()
}
