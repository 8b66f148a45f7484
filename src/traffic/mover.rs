//! Moves levers, and leaves a trace in the history before and after each write.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::event::{Lever, TrafficEvent, Weight};
use super::history::{Entry, History, HistoryError};
use super::levers::Levers;
use super::listeners::{self, EdgeNow};
use super::live::{Live, describe};
use super::records::{self, IN_SYNC, Submitted, may_pass};
use super::share::Share;
use crate::aws::{self, Cloud, Error};

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
#[derive(Clone)]
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
    Aws(#[from] Error),
    /// The history can't be written: nothing moves without a trace.
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// How long reading back may take until all is as it was written: load balancers take seconds.
const READ_BACK: Duration = Duration::from_secs(30);
/// How long the history may keep waiting what goes towards blue.
const HURRY: Duration = Duration::from_secs(1);

impl Mover<'_> {
    /// Puts it down, and tells whoever watches.
    pub async fn record(&self, what: TrafficEvent) -> Result<Entry, HistoryError> {
        let entry = self.history.append(what, self.why.as_deref()).await?;
        self.watcher.happened(&entry);
        Ok(entry)
    }

    /// Puts it down where it can be: towards blue nothing waits for a disk.
    pub async fn note(&self, what: TrafficEvent) {
        match self.history.in_a_hurry(HURRY).append(what, self.why.as_deref()).await {
            Ok(entry) => self.watcher.happened(&entry),
            Err(error) => self.watcher.waiting(&format!("it isn't in the history: {error}")),
        }
    }

    /// Gives green this share on all edges at once, and reads back every rule until all are like that. `live` is how they are
    /// now: whatever is as wanted isn't written. Each rule is written once: whoever writes after it has the last word.
    pub async fn listeners(&self, live: &Live, to: Share) -> Result<(), MoveError> {
        let lever = Lever::Listeners;
        self.record(TrafficEvent::Writing { lever, from: live.weights(lever).to_vec(), to }).await?;
        let edges = self.levers.edges.iter().zip(&live.edges);
        let written = join_all(edges.map(|(edge, now)| listeners::write(self.cloud, edge, now, to))).await;
        let mut request_ids = written.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        let known: Vec<_> = live.edges.iter().flat_map(EdgeNow::arns).collect();
        let come_up = |edge: &EdgeNow| {
            let mut edge = edge.clone();
            edge.rules.retain(|rule| !known.contains(&(edge.name.clone(), rule.arn.clone())));
            edge
        };
        let mut wrote_new = false;
        let deadline = Instant::now() + READ_BACK;
        loop {
            let unread = match listeners::read_all(self.cloud, &self.levers.edges).await {
                Ok(now) if now.iter().all(|edge| edge.gives(to)) => break,
                Ok(now) => {
                    // A rule that came up in between gets its weights too.
                    if !std::mem::replace(&mut wrote_new, true) {
                        for (edge, now) in self.levers.edges.iter().zip(&now) {
                            request_ids.extend(listeners::write(self.cloud, edge, &come_up(now), to).await?);
                        }
                    }
                    let weights: Vec<_> = now.iter().flat_map(EdgeNow::weights).collect();
                    let message = format!("green should have {to}, and reads back as: {}", describe(&weights));
                    Error::local(message).with_help("somebody else writes the same weights: find out who")
                }
                Err(error) if may_pass(&error) => error,
                Err(error) => return Err(error.into()),
            };
            if Instant::now() > deadline {
                return Err(unread.into());
            }
            sleep(self.pause()).await;
        }
        self.record(TrafficEvent::Written { lever, to, request_ids }).await?;
        Ok(())
    }

    /// Submits the records that give green this share, unless they have changed since they were read; `None` if they are like
    /// that. [`Mover::dns_written`] has to follow once all of Route 53's servers know them.
    pub async fn submit_dns(&self, live: &Live, to: Share) -> Result<Option<Submitted>, MoveError> {
        let Some(dns) = &self.levers.dns else { return Ok(None) };
        let read;
        let now = match &live.dns {
            Some(now) => now,
            None => {
                read = records::read(self.cloud, dns).await?;
                &read
            }
        };
        self.record(TrafficEvent::Writing { lever: Lever::Dns, from: vec![now.weight(dns)], to }).await?;
        if now.split().is(to) {
            return Ok(None);
        }
        Ok(Some(records::write(self.cloud, dns, now, to).await?))
    }

    /// Reads the records back.
    pub async fn dns_written(&self, to: Share, submitted: Option<Submitted>) -> Result<(), MoveError> {
        let Some(dns) = &self.levers.dns else { return Ok(()) };
        let deadline = Instant::now() + READ_BACK;
        let after = loop {
            match records::read(self.cloud, dns).await {
                Ok(now) => break now.split(),
                Err(error) if may_pass(&error) && Instant::now() < deadline => sleep(self.pause()).await,
                Err(error) => return Err(error.into()),
            }
        };
        if !after.is(to) {
            let message = format!("{} should give green {to}, and reads back as: {after}", dns.name);
            let help = "somebody else writes the same records: find out who";
            return Err(Error::local(message).with_help(help).into());
        }
        let request_ids = submitted.and_then(|submitted| submitted.request_id).into_iter().collect();
        self.record(TrafficEvent::Written { lever: Lever::Dns, to, request_ids }).await?;
        Ok(())
    }

    /// Takes green down to this share on all edges where it has more, each edge by itself, and reads them back. Never gives it
    /// more: whoever has taken away more has the last word.
    ///
    /// # Errors
    /// The first of those of the edges that couldn't be lowered. All others are.
    pub async fn lower_listeners(&self, to: Share) -> aws::Result<()> {
        let read = async || join_all(self.levers.edges.iter().map(|edge| listeners::read(self.cloud, edge))).await;
        let lever = Lever::Listeners;
        let before = read().await;
        let from: Vec<Weight> = before.iter().flatten().flat_map(EdgeNow::weights).collect();
        let is_low = |edge: &aws::Result<EdgeNow>| edge.as_ref().is_ok_and(|edge| edge.gives_at_most(to));
        if before.iter().all(is_low) {
            return Ok(());
        }
        self.note(TrafficEvent::Writing { lever, from, to }).await;
        let lowered = self
            .levers
            .edges
            .iter()
            .zip(before)
            .map(|(edge, now)| async move { listeners::lower(self.cloud, edge, &now?, to).await });
        let lowered: aws::Result<Vec<_>> = join_all(lowered).await.into_iter().collect();
        let request_ids = lowered?.concat();
        let deadline = Instant::now() + READ_BACK;
        loop {
            let now = read().await;
            if now.iter().all(is_low) {
                self.note(TrafficEvent::Written { lever, to, request_ids }).await;
                return Ok(());
            }
            if Instant::now() > deadline {
                let high = now.into_iter().find(|edge| !is_low(edge));
                let message = format!("green should have at most {to} on all edges");
                return high.unwrap_or_else(|| Err(Error::local(message.clone()))).and(Err(Error::local(message)));
            }
            sleep(self.pause()).await;
        }
    }

    /// Takes green down to this share of the answers if it has more.
    pub async fn lower_dns(&self, to: Share) -> aws::Result<()> {
        let Some(dns) = &self.levers.dns else { return Ok(()) };
        let now = records::read(self.cloud, dns).await?;
        if now.split().is_at_most(to) {
            return Ok(());
        }
        self.note(TrafficEvent::Writing { lever: Lever::Dns, from: vec![now.weight(dns)], to }).await;
        let submitted = records::write(self.cloud, dns, &now, to).await?;
        records::in_sync(self.cloud, &submitted, IN_SYNC).await?;
        let request_ids = submitted.request_id.into_iter().collect();
        self.note(TrafficEvent::Written { lever: Lever::Dns, to, request_ids }).await;
        Ok(())
    }

    /// Between two reads of what should be different soon.
    pub fn pause(&self) -> Duration {
        Duration::from_millis(if self.cloud.endpoint.is_sandbox() { 100 } else { 1000 })
    }
}
