//! Failback: moves all traffic to blue, without gates, plan or lock.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::event::TrafficEvent;
use super::history::{Entry, ExpectedWeights, HistoryError, green_since};
use super::levers::{DnsLever, EdgeLever};
use super::mover::Mover;
use super::records::{SYNC_TIMEOUT, Submitted, is_transient};
use super::share::Share;
use super::weight::Weight;
use super::{listeners, records, signals};
use crate::aws::{Class, Error, Result};

/// The result of a failback.
#[derive(Debug)]
pub struct FailbackResult {
    /// The time until all rules of all edges read back as blue, twice; without edges, until Route 53 does.
    pub to_effect: Duration,
    /// The levers that couldn't be moved, and why.
    pub failed: Vec<(String, Error)>,
    /// DNS weights were changed: some clients may still have the old answer.
    pub dns_moved: bool,
    /// Why DNS wasn't moved, although all customers are at blue: the listeners decide.
    pub dns_error: Option<Error>,
    /// How many of green's writes are missing in blue.
    pub green_writes: GreenWrites,
    /// Why the failback isn't recorded in the history.
    pub history_error: Option<HistoryError>,
}

/// How many of green's writes are missing in blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GreenWrites {
    /// This many since green began to serve.
    Counted(u64),
    /// By the history, green hasn't served.
    None,
    /// Neither metrics nor history show it.
    Unknown,
}

/// How long a failing lever is retried.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(500);
/// After this pause, a concurrent shift has completed the write that it was making, and is overwritten.
const SETTLE: Duration = Duration::from_millis(500);
/// How long to wait for the lock of the history.
const HISTORY_TIMEOUT: Duration = Duration::from_secs(1);

/// Moves all levers to blue. `started` is when the command started; `dns_error` says why an existing DNS lever isn't among the
/// levers.
pub async fn run(mover: &Mover<'_>, started: Instant, mut dns_error: Option<Error>) -> FailbackResult {
    // The history is written first, because a running shift reads it. But an unwritable history doesn't stop a failback.
    let before = mover.history.entries().await;
    let history = mover.history.with_lock_timeout(HISTORY_TIMEOUT);
    let mover = &Mover { history: &history, ..mover.clone() };
    let mut recorded = mover.record(TrafficEvent::FailbackStarted).await.map(drop);
    let mut edges = Edges { mover, from: Vec::new(), request_ids: Vec::new(), failed: Vec::new() };
    edges.move_all().await;
    let second_pass = async {
        if mover.levers.have_edges() {
            sleep(SETTLE).await;
            edges.move_all().await;
        }
        (edges, started.elapsed())
    };
    let ((edges, mut to_effect), dns) = tokio::join!(second_pass, move_dns_and_settle(mover));
    let Edges { mut from, mut request_ids, mut failed, .. } = edges;
    let mut dns_moved = false;
    match dns {
        Ok((weight, ids)) => {
            dns_moved = !ids.is_empty();
            from.extend(weight);
            request_ids.extend(ids);
        }
        Err(error) if mover.levers.have_edges() => dns_error = Some(error),
        Err(error) => failed.push(("DNS".to_owned(), error)),
    }
    if !mover.levers.have_edges() {
        to_effect = started.elapsed();
    }
    let external_change =
        before.as_ref().ok().and_then(|entries| ExpectedWeights::from_history(entries).external_change(&from));
    if let Some(event) = external_change {
        recorded = recorded.and(mover.record(event).await.map(drop));
    }
    let green_served = from.iter().any(|weight| !weight.is_at(Share::BLUE));
    let end = if failed.is_empty() {
        let dns_error = dns_error.as_ref().map(ToString::to_string);
        TrafficEvent::FailedBack { seconds: to_effect.as_secs_f64(), from, request_ids, dns_error }
    } else {
        let describe = |(lever, error): &(String, Error)| format!("{lever}: {error}");
        TrafficEvent::FailbackIncomplete { because: failed.iter().map(describe).collect::<Vec<_>>().join("; ") }
    };
    recorded = recorded.and(mover.record(end).await.map(drop));
    let green_writes = green_writes(mover, before.ok().as_deref(), green_served).await;
    FailbackResult { to_effect, failed, dns_moved, dns_error, green_writes, history_error: recorded.err() }
}

async fn green_writes(mover: &Mover<'_>, before: Option<&[Entry]>, green_served: bool) -> GreenWrites {
    let watched = &mover.levers.watched;
    let (Some(entries), Some(metric)) = (before, &watched.green_writes) else { return GreenWrites::Unknown };
    let Some(since) = green_since(entries) else {
        // If green served anyway, its weights were changed externally or the history is lost.
        return if green_served || entries.is_empty() { GreenWrites::Unknown } else { GreenWrites::None };
    };
    let counted = signals::writes_since(mover.cloud, metric, &watched.region, since).await;
    counted.map_or(GreenWrites::Unknown, GreenWrites::Counted)
}

/// The edges of a failback, and what has been done to them.
struct Edges<'a> {
    mover: &'a Mover<'a>,
    /// The weights before the first write.
    from: Vec<Weight>,
    request_ids: Vec<String>,
    failed: Vec<(String, Error)>,
}

impl Edges<'_> {
    /// Moves all edges to blue concurrently. Each is written after a single read.
    async fn move_all(&mut self) {
        let mover = self.mover;
        let moves =
            mover.levers.edges.iter().filter(|edge| !self.failed.iter().any(|(lever, _)| *lever == lever_name(edge)));
        let moves = moves.map(|edge| async move { (edge, move_edge(mover, edge).await) });
        let first = self.from.is_empty();
        for (edge, moved) in join_all(moves).await {
            match moved {
                Ok((from, request_ids)) => {
                    self.from.extend(from.into_iter().filter(|_| first));
                    self.request_ids.extend(request_ids);
                }
                Err(error) => self.failed.push((lever_name(edge), error)),
            }
        }
    }
}

fn lever_name(edge: &EdgeLever) -> String {
    format!("{} edge", edge.name)
}

/// Moves an edge, and reads it back until all of its rules are at blue. Returns its former weights and AWS's request ids.
async fn move_edge(mover: &Mover<'_>, edge: &EdgeLever) -> Result<(Vec<Weight>, Vec<String>)> {
    let (mut from, mut request_ids) = (None, Vec::new());
    retry(mover, &lever_name(edge), async || {
        let actual = match &from {
            // One call only: the rules are read once the listener's default action is at blue.
            None => match listeners::read_lever_only(mover.cloud, edge).await {
                Err(error) if is_transient(&error) || error.class == Class::Denied => {
                    request_ids.extend(listeners::overwrite(mover.cloud, edge, Share::BLUE).await?);
                    from = Some(Vec::new());
                    return Ok(None);
                }
                read => read?,
            },
            Some(_) => listeners::read(mover.cloud, edge).await?,
        };
        let has_read_rules = from.is_some();
        let former = from.get_or_insert_with(|| actual.weights().collect());
        if has_read_rules && actual.is_at(Share::BLUE) {
            return Ok(Some((std::mem::take(former), std::mem::take(&mut request_ids))));
        }
        request_ids.extend(listeners::write(mover.cloud, edge, &actual, Share::BLUE).await?);
        Ok(None)
    })
    .await
}

/// Moves DNS, waits until all Route 53 servers have the change, and checks again, to overwrite a concurrent shift. Returns the
/// former weight and AWS's request ids.
async fn move_dns_and_settle(mover: &Mover<'_>) -> Result<(Option<Weight>, Vec<String>)> {
    let Some(dns) = &mover.levers.dns else { return Ok((None, Vec::new())) };
    let (mut former, mut request_ids, mut settled) = (None, Vec::new(), false);
    loop {
        let (from, submitted) = move_dns(mover, dns).await?;
        former.get_or_insert(from);
        let Some(submitted) = submitted else {
            if std::mem::replace(&mut settled, true) {
                return Ok((former, request_ids));
            }
            sleep(SETTLE).await;
            continue;
        };
        request_ids.extend(submitted.request_id.clone());
        // With edges, all customers are at blue already, so the command shouldn't wait long.
        let limit = if mover.levers.have_edges() { RETRY_TIMEOUT * 2 } else { SYNC_TIMEOUT };
        records::wait_in_sync(mover.cloud, &submitted, limit).await?;
    }
}

/// Moves DNS. Returns the former weight, and the change to wait for if one was needed.
async fn move_dns(mover: &Mover<'_>, dns: &DnsLever) -> Result<(Weight, Option<Submitted>)> {
    retry(mover, &dns.name, async || {
        let actual = records::read(mover.cloud, dns).await?;
        let from = actual.weight(dns);
        if from.split.is_at(Share::BLUE) {
            return Ok(Some((from, None)));
        }
        let submitted = records::overwrite(mover.cloud, dns, &actual, Share::BLUE).await?;
        Ok(Some((from, Some(submitted))))
    })
    .await
}

/// Repeats an attempt until it returns a value. Transient errors are retried.
async fn retry<T>(mover: &Mover<'_>, lever: &str, mut attempt: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + RETRY_TIMEOUT;
    let mut written = false;
    loop {
        match attempt().await {
            Ok(Some(value)) => return Ok(value),
            // After the first write, read back immediately.
            Ok(None) if !std::mem::replace(&mut written, true) => continue,
            Ok(None) if Instant::now() < deadline => {}
            Ok(None) => {
                return Err(Error::local(format!("{lever} doesn't read back as written: someone else writes it too")));
            }
            Err(error) if Instant::now() > deadline || !is_transient(&error) => return Err(error),
            Err(error) => mover.observer.waiting(&format!("{lever}: {error}")),
        }
        sleep(PAUSE).await;
    }
}
