//! Who serves the customers at this moment, how well, and what would happen if green fell ill: read only.

use std::time::Duration;

use jiff::Timestamp;

use super::event::{Check, Verdict, Weight};
use super::gates::{Limits, Readings, judge, verdict};
use super::history::{Entry, Expected, LastSeen, Unfinished, last_seen, unfinished};
use super::levers::Levers;
use super::share::Share;
use super::{listeners, records, signals};
use crate::aws::{Cloud, Error};

/// Over how much time requests and errors are counted.
pub const SPAN: Duration = Duration::from_secs(300);

/// The traffic of a system at one moment.
#[derive(Debug)]
pub struct Picture {
    /// Each lever: its name, and its weights or why they can't be read.
    pub levers: Vec<(String, Result<Vec<Weight>, Error>)>,
    /// The share of the requests that green serves; `None` where the deciding levers don't agree or can't be read.
    pub green: Option<Share>,
    /// Targets, alarms, requests, errors and latency over the last five minutes.
    pub readings: Readings,
    /// What a shift would make of them.
    pub checks: Vec<Check>,
    /// All in all.
    pub verdict: Verdict,
    /// The shift that was begun and isn't over.
    pub unfinished: Option<Unfinished>,
    /// The weights aren't what the history says: somebody else has changed them.
    pub changed_by_others: bool,
}

impl Picture {
    /// Looks at all of it, at once.
    pub async fn take(cloud: &Cloud, levers: &Levers, limits: &Limits, history: &[Entry]) -> Self {
        let since = Timestamp::now() - SPAN;
        let (weights, readings) = tokio::join!(weights(cloud, levers), signals::readings(cloud, levers, since));
        let (edges, name) = weights;
        let deciding = if levers.have_edges() { &edges } else { &name };
        let green = agreed(deciding);
        let most = readable(deciding).filter_map(|weight| weight.split.share()).max().unwrap_or(Share::BLUE);
        let checks = judge(&readings, limits, most);
        let seen = last_seen(history);
        let changed_by_others = !unexpected(readable(&edges), readable(&name), &seen).is_empty();
        Picture {
            levers: edges.into_iter().chain(name).collect(),
            green,
            readings,
            verdict: verdict(&checks),
            checks,
            unfinished: unfinished(history),
            changed_by_others,
        }
    }

    /// All weights that could be read.
    pub fn weights(&self) -> Vec<Weight> {
        readable(&self.levers).cloned().collect()
    }
}

type Read = Vec<(String, Result<Vec<Weight>, Error>)>;

async fn weights(cloud: &Cloud, levers: &Levers) -> (Read, Read) {
    let edges = levers.edges.iter().map(|edge| async {
        let now = listeners::read(cloud, edge).await;
        (format!("{} edge", edge.name), now.map(|edge| edge.weights().collect()))
    });
    let name = async {
        let Some(dns) = &levers.dns else { return Vec::new() };
        let now = records::read(cloud, dns).await;
        vec![(dns.name.clone(), now.map(|name| vec![name.weight(dns)]))]
    };
    tokio::join!(futures::future::join_all(edges), name)
}

fn agreed(deciding: &Read) -> Option<Share> {
    let mut shares = Vec::new();
    for (_, weights) in deciding {
        shares.extend(weights.as_ref().ok()?.iter().map(|weight| weight.split.share().filter(|_| !weight.sticky)));
    }
    let first = shares.first().copied()??;
    shares.iter().all(|share| *share == Some(first)).then_some(first)
}

fn readable(read: &Read) -> impl Iterator<Item = &Weight> {
    read.iter().filter_map(|(_, weights)| weights.as_ref().ok()).flatten()
}

/// The weights of rules and of records that the history doesn't expect. A lever that it tells nothing of may be anything.
pub fn unexpected<'a>(
    rules: impl Iterator<Item = &'a Weight>,
    records: impl Iterator<Item = &'a Weight>,
    seen: &LastSeen,
) -> Vec<Weight> {
    let others = |weight: &&Weight, expected: &Option<Expected>| {
        expected.as_ref().is_some_and(|expected| !is_expected(weight, expected))
    };
    let rules = rules.filter(|weight| others(weight, &seen.listeners));
    rules.chain(records.filter(|weight| others(weight, &seen.dns))).cloned().collect()
}

fn is_expected(weight: &Weight, expected: &Expected) -> bool {
    match expected {
        Expected::Share(share) => weight.is(*share),
        Expected::Either { from, to } => weight.is(*to) || from.contains(weight),
        // Weights that came up since then are somebody's doing as well.
        Expected::Weights(weights) => weights.contains(weight),
    }
}
