//! A shift: moves traffic towards green step by step while the gates pass, and rolls back when one fails.

mod checks;
mod rollback;

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::check::{Verdict, summary};
use super::event::{OnFail, Outcome, TrafficEvent};
use super::history::HistoryError;
use super::limits::Limits;
use super::live::LiveWeights;
use super::mover::{MoveError, Mover};
use super::records::{self, SYNC_TIMEOUT, is_transient, sync_timed_out};
use super::share::{Share, Steps};
use super::weight::{LeverKind, Weight};
use crate::aws;
use crate::state::Guard;
use crate::text;

/// The settings of a shift.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long each step is held.
    pub hold: Duration,
    /// How long the shift waits for an inconclusive gate.
    pub patience: Duration,
    /// What happens if a gate fails.
    pub on_fail: OnFail,
    /// The limits of the gates.
    pub limits: Limits,
}

/// The steps of a shift.
#[derive(Clone, Debug)]
pub struct ShiftPlan {
    /// The id of the shift.
    pub shift: String,
    /// All steps.
    pub steps: Steps,
    /// The index of the first remaining step.
    pub next: usize,
    /// Green's share before the shift.
    pub from: Share,
    /// It continues an earlier run of the same shift.
    pub resumed: bool,
}

impl ShiftPlan {
    /// The remaining steps.
    pub fn remaining(&self) -> &[Share] {
        self.steps.all().get(self.next..).unwrap_or_default()
    }
}

/// The result of a shift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShiftResult {
    /// How it ended.
    pub outcome: Outcome,
    /// Why, unless it was completed.
    pub because: Option<String>,
    /// Green's share afterwards; `None` if it differs between levers, or can't be read.
    pub green: Option<Share>,
}

/// How far back the metrics go that are evaluated before a step.
const LOOK_BACK: Duration = Duration::from_secs(300);
/// How long failing rollback writes and failing reads are retried.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// A running shift.
pub struct Shift<'a> {
    mover: Mover<'a>,
    settings: Settings,
    /// True once the operator has pressed Ctrl-C.
    stop: watch::Receiver<bool>,
    /// The lock against other shifts and applies.
    lock: Option<&'a dyn Guard>,
    /// The weights that were read last. Any other difference is an external change.
    seen: LiveWeights,
    /// The number of the last entry of the history that was read.
    known: u64,
    /// It moves all traffic to blue, which must work without a history.
    to_blue: bool,
    started: Timestamp,
    recorded_verdict: Option<Verdict>,
    reported_wait: String,
}

/// Why a shift stops before its last step.
enum Stop {
    /// The weights stay.
    Stay(Outcome, String),
    /// The weights can't be read: AWS throttles, or the network is down.
    Unreadable(String),
    /// A gate failed.
    GateFailed(String),
    /// A write failed: the weights are unknown.
    WriteFailed(aws::Error),
    /// A failback started during the shift.
    FailedBack,
    /// The history can't be written or read.
    History(HistoryError),
}

impl From<HistoryError> for Stop {
    fn from(error: HistoryError) -> Self {
        Stop::History(error)
    }
}

impl From<MoveError> for Stop {
    fn from(error: MoveError) -> Self {
        match error {
            MoveError::History(error) => Stop::History(error),
            MoveError::Aws(error) => Stop::WriteFailed(error),
        }
    }
}

type Result<T> = std::result::Result<T, Stop>;

impl<'a> Shift<'a> {
    /// A shift from the weights `seen`, which were read after the history's entry `known`. It holds when `stop` becomes true.
    pub fn new(
        mover: Mover<'a>,
        settings: Settings,
        seen: LiveWeights,
        known: u64,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Shift {
            mover,
            settings,
            stop,
            lock: None,
            seen,
            known,
            to_blue: false,
            started: Timestamp::now(),
            recorded_verdict: None,
            reported_wait: String::new(),
        }
    }

    /// The same shift, which holds if it loses this lock.
    pub fn with_lock(self, lock: Option<&'a dyn Guard>) -> Self {
        Shift { lock, ..self }
    }

    /// Takes all steps of the plan, rolls back, or holds.
    ///
    /// # Errors
    /// The history can't be written or read. Weights that were written stay.
    pub async fn run(mut self, plan: &ShiftPlan) -> std::result::Result<ShiftResult, HistoryError> {
        self.to_blue = plan.remaining() == [Share::BLUE];
        let started = TrafficEvent::ShiftStarted {
            shift: plan.shift.clone(),
            steps: plan.steps.clone(),
            hold_seconds: self.settings.hold.as_secs_f64(),
            on_fail: self.settings.on_fail,
            patience_seconds: Some(self.settings.patience.as_secs_f64()),
            limits: Some(self.settings.limits),
            from: plan.from,
            resumed: plan.resumed,
        };
        if self.to_blue {
            self.mover.try_record(started).await;
        } else {
            self.mover.record(started).await?;
        }
        let (outcome, because) = match self.take_steps(plan).await {
            Ok(()) => (Outcome::Completed, None),
            Err(stop) => self.handle_stop(stop, plan).await?,
        };
        Ok(self.end(outcome, because).await)
    }

    /// Aborts an unfinished shift: moves all traffic to blue, listeners first, DNS after.
    pub async fn abort(mut self) -> ShiftResult {
        let because = self.mover.reason.clone().unwrap_or_else(|| "aborted".to_owned());
        let (outcome, because) = match self.lower_and_record(Share::BLUE, because.clone()).await {
            Ok(left) => (Outcome::Aborted, joined(because, left)),
            Err(error) => (Outcome::Failed, cannot_roll_back(&error)),
        };
        self.end(outcome, Some(because)).await
    }

    async fn end(self, outcome: Outcome, because: Option<String>) -> ShiftResult {
        let live = LiveWeights::read(self.mover.cloud, self.mover.levers).await;
        let green = live.ok().and_then(|live| live.share());
        self.mover.try_record(TrafficEvent::ShiftEnded { outcome, green, because: because.clone() }).await;
        ShiftResult { outcome, because, green }
    }

    async fn take_steps(&mut self, plan: &ShiftPlan) -> Result<()> {
        for (number, to) in plan.remaining().iter().enumerate() {
            if *to == Share::BLUE || (*to <= self.seen.min_share() && !self.seen.is_at_most(*to)) {
                self.step_down(*to).await?;
                continue;
            }
            // A resumed step is held for its full time, even if its weights are written already.
            if self.seen.is_at(*to) && !plan.resumed {
                continue;
            }
            self.check_before_step(number == 0).await?;
            self.step_up(*to).await?;
        }
        Ok(())
    }

    /// Takes a step towards blue. It needs no gates.
    async fn step_down(&mut self, to: Share) -> Result<()> {
        self.check_undisturbed(None).await?;
        match self.lower(to).await {
            Ok(None) => {}
            Ok(Some(left)) => return Err(Stop::Stay(Outcome::Held, left)),
            Err(error) => return Err(Stop::Stay(Outcome::Failed, cannot_roll_back(&error))),
        }
        self.read_back(|_, weights| weights.iter().all(|weight| weight.is_at_most(to))).await
    }

    /// Takes a step towards green.
    async fn step_up(&mut self, to: Share) -> Result<()> {
        let since = Timestamp::now();
        // Load balancers decide green's share, and DNS follows after the hold. Without load balancers, DNS decides.
        if self.mover.levers.have_edges() {
            self.write_listeners(to).await?;
            self.hold(to, since).await?;
            self.write_dns(to, since).await?;
        } else {
            self.write_dns(to, since).await?;
            self.hold(to, since).await?;
        }
        self.mover.record(TrafficEvent::StepDone { green: to }).await?;
        Ok(())
    }

    /// Waits until the gates pass, before green gets more customers.
    async fn check_before_step(&mut self, first: bool) -> Result<()> {
        let green = self.seen.max_share();
        let recent = Timestamp::now() - LOOK_BACK;
        // After the first step, metrics from before this shift no longer count.
        let since = if first { recent } else { recent.max(self.started) };
        let deadline = Instant::now() + self.settings.patience;
        self.wait_for_gates(green, since, Instant::now(), deadline).await
    }

    /// Holds a step for its time, and longer while a gate is inconclusive.
    async fn hold(&mut self, green: Share, since: Timestamp) -> Result<()> {
        self.mover.observer.holding(green, self.settings.hold);
        self.recorded_verdict = None;
        let earliest = Instant::now() + self.settings.hold;
        self.wait_for_gates(green, since, earliest, earliest + self.settings.patience).await
    }

    /// Evaluates the gates repeatedly, until they pass at `earliest` or later, at most until `deadline`.
    async fn wait_for_gates(
        &mut self,
        green: Share,
        since: Timestamp,
        earliest: Instant,
        deadline: Instant,
    ) -> Result<()> {
        loop {
            let (verdict, checks) = self.evaluate(green, since, None).await?;
            let now = Instant::now();
            match verdict {
                Verdict::Fail => return Err(Stop::GateFailed(summary(&checks, verdict))),
                Verdict::Pass if now >= earliest => return Ok(()),
                Verdict::Inconclusive if now >= deadline => {
                    let because = format!("gates are inconclusive: {}", summary(&checks, verdict));
                    return Err(Stop::Stay(Outcome::Held, because));
                }
                Verdict::Inconclusive if now >= earliest => self.report_wait(summary(&checks, verdict)),
                Verdict::Pass | Verdict::Inconclusive => {}
            }
            self.pause(self.check_interval().min(if now < earliest { earliest - now } else { deadline - now })).await;
        }
    }

    async fn write_listeners(&mut self, to: Share) -> Result<()> {
        self.check_undisturbed(None).await?;
        self.mover.write_listeners(&self.seen, to).await?;
        self.read_back_written(LeverKind::Listeners, to).await
    }

    async fn write_dns(&mut self, to: Share, since: Timestamp) -> Result<()> {
        self.check_undisturbed(None).await?;
        match self.submit_dns(to, since).await {
            Ok(()) => self.read_back_written(LeverKind::Dns, to).await,
            // The listeners decide, so green's share is correct: no rollback.
            Err(Stop::WriteFailed(error)) if self.mover.levers.have_edges() => {
                let because = format!("the listeners give green {to}, but DNS can't be written: {}", one_line(&error));
                Err(Stop::Stay(Outcome::Held, because))
            }
            Err(stop) => Err(stop),
        }
    }

    /// Writes DNS, and evaluates the gates until all Route 53 servers have the change.
    async fn submit_dns(&mut self, to: Share, since: Timestamp) -> Result<()> {
        let submitted = self.mover.submit_dns(&self.seen, to).await?;
        let (deadline, mut next_check) = (Instant::now() + SYNC_TIMEOUT, Instant::now() + self.check_interval());
        if let Some(submitted) = &submitted {
            loop {
                match records::is_in_sync(self.mover.cloud, submitted).await {
                    Ok(true) => break,
                    Err(error) if !is_transient(&error) => return Err(Stop::WriteFailed(error)),
                    _ if Instant::now() > deadline => return Err(Stop::WriteFailed(sync_timed_out())),
                    Ok(false) | Err(_) => self.pause(self.mover.poll_interval() * 3).await,
                }
                if Instant::now() >= next_check || *self.stop.borrow() {
                    let (verdict, checks) = self.evaluate(to, since, Some(LeverKind::Dns)).await?;
                    if verdict == Verdict::Fail {
                        return Err(Stop::GateFailed(summary(&checks, verdict)));
                    }
                    next_check = Instant::now() + self.check_interval();
                }
            }
        }
        Ok(self.mover.verify_dns(to, submitted).await?)
    }

    /// Checks that the written lever has the new share, and the other one is unchanged.
    async fn read_back_written(&mut self, written: LeverKind, to: Share) -> Result<()> {
        let before = self.seen.clone();
        let is_correct = move |kind: LeverKind, weights: &[Weight]| match kind == written {
            true => weights.iter().all(|weight| weight.is_at(to)),
            false => checks::is_unchanged(&before, kind, weights),
        };
        self.read_back(is_correct).await
    }
}

/// An error in one line.
fn one_line(error: &aws::Error) -> String {
    text::step_error(&error.clone().into())
}

fn cannot_roll_back(error: &aws::Error) -> String {
    format!("can't reduce green's share: {}; run `provisioner failback`", one_line(error))
}

/// Appends what is left to do.
fn joined(because: String, left: Option<String>) -> String {
    [Some(because), left].into_iter().flatten().collect::<Vec<_>>().join("; ")
}
