//! What a shift checks between its writes: the gates, external changes, the history, Ctrl-C.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::{RETRY_TIMEOUT, Result, Shift, Stop, one_line};
use crate::aws;
use crate::traffic::check::{Check, Verdict, worst_verdict};
use crate::traffic::event::{Outcome, TrafficEvent};
use crate::traffic::gates;
use crate::traffic::history::HistoryError;
use crate::traffic::live::LiveWeights;
use crate::traffic::share::Share;
use crate::traffic::signals;
use crate::traffic::weight::{LeverKind, Weight, describe};

impl Shift<'_> {
    /// Evaluates the gates, and checks for external changes. The weights of the lever that is being written aren't compared.
    pub(super) async fn evaluate(
        &mut self,
        green: Share,
        since: Timestamp,
        writing: Option<LeverKind>,
    ) -> Result<(Verdict, Vec<Check>)> {
        let unreadable = match self.check_undisturbed(writing).await {
            Ok(()) => None,
            Err(Stop::Unreadable(reading)) => Some(reading),
            Err(stop) => return Err(stop),
        };
        let readings = signals::read(self.mover.cloud, self.mover.levers, since).await;
        let mut checks = gates::evaluate(&readings, &self.settings.limits, green);
        // Unreadable weights may be correct, so they don't cause a rollback.
        let verdict = Verdict::Inconclusive;
        checks.extend(unreadable.map(|reading| Check { name: "weights".to_owned(), verdict, reading }));
        Ok((self.record_verdict(green, checks.clone()).await?, checks))
    }

    /// Records the gates if their verdict has changed.
    async fn record_verdict(&mut self, green: Share, checks: Vec<Check>) -> std::result::Result<Verdict, HistoryError> {
        let verdict = worst_verdict(&checks);
        if self.recorded_verdict.replace(verdict) != Some(verdict) {
            let gates = TrafficEvent::Gates { green, verdict, checks };
            match verdict {
                // The rollback must not depend on the history.
                Verdict::Fail => self.mover.try_record(gates).await,
                Verdict::Pass | Verdict::Inconclusive => drop(self.mover.record(gates).await?),
            }
        }
        Ok(verdict)
    }

    /// Waits for this time, or until Ctrl-C.
    pub(super) async fn pause(&self, time: Duration) {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = sleep(time) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    /// Reports why the shift waits, if that has changed.
    pub(super) fn report_wait(&mut self, what: String) {
        if self.reported_wait != what {
            self.mover.observer.waiting(&what);
            self.reported_wait = what;
        }
    }

    /// Reads back what was written, unless a failback has started.
    pub(super) async fn read_back(&mut self, is_correct: impl Fn(LeverKind, &[Weight]) -> bool) -> Result<()> {
        if self.has_failed_back().await? {
            return Err(Stop::FailedBack);
        }
        let deadline = Instant::now() + RETRY_TIMEOUT;
        loop {
            match LiveWeights::read(self.mover.cloud, self.mover.levers).await {
                Ok(live) => return self.accept(live, is_correct).await,
                Err(error) if Instant::now() > deadline || *self.stop.borrow() => return Err(unreadable(&error)),
                Err(_) => self.pause(self.mover.poll_interval()).await,
            }
        }
    }

    /// Checks that nobody has requested a stop, that the lock is held, and that nobody else has changed weights, except for the
    /// lever that is being written.
    pub(super) async fn check_undisturbed(&mut self, writing: Option<LeverKind>) -> Result<()> {
        if *self.stop.borrow() {
            return Err(Stop::Stay(Outcome::Interrupted, "Ctrl-C".to_owned()));
        }
        if self.has_failed_back().await? {
            return Err(Stop::FailedBack);
        }
        if let Some(lock) = self.lock
            && let Err(error) = lock.check().await
        {
            return Err(Stop::Stay(Outcome::Held, error.to_string()));
        }
        let live = match LiveWeights::read(self.mover.cloud, self.mover.levers).await {
            Ok(live) => live,
            Err(error) => return Err(unreadable(&error)),
        };
        let before = self.seen.clone();
        self.accept(live, |kind, weights| Some(kind) == writing || is_unchanged(&before, kind, weights)).await
    }

    /// Takes these weights as the known ones, and stops if one isn't correct: an external change.
    async fn accept(&mut self, live: LiveWeights, is_correct: impl Fn(LeverKind, &[Weight]) -> bool) -> Result<()> {
        let live = live.or_dns_of(&self.seen);
        let wrong = LeverKind::ALL.into_iter().find(|kind| !is_correct(*kind, live.weights(*kind)));
        let before = std::mem::replace(&mut self.seen, live);
        let Some(kind) = wrong else { return Ok(()) };
        let (from, to) = (before.weights(kind).to_vec(), self.seen.weights(kind).to_vec());
        let because = format!("weights were changed outside this shift, from {} to {}", describe(&from), describe(&to));
        self.mover.try_record(TrafficEvent::ExternalChange { from, to }).await;
        // All at blue: the failback function, or a failback by hand.
        let is_blue = |live: &LiveWeights| live.deciding().iter().all(|weight| weight.is_at(Share::BLUE));
        let outcome = if is_blue(&self.seen) && !is_blue(&before) { Outcome::FailedBack } else { Outcome::Held };
        Err(Stop::Stay(outcome, because))
    }

    /// Reads new entries of the history: true if a failback has started. Stops on a request to hold.
    pub(super) async fn has_failed_back(&mut self) -> Result<bool> {
        let entries = match self.mover.history.after(self.known).await {
            Err(_) if self.to_blue => Vec::new(),
            entries => entries?,
        };
        self.known = entries.last().map_or(self.known, |entry| entry.number);
        let others: Vec<_> = entries.iter().filter(|entry| entry.by != *self.mover.history.by()).collect();
        let is_failback =
            |event: &TrafficEvent| matches!(event, TrafficEvent::FailbackStarted | TrafficEvent::FailedBack { .. });
        // A failback takes precedence over a hold.
        if others.iter().any(|entry| is_failback(&entry.event)) {
            return Ok(true);
        }
        if let Some(entry) = others.iter().find(|entry| matches!(entry.event, TrafficEvent::HoldRequested)) {
            let because = format!("hold requested by {}@{}", entry.by.user, entry.by.host);
            return Err(Stop::Stay(Outcome::Held, because));
        }
        Ok(false)
    }

    /// The interval of gate evaluations. Metrics arrive every minute, but a failback must be noticed within seconds.
    pub(super) fn check_interval(&self) -> Duration {
        if self.mover.cloud.endpoint.is_sandbox() { Duration::from_millis(300) } else { Duration::from_secs(10) }
    }
}

/// True if a lever has the same weights as before. DNS weights that couldn't be read before may be anything.
pub(super) fn is_unchanged(before: &LiveWeights, kind: LeverKind, weights: &[Weight]) -> bool {
    before.weights(kind) == weights || (kind == LeverKind::Dns && before.weights(kind).is_empty())
}

fn unreadable(error: &aws::Error) -> Stop {
    Stop::Unreadable(format!("can't be read: {}", one_line(error)))
}
