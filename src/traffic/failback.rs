//! Failback: all to blue, now. No gates, no plan, no lock.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::event::{Lever, TrafficEvent, Weight};
use super::history::{Entry, HistoryError, green_since, last_seen, lever_of};
use super::levers::{DnsLever, EdgeLever};
use super::mover::Mover;
use super::picture::unexpected;
use super::records::{IN_SYNC, Submitted, may_pass};
use super::share::Share;
use super::{listeners, records, signals};
use crate::aws::{Class, Error, Result};

/// What a failback did.
#[derive(Debug)]
pub struct Done {
    /// From the start until all rules of all edges read back as blue, twice; without edges, until Route 53 answers so.
    pub to_effect: Duration,
    /// What couldn't be moved, and why.
    pub failed: Vec<(String, Error)>,
    /// Clients were sent to green's edge, too.
    pub dns_moved: bool,
    /// Why the name isn't at blue, although all customers are: the listeners decide.
    pub dns_left: Option<Error>,
    /// How many writes of green's customers blue doesn't have.
    pub green_writes: GreenWrites,
    /// Why it couldn't be put down in the history.
    pub history: Option<HistoryError>,
}

/// How many writes of green's customers blue doesn't have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GreenWrites {
    /// So many since green began to serve.
    Counted(u64),
    /// Green hasn't served, by the history.
    None,
    /// Neither metrics nor history tell.
    Unknown,
}

/// How long it tries to move a lever that AWS doesn't let it move.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);
/// A shift that was writing at the same moment has finished its write after this, and is overruled.
const SETTLED: Duration = Duration::from_millis(500);
/// How long another process may keep the history.
const HISTORY: Duration = Duration::from_secs(1);

/// Moves everything to blue. `started` is when it was asked for, `dns_left` why the weighted name isn't among the levers
/// although there is one.
pub async fn run(mover: &Mover<'_>, started: Instant, mut dns_left: Option<Error>) -> Done {
    // The history comes first, as a shift that is under way looks there. But it stops no failback.
    let before = mover.history.entries().await;
    let history = mover.history.in_a_hurry(HISTORY);
    let mover = &Mover { history: &history, ..mover.clone() };
    let mut history = mover.record(TrafficEvent::FailbackStarted).await.map(drop);
    let mut run = Run { mover, from: Vec::new(), request_ids: Vec::new(), failed: Vec::new() };
    run.edges().await;
    let edges = async {
        if mover.levers.have_edges() {
            sleep(SETTLED).await;
            run.edges().await;
        }
        (run, started.elapsed())
    };
    let ((run, mut to_effect), name) = tokio::join!(edges, name_to_blue_for_good(mover));
    let Run { mut from, mut request_ids, mut failed, .. } = run;
    let mut dns_moved = false;
    match name {
        Ok((had, ids)) => {
            dns_moved = !ids.is_empty();
            from.extend(had);
            request_ids.extend(ids);
        }
        Err(error) if mover.levers.have_edges() => dns_left = Some(error),
        Err(error) => failed.push(("DNS".to_owned(), error)),
    }
    if !mover.levers.have_edges() {
        to_effect = started.elapsed();
    }
    if let Ok(entries) = &before {
        let (seen, rule) = (last_seen(entries), |weight: &&Weight| lever_of(weight) == Lever::Listeners);
        let (rules, records): (Vec<_>, Vec<_>) = from.iter().partition(rule);
        let others = unexpected(rules.into_iter(), records.into_iter(), &seen);
        // All of a kind, as the next look compares all of it.
        let kinds: Vec<_> = others.iter().map(lever_of).collect();
        let to: Vec<_> = from.iter().filter(|weight| kinds.contains(&lever_of(weight))).cloned().collect();
        if !to.is_empty() {
            let noticed = TrafficEvent::ExternalChange { from: seen.weights_of(&to), to };
            history = history.and(mover.record(noticed).await.map(drop));
        }
    }
    let green_served = from.iter().any(|weight| !weight.is(Share::BLUE));
    let one = |(what, error): &(String, Error)| format!("{what}: {error}");
    let end = if failed.is_empty() {
        let dns_left = dns_left.as_ref().map(ToString::to_string);
        TrafficEvent::FailedBack { seconds: to_effect.as_secs_f64(), from, request_ids, dns_left }
    } else {
        TrafficEvent::FailbackIncomplete { because: failed.iter().map(one).collect::<Vec<_>>().join("; ") }
    };
    history = history.and(mover.record(end).await.map(drop));
    let green_writes = green_writes(mover, before.ok().as_deref(), green_served).await;
    Done { to_effect, failed, dns_moved, dns_left, green_writes, history: history.err() }
}

async fn green_writes(mover: &Mover<'_>, before: Option<&[Entry]>, green_served: bool) -> GreenWrites {
    let watched = &mover.levers.watched;
    let (Some(entries), Some(metric)) = (before, &watched.green_writes) else { return GreenWrites::Unknown };
    let Some(since) = green_since(entries) else {
        // Somebody else gave it customers, or the history of how it got them is lost.
        return if green_served || entries.is_empty() { GreenWrites::Unknown } else { GreenWrites::None };
    };
    let counted = signals::writes_since(mover.cloud, metric, &watched.region, since).await;
    counted.map_or(GreenWrites::Unknown, GreenWrites::Counted)
}

struct Run<'a> {
    mover: &'a Mover<'a>,
    from: Vec<Weight>,
    request_ids: Vec<String>,
    failed: Vec<(String, Error)>,
}

impl Run<'_> {
    /// All edges at once. The first call of each is the only one before its write.
    async fn edges(&mut self) {
        let mover = self.mover;
        let moves =
            mover.levers.edges.iter().filter(|edge| !self.failed.iter().any(|(what, _)| *what == what_is(edge)));
        let moves = moves.map(|edge| async move { (edge, edge_to_blue(mover, edge).await) });
        let first = self.from.is_empty();
        for (edge, moved) in join_all(moves).await {
            match moved {
                Ok((from, request_ids)) => {
                    self.from.extend(from.into_iter().filter(|_| first));
                    self.request_ids.extend(request_ids);
                }
                Err(error) => self.failed.push((what_is(edge), error)),
            }
        }
    }
}

fn what_is(edge: &EdgeLever) -> String {
    format!("{}'s edge", edge.name)
}

/// Moves an edge, and reads it back until all of it is blue's. Gives the weights that it had, and AWS's request ids.
async fn edge_to_blue(mover: &Mover<'_>, edge: &EdgeLever) -> Result<(Vec<Weight>, Vec<String>)> {
    let (mut from, mut request_ids) = (None, Vec::new());
    persistently(mover, &what_is(edge), async || {
        let now = match &from {
            // One call only: its rules are looked at when the listener itself is blue's.
            None => match listeners::read_own(mover.cloud, edge).await {
                Err(error) if may_pass(&error) || error.class == Class::Denied => {
                    request_ids.extend(listeners::write_unseen(mover.cloud, edge, Share::BLUE).await?);
                    from = Some(Vec::new());
                    return Ok(None);
                }
                now => now?,
            },
            Some(_) => listeners::read(mover.cloud, edge).await?,
        };
        let looked_at_all = from.is_some();
        let had = from.get_or_insert_with(|| now.weights().collect());
        if looked_at_all && now.gives(Share::BLUE) {
            return Ok(Some((std::mem::take(had), std::mem::take(&mut request_ids))));
        }
        request_ids.extend(listeners::write(mover.cloud, edge, &now, Share::BLUE).await?);
        Ok(None)
    })
    .await
}

/// Moves the name, waits until all of Route 53's servers know it, and looks again: a shift that was writing at the same
/// moment is overruled. Gives the weights that it had, and AWS's request ids.
async fn name_to_blue_for_good(mover: &Mover<'_>) -> Result<(Option<Weight>, Vec<String>)> {
    let Some(dns) = &mover.levers.dns else { return Ok((None, Vec::new())) };
    let (mut had, mut request_ids, mut settled) = (None, Vec::new(), false);
    loop {
        let (from, submitted) = name_to_blue(mover, dns).await?;
        had.get_or_insert(from);
        let Some(submitted) = submitted else {
            if std::mem::replace(&mut settled, true) {
                return Ok((had, request_ids));
            }
            sleep(SETTLED).await;
            continue;
        };
        request_ids.extend(submitted.request_id.clone());
        // Where the listeners decide, all customers are at blue already, and nobody should have to wait.
        let limit = if mover.levers.have_edges() { PATIENCE * 2 } else { IN_SYNC };
        records::in_sync(mover.cloud, &submitted, limit).await?;
    }
}

/// Moves the name. Gives the weights that it had, and what to wait for if they had to be changed.
async fn name_to_blue(mover: &Mover<'_>, dns: &DnsLever) -> Result<(Weight, Option<Submitted>)> {
    persistently(mover, &dns.name, async || {
        let now = records::read(mover.cloud, dns).await?;
        let from = now.weight(dns);
        if from.split.is(Share::BLUE) {
            return Ok(Some((from, None)));
        }
        let submitted = records::overwrite(mover.cloud, dns, &now, Share::BLUE).await?;
        Ok(Some((from, Some(submitted))))
    })
    .await
}

/// Tries until it gives a value: what AWS doesn't take now, it may take in a second.
async fn persistently<T>(
    mover: &Mover<'_>,
    what: &str,
    mut attempt: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    let mut written = false;
    loop {
        match attempt().await {
            Ok(Some(value)) => return Ok(value),
            // Written just now: it is looked at again at once.
            Ok(None) if !std::mem::replace(&mut written, true) => continue,
            Ok(None) if Instant::now() < deadline => {}
            Ok(None) => {
                return Err(Error::local(format!("{what} doesn't read back as written: somebody else writes it too")));
            }
            Err(error) if Instant::now() > deadline || !may_pass(&error) => return Err(error),
            Err(error) => mover.watcher.waiting(&format!("{what}: {error}")),
        }
        sleep(PAUSE).await;
    }
}
