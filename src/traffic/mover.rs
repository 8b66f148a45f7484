//! Writes the weights of levers, and records each write in the history before and after it.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::event::TrafficEvent;
use super::history::{Entry, History, HistoryError};
use super::levers::Levers;
use super::listeners::{self, EdgeWeights};
use super::live::LiveWeights;
use super::records::{self, SYNC_TIMEOUT, Submitted, is_transient};
use super::share::Share;
use super::weight::{LeverKind, Weight, describe};
use crate::aws::{self, Cloud, Error};

/// Receives the progress of a shift or failback. Called from the task that moves traffic, so it must return quickly.
pub trait TrafficObserver: Send + Sync {
    /// The history has a new entry.
    fn recorded(&self, entry: &Entry);
    /// A step is held for this time.
    fn holding(&self, green: Share, time: Duration);
    /// The run waits, for this reason.
    fn waiting(&self, what: &str);
}

/// Moves the levers of one system.
#[derive(Clone)]
pub struct Mover<'a> {
    /// The AWS clients.
    pub cloud: &'a Cloud,
    /// The levers to move.
    pub levers: &'a Levers,
    /// The history that records each write.
    pub history: &'a History,
    /// Receives the progress.
    pub observer: &'a dyn TrafficObserver,
    /// The operator's reason, for the history.
    pub reason: Option<String>,
}

/// Why a lever wasn't moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// AWS rejected the call, or its answer was lost.
    #[error(transparent)]
    Aws(#[from] Error),
    /// The history can't be written: nothing moves without a record.
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// The timeout for weights to read back as written. Load balancers take seconds.
const READ_BACK: Duration = Duration::from_secs(30);
/// How long a move towards blue waits for the lock of the history.
const HISTORY_TIMEOUT: Duration = Duration::from_secs(1);

impl Mover<'_> {
    /// Appends an event to the history, and reports it.
    pub async fn record(&self, event: TrafficEvent) -> Result<Entry, HistoryError> {
        let entry = self.history.append(event, self.reason.as_deref()).await?;
        self.observer.recorded(&entry);
        Ok(entry)
    }

    /// Appends an event to the history if possible: moves towards blue don't need a writable history.
    pub async fn try_record(&self, event: TrafficEvent) {
        match self.history.with_lock_timeout(HISTORY_TIMEOUT).append(event, self.reason.as_deref()).await {
            Ok(entry) => self.observer.recorded(&entry),
            Err(error) => self.observer.waiting(&format!("not recorded in the history: {error}")),
        }
    }

    /// Gives green this share on all edges concurrently, and reads back every rule until all have it. `live` are the actual
    /// weights: rules that have the share already aren't written. Each rule is written once, so that a later write by others
    /// isn't undone.
    pub async fn write_listeners(&self, live: &LiveWeights, to: Share) -> Result<(), MoveError> {
        let lever = LeverKind::Listeners;
        self.record(TrafficEvent::Writing { lever, from: live.weights(lever).to_vec(), to }).await?;
        let edges = self.levers.edges.iter().zip(&live.edges);
        let written = join_all(edges.map(|(edge, actual)| listeners::write(self.cloud, edge, actual, to))).await;
        let mut request_ids = written.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        let known: Vec<_> = live.edges.iter().flat_map(EdgeWeights::arns).collect();
        let only_new_rules = |edge: &EdgeWeights| {
            let mut edge = edge.clone();
            edge.rules.retain(|rule| !known.contains(&(edge.name.clone(), rule.arn.clone())));
            edge
        };
        let mut wrote_new = false;
        let deadline = Instant::now() + READ_BACK;
        loop {
            let error = match listeners::read_all(self.cloud, &self.levers.edges).await {
                Ok(actual) if actual.iter().all(|edge| edge.is_at(to)) => break,
                Ok(actual) => {
                    // A rule that was created in the meantime gets its weights too.
                    if !std::mem::replace(&mut wrote_new, true) {
                        for (edge, actual) in self.levers.edges.iter().zip(&actual) {
                            let new_rules = only_new_rules(actual);
                            request_ids.extend(listeners::write(self.cloud, edge, &new_rules, to).await?);
                        }
                    }
                    let weights: Vec<_> = actual.iter().flat_map(EdgeWeights::weights).collect();
                    let message = format!("wrote green {to}, but the listeners read back as: {}", describe(&weights));
                    Error::local(message).with_help(OTHER_WRITER)
                }
                Err(error) if is_transient(&error) => error,
                Err(error) => return Err(error.into()),
            };
            if Instant::now() > deadline {
                return Err(error.into());
            }
            sleep(self.poll_interval()).await;
        }
        self.record(TrafficEvent::Written { lever, to, request_ids }).await?;
        Ok(())
    }

    /// Submits the records that give green this share, unless they have changed since they were read; `None` if they have it
    /// already. Call [`Mover::verify_dns`] once all Route 53 servers have the change.
    pub async fn submit_dns(&self, live: &LiveWeights, to: Share) -> Result<Option<Submitted>, MoveError> {
        let Some(dns) = &self.levers.dns else { return Ok(None) };
        let read;
        let actual = match &live.dns {
            Some(actual) => actual,
            None => {
                read = records::read(self.cloud, dns).await?;
                &read
            }
        };
        self.record(TrafficEvent::Writing { lever: LeverKind::Dns, from: vec![actual.weight(dns)], to }).await?;
        if actual.split().is_at(to) {
            return Ok(None);
        }
        Ok(Some(records::write(self.cloud, dns, actual, to).await?))
    }

    /// Reads the records back, and records the write.
    pub async fn verify_dns(&self, to: Share, submitted: Option<Submitted>) -> Result<(), MoveError> {
        let Some(dns) = &self.levers.dns else { return Ok(()) };
        let deadline = Instant::now() + READ_BACK;
        let actual = loop {
            match records::read(self.cloud, dns).await {
                Ok(actual) => break actual.split(),
                Err(error) if is_transient(&error) && Instant::now() < deadline => sleep(self.poll_interval()).await,
                Err(error) => return Err(error.into()),
            }
        };
        if !actual.is_at(to) {
            let message = format!("wrote green {to} to {}, but it reads back as: {actual}", dns.name);
            return Err(Error::local(message).with_help(OTHER_WRITER).into());
        }
        let request_ids = submitted.and_then(|submitted| submitted.request_id).into_iter().collect();
        self.record(TrafficEvent::Written { lever: LeverKind::Dns, to, request_ids }).await?;
        Ok(())
    }

    /// Reduces green's share to this on all edges that give it more, each independently, and reads them back. Never raises it:
    /// a lower share by others stays.
    ///
    /// # Errors
    /// The first error of an edge. All other edges are lowered.
    pub async fn lower_listeners(&self, to: Share) -> aws::Result<()> {
        let read = async || join_all(self.levers.edges.iter().map(|edge| listeners::read(self.cloud, edge))).await;
        let lever = LeverKind::Listeners;
        let before = read().await;
        let from: Vec<Weight> = before.iter().flatten().flat_map(EdgeWeights::weights).collect();
        let is_low = |edge: &aws::Result<EdgeWeights>| edge.as_ref().is_ok_and(|edge| edge.is_at_most(to));
        if before.iter().all(is_low) {
            return Ok(());
        }
        self.try_record(TrafficEvent::Writing { lever, from, to }).await;
        let lowered = self
            .levers
            .edges
            .iter()
            .zip(before)
            .map(|(edge, actual)| async move { listeners::lower(self.cloud, edge, &actual?, to).await });
        let lowered: aws::Result<Vec<_>> = join_all(lowered).await.into_iter().collect();
        let request_ids = lowered?.concat();
        let deadline = Instant::now() + READ_BACK;
        loop {
            let actual = read().await;
            if actual.iter().all(is_low) {
                self.try_record(TrafficEvent::Written { lever, to, request_ids }).await;
                return Ok(());
            }
            if Instant::now() > deadline {
                let high = actual.into_iter().find(|edge| !is_low(edge));
                let message = format!("wrote green {to}, but a listener reads back with more");
                return high.unwrap_or_else(|| Err(Error::local(message.clone()))).and(Err(Error::local(message)));
            }
            sleep(self.poll_interval()).await;
        }
    }

    /// Reduces green's share of the DNS answers to this if it is larger.
    pub async fn lower_dns(&self, to: Share) -> aws::Result<()> {
        let Some(dns) = &self.levers.dns else { return Ok(()) };
        let actual = records::read(self.cloud, dns).await?;
        if actual.split().is_at_most(to) {
            return Ok(());
        }
        self.try_record(TrafficEvent::Writing { lever: LeverKind::Dns, from: vec![actual.weight(dns)], to }).await;
        let submitted = records::write(self.cloud, dns, &actual, to).await?;
        records::wait_in_sync(self.cloud, &submitted, SYNC_TIMEOUT).await?;
        let request_ids = submitted.request_id.into_iter().collect();
        self.try_record(TrafficEvent::Written { lever: LeverKind::Dns, to, request_ids }).await;
        Ok(())
    }

    /// The pause between two reads of weights that are about to change.
    pub fn poll_interval(&self) -> Duration {
        Duration::from_millis(if self.cloud.endpoint.is_sandbox() { 100 } else { 1000 })
    }
}

/// The advice when weights don't read back as written.
const OTHER_WRITER: &str = "someone else writes the same weights: find out who (AWS CloudTrail shows it)";
