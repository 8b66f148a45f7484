//! Moves levers, and leaves a trace in the history before and after each write.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::happening::{Happening, Lever};
use super::history::{Entry, History, HistoryError};
use super::levers::Levers;
use super::listeners::{self, EdgeNow};
use super::live::{Live, in_words};
use super::records;
use super::share::Share;
use crate::aws::{self, Cloud};

/// Whoever watches traffic move. Called from the task that moves it: must be quick.
pub trait Watcher: Send + Sync {
    /// Something was put down in the history.
    fn happened(&self, entry: &Entry);
    /// A step is held and watched for so long.
    fn holding(&self, green: Share, time: Duration);
    /// It stays where it is, as long as this isn't otherwise.
    fn waiting(&self, what: &str);
}

/// Moves the levers of one system.
pub struct Mover<'a> {
    /// The way into AWS.
    pub cloud: &'a Cloud,
    /// What to move.
    pub levers: &'a Levers,
    /// Where it is put down.
    pub history: &'a History,
    /// Who watches.
    pub watcher: &'a dyn Watcher,
    /// Why, in the words of whoever asked for it.
    pub why: Option<String>,
}

/// Why a lever didn't move.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// AWS refused, or its answer is lost.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// The history can't be written: nothing moves without a trace.
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// How long reading back may take until all is as it was written: load balancers take seconds.
const READ_BACK: Duration = Duration::from_secs(30);

impl Mover<'_> {
    /// Puts it down, and tells whoever watches.
    pub fn record(&self, what: Happening) -> Result<Entry, HistoryError> {
        let entry = self.history.append(what, self.why.as_deref())?;
        self.watcher.happened(&entry);
        Ok(entry)
    }

    /// Gives green this share of one kind of lever, reads it back, and returns the levers after it. `live` is how they are
    /// now: whatever is as wanted isn't written.
    pub async fn shift(&self, lever: Lever, live: &Live, to: Share) -> Result<(), MoveError> {
        let from = live.weights(lever).to_vec();
        if from.is_empty() {
            return Ok(());
        }
        self.record(Happening::Writing { lever, from, to })?;
        let request_ids = match lever {
            Lever::Listeners => self.listeners(&live.edges, to).await?,
            Lever::Dns => self.dns(live, to).await?,
        };
        self.record(Happening::Written { lever, to, request_ids })?;
        Ok(())
    }

    /// Gives green this share on all edges at once, and reads back every rule until all are like that.
    async fn listeners(&self, now: &[EdgeNow], to: Share) -> Result<Vec<String>, aws::Error> {
        let edges = self.levers.edges.iter().zip(now);
        let written = futures::future::join_all(edges.map(|(edge, now)| listeners::write(self.cloud, edge, now, to)));
        let written: Result<Vec<_>, _> = written.await.into_iter().collect();
        let mut request_ids = written?.concat();
        let deadline = Instant::now() + READ_BACK;
        loop {
            let now = listeners::read_all(self.cloud, &self.levers.edges).await?;
            if now.iter().all(|edge| edge.gives(to)) {
                return Ok(request_ids);
            }
            if Instant::now() > deadline {
                let weights: Vec<_> = now.iter().flat_map(EdgeNow::weights).collect();
                let message = format!("green should have {to}, and reads back as: {}", in_words(&weights));
                return Err(aws::Error::local(message).with_help("somebody else writes the same weights: find out who"));
            }
            sleep(self.pause()).await;
            // What lags behind is only read again; a rule that came up in between is written too.
            for (edge, now) in self.levers.edges.iter().zip(&now).filter(|(_, now)| !now.gives(to)) {
                request_ids.extend(listeners::write(self.cloud, edge, now, to).await?);
            }
        }
    }

    async fn dns(&self, live: &Live, to: Share) -> Result<Vec<String>, aws::Error> {
        let (Some(dns), Some(now)) = (&self.levers.dns, &live.dns) else { return Ok(Vec::new()) };
        if now.split().is(to) {
            return Ok(Vec::new());
        }
        let submitted = records::write(self.cloud, dns, now, to).await?;
        records::in_sync(self.cloud, &submitted).await?;
        let after = records::read(self.cloud, dns).await?.split();
        if !after.is(to) {
            let message = format!("{} should give green {to}, and reads back as: {after}", dns.name);
            return Err(aws::Error::local(message).with_help("somebody else writes the same records: find out who"));
        }
        Ok(submitted.request_id.into_iter().collect())
    }

    /// Between two reads of what should be different soon.
    fn pause(&self) -> Duration {
        Duration::from_millis(if self.cloud.endpoint.is_sandbox() { 100 } else { 1000 })
    }
}
