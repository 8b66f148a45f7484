//! Failback: all to blue, now. No gates, no plan, no lock.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::happening::{Happening, Weight};
use super::history::{HistoryError, green_since};
use super::levers::{DnsLever, EdgeLever};
use super::mover::Mover;
use super::records::Submitted;
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
    /// How many writes of green's customers blue doesn't have; `None` where that can't be told.
    pub green_writes: Option<u64>,
    /// Why it couldn't be put down in the history.
    pub history: Option<HistoryError>,
}

/// How long it tries to move a lever that AWS doesn't let it move.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);
/// A shift that was writing at the same moment has finished its write after this, and is overruled.
const SETTLED: Duration = Duration::from_millis(500);

/// Moves everything to blue. `started` is when it was asked for.
pub async fn run(mover: &Mover<'_>, started: Instant) -> Done {
    // The history comes first, as a shift that is under way looks there. But it stops no failback.
    let since = mover.history.entries().ok().and_then(|entries| green_since(&entries));
    let mut history = mover.record(Happening::FailbackStarted).map(drop);
    let mut run = Run { mover, from: Vec::new(), request_ids: Vec::new(), failed: Vec::new() };
    run.edges().await;
    let submitted = run.dns().await;
    if mover.levers.have_edges() {
        sleep(SETTLED).await;
        run.edges().await;
    }
    let mut to_effect = started.elapsed();
    if let Some(submitted) = submitted {
        if let Err(error) = records::in_sync(mover.cloud, &submitted).await {
            run.failed.push(("DNS".to_owned(), error));
        }
        if !mover.levers.have_edges() {
            to_effect = started.elapsed();
        }
    }
    let Run { from, request_ids, failed, .. } = run;
    let end = if failed.is_empty() {
        Happening::FailedBack { seconds: to_effect.as_secs_f64(), from, request_ids }
    } else {
        let one = |(what, error): &(String, Error)| format!("{what}: {error}");
        Happening::FailbackIncomplete { because: failed.iter().map(one).collect::<Vec<_>>().join("; ") }
    };
    history = history.and(mover.record(end).map(drop));
    let watched = &mover.levers.watched;
    let green_writes = match (&watched.green_writes, since) {
        (Some(metric), Some(since)) => signals::writes_since(mover.cloud, metric, &watched.region, since).await.ok(),
        _ => None,
    };
    Done { to_effect, failed, green_writes, history: history.err() }
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

    /// The weighted name; not waited for.
    async fn dns(&mut self) -> Option<Submitted> {
        let dns = self.mover.levers.dns.as_ref()?;
        match name_to_blue(self.mover, dns).await {
            Ok((from, submitted)) => {
                self.from.push(from);
                self.request_ids.extend(submitted.as_ref().and_then(|submitted| submitted.request_id.clone()));
                submitted
            }
            Err(error) => {
                self.failed.push((dns.name.clone(), error));
                None
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
                Err(error) if matches!(error.class, Class::Throttled | Class::OutcomeUnknown) => {
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

/// Moves the name. Gives the weights that it had, and what to wait for if they had to be changed.
async fn name_to_blue(mover: &Mover<'_>, dns: &DnsLever) -> Result<(Weight, Option<Submitted>)> {
    persistently(mover, &dns.name, async || {
        let now = records::read(mover.cloud, dns).await?;
        let from = now.weight(dns);
        if from.split.is(Share::BLUE) {
            return Ok(Some((from, None)));
        }
        let submitted = records::write(mover.cloud, dns, &now, Share::BLUE).await?;
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

fn may_pass(error: &Error) -> bool {
    matches!(error.class, Class::NotReady | Class::Throttled | Class::OutcomeUnknown)
}
