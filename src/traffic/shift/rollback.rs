//! What a shift does when it stops before its last step.

use tokio::time::{Instant, sleep};

use super::{RETRY_TIMEOUT, Shift, ShiftPlan, Stop, cannot_roll_back, joined, one_line};
use crate::aws::{self, Class};
use crate::traffic::event::{OnFail, Outcome, TrafficEvent};
use crate::traffic::history::HistoryError;
use crate::traffic::live::LiveWeights;
use crate::traffic::records::is_transient;
use crate::traffic::share::Share;

impl Shift<'_> {
    /// Rolls back or holds, depending on why the shift stops. Returns the outcome and the reason.
    pub(super) async fn handle_stop(
        &mut self,
        stop: Stop,
        plan: &ShiftPlan,
    ) -> Result<(Outcome, Option<String>), HistoryError> {
        let from = plan.remaining().first().map_or(plan.from, |first| plan.from.min(*first));
        let (outcome, because) = match stop {
            Stop::Stay(outcome, because) => (outcome, because),
            Stop::Unreadable(because) => (Outcome::Held, format!("the weights {because}")),
            Stop::FailedBack => self.join_failback().await,
            Stop::GateFailed(because) => match self.settings.on_fail {
                OnFail::Hold => (Outcome::Held, because),
                OnFail::Rollback => self.roll_back(from, because).await,
                OnFail::Blue => self.roll_back(Share::BLUE, because).await,
            },
            Stop::WriteFailed(error) => self.roll_back(from, one_line(&error)).await,
            Stop::History(error) => return Err(error),
        };
        Ok((outcome, Some(because)))
    }

    /// Moves all traffic to blue as well: this shift's last write may have come after the failback's.
    async fn join_failback(&mut self) -> (Outcome, String) {
        let because = "a failback started during the shift".to_owned();
        match self.lower_and_record(Share::BLUE, because.clone()).await {
            Ok(left) => (Outcome::FailedBack, joined(because, left)),
            Err(error) => (Outcome::Failed, cannot_roll_back(&error)),
        }
    }

    async fn roll_back(&mut self, to: Share, because: String) -> (Outcome, String) {
        if matches!(self.has_failed_back().await, Ok(true)) {
            return self.join_failback().await;
        }
        let live = LiveWeights::read(self.mover.cloud, self.mover.levers).await;
        if live.is_ok_and(|live| live.is_at_most(to)) {
            return (Outcome::Refused, because);
        }
        match self.lower_and_record(to, because.clone()).await {
            Ok(left) => (Outcome::RolledBack, joined(because, left)),
            Err(error) => (Outcome::Failed, format!("{because}; {}", cannot_roll_back(&error))),
        }
    }

    /// Reduces green's share, independently of gates and history. Returns what couldn't be done, if that doesn't decide who
    /// serves the customers.
    pub(super) async fn lower_and_record(&mut self, to: Share, because: String) -> aws::Result<Option<String>> {
        self.mover.try_record(TrafficEvent::RollingBack { to, because }).await;
        self.lower(to).await
    }

    /// Reduces green's share on listeners first, DNS after. Retries failed writes.
    pub(super) async fn lower(&self, to: Share) -> aws::Result<Option<String>> {
        self.retry(async || self.mover.lower_listeners(to).await).await?;
        match self.retry(async || self.mover.lower_dns(to).await).await {
            Err(error) if self.mover.levers.have_edges() => {
                Ok(Some(format!("DNS can't be written: {}", one_line(&error))))
            }
            lowered => lowered.map(|()| None),
        }
    }

    async fn retry(&self, attempt: impl AsyncFn() -> aws::Result<()>) -> aws::Result<()> {
        let deadline = Instant::now() + RETRY_TIMEOUT;
        loop {
            match attempt().await {
                Err(error) if Instant::now() < deadline && is_retryable(&error) => {
                    self.mover.observer.waiting(&format!("AWS doesn't accept the weights: {}", one_line(&error)));
                    sleep(self.mover.poll_interval()).await;
                }
                done => return done,
            }
        }
    }
}

/// True if AWS may accept the write later, or if a concurrent writer is the cause.
fn is_retryable(error: &aws::Error) -> bool {
    is_transient(error) || error.class == Class::Local || error.is_code("InvalidChangeBatch")
}
