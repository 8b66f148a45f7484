//! A shift: step by step towards green while green is well, back by itself when it isn't.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::gates::{Limits, judge, verdict};
use super::happening::{Check, Happening, Lever, OnFail, Outcome, Verdict, to_blame};
use super::history::HistoryError;
use super::live::{Live, in_words};
use super::mover::{MoveError, Mover};
use super::share::{Share, Steps};
use super::signals;
use crate::aws;

/// How a shift goes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long each step is held and watched.
    pub hold: Duration,
    /// How long it stays and looks again where nothing can be said yet.
    pub patience: Duration,
    /// What a failed gate leads to.
    pub on_fail: OnFail,
    /// What green is measured by.
    pub limits: Limits,
}

/// Where a shift goes.
#[derive(Clone, Debug)]
pub struct Course {
    /// Tells shifts apart.
    pub shift: String,
    /// All its steps.
    pub steps: Steps,
    /// The first of them that is still to be taken.
    pub next: usize,
    /// The share before it.
    pub from: Share,
    /// It goes on from where it was left.
    pub resumed: bool,
}

impl Course {
    /// The steps that are still to be taken.
    pub fn remaining(&self) -> &[Share] {
        self.steps.all().get(self.next..).unwrap_or_default()
    }
}

/// How a shift ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// Why, unless it was completed.
    pub because: Option<String>,
    /// Green's share after it; `None` where the levers don't agree or can't be read.
    pub green: Option<Share>,
}

/// How far back green is looked at before it gets (more) customers.
const BEFORE: Duration = Duration::from_secs(300);
/// How often a rollback that AWS doesn't take is tried again.
const ROLLBACK_TRIES: u32 = 5;

/// A shift under way.
pub struct Shift<'a> {
    mover: Mover<'a>,
    settings: Settings,
    stop: watch::Receiver<bool>,
    /// The levers as they were when last seen: whatever else they are, somebody else has done.
    seen: Live,
    /// The last entry of the history that this shift knows.
    known: u64,
    told: Option<Verdict>,
    waits_for: String,
}

/// What ends it before its last step.
enum Stopped {
    /// It stays where it is.
    Here(Outcome, String),
    /// The weights can't be read: AWS throttles, or the network is away.
    Unreadable(String),
    /// A gate failed.
    Failed(String),
    /// A write failed: nobody knows where it stands.
    Broken(aws::Error),
    /// A failback came in between.
    FailedBack,
}

impl From<aws::Error> for Stopped {
    fn from(error: aws::Error) -> Self {
        Stopped::Broken(error)
    }
}

type Step<T> = Result<Result<T, Stopped>, HistoryError>;

/// Returns early from a step that was stopped.
macro_rules! go {
    ($step:expr) => {
        match $step? {
            Ok(value) => value,
            Err(stopped) => return Ok(Err(stopped)),
        }
    };
}

impl<'a> Shift<'a> {
    /// A shift that starts from the levers as `seen`. It holds when `stop` turns true.
    pub fn new(mover: Mover<'a>, settings: Settings, seen: Live, stop: watch::Receiver<bool>) -> Self {
        Shift { mover, settings, stop, seen, known: 0, told: None, waits_for: String::new() }
    }

    /// Takes all steps of the course, or goes back, or stays where it is.
    ///
    /// # Errors
    /// The history can't be written or read. Weights that were written stay.
    pub async fn run(mut self, course: &Course) -> Result<Ended, HistoryError> {
        let started = self.mover.record(Happening::ShiftStarted {
            shift: course.shift.clone(),
            steps: course.steps.clone(),
            hold_seconds: self.settings.hold.as_secs_f64(),
            on_fail: self.settings.on_fail,
            from: course.from,
            resumed: course.resumed,
        })?;
        self.known = started.number;
        let taken = self.steps(course.remaining()).await?;
        let (outcome, because) = match taken {
            Ok(()) => (Outcome::Completed, None),
            Err(stopped) => self.stopped(stopped, course).await?,
        };
        self.end(outcome, because).await
    }

    /// All to blue, in order: the shift that stands is called off.
    pub async fn abort(mut self) -> Result<Ended, HistoryError> {
        let because = self.mover.why.clone().unwrap_or_else(|| "it was called off".to_owned());
        let (outcome, because) = match self.back(Share::BLUE, because.clone()).await? {
            Ok(()) => (Outcome::Aborted, because),
            Err(error) => (Outcome::Failed, undone(&error)),
        };
        self.end(outcome, Some(because)).await
    }

    async fn end(self, outcome: Outcome, because: Option<String>) -> Result<Ended, HistoryError> {
        let live = Live::read(self.mover.cloud, self.mover.levers).await;
        let green = live.ok().and_then(|live| live.share());
        self.mover.record(Happening::ShiftEnded { outcome, green, because: because.clone() })?;
        Ok(Ended { outcome, because, green })
    }

    async fn steps(&mut self, steps: &[Share]) -> Step<()> {
        for (number, to) in steps.iter().enumerate() {
            if *to < self.seen.least() || self.seen.gives(*to) {
                // Towards blue: nothing of green's has to be well for that.
                for lever in [Lever::Listeners, Lever::Dns] {
                    go!(self.write(lever, *to).await);
                }
                continue;
            }
            if number == 0 {
                go!(self.before().await);
            }
            go!(self.forward(*to).await);
        }
        Ok(Ok(()))
    }

    /// One step towards green.
    async fn forward(&mut self, to: Share) -> Step<()> {
        // Load balancers decide which share green serves; DNS follows when that has proved itself. Without them it decides.
        let (first, after) =
            if self.mover.levers.have_edges() { (Lever::Listeners, Some(Lever::Dns)) } else { (Lever::Dns, None) };
        let since = Timestamp::now();
        go!(self.write(first, to).await);
        go!(self.hold(to, since).await);
        if let Some(lever) = after {
            go!(self.write(lever, to).await);
        }
        let done = self.mover.record(Happening::StepDone { green: to })?;
        self.known = done.number;
        Ok(Ok(()))
    }

    /// Green has to be well before it gets customers, or more of them.
    async fn before(&mut self) -> Step<()> {
        let green = self.seen.least();
        let since = Timestamp::now() - BEFORE;
        let deadline = Instant::now() + self.settings.patience;
        self.until_fit(green, since, Instant::now(), deadline).await
    }

    /// Holds a step for its time, and longer where nothing can be said yet.
    async fn hold(&mut self, green: Share, since: Timestamp) -> Step<()> {
        self.mover.watcher.holding(green, self.settings.hold);
        self.told = None;
        let least = Instant::now() + self.settings.hold;
        self.until_fit(green, since, least, least + self.settings.patience).await
    }

    /// Looks at green again and again: at least until `least`, at most until `deadline`.
    async fn until_fit(&mut self, green: Share, since: Timestamp, least: Instant, deadline: Instant) -> Step<()> {
        loop {
            let (verdict, checks) = match self.undisturbed().await? {
                Ok(()) => {
                    let readings = signals::readings(self.mover.cloud, self.mover.levers, since).await;
                    let checks = judge(&readings, &self.settings.limits, green);
                    (self.tell(green, checks.clone())?, checks)
                }
                // What can't be read may be fine: it isn't moved, in either direction.
                Err(Stopped::Unreadable(reading)) => {
                    let verdict = Verdict::Inconclusive;
                    (verdict, vec![Check { name: "weights".to_owned(), verdict, reading }])
                }
                Err(stopped) => return Ok(Err(stopped)),
            };
            let now = Instant::now();
            match verdict {
                Verdict::Fail => return Ok(Err(Stopped::Failed(to_blame(&checks, Verdict::Fail)))),
                Verdict::Pass if now >= least => return Ok(Ok(())),
                Verdict::Inconclusive if now >= deadline => {
                    let because = format!("nothing can be said of green: {}", to_blame(&checks, Verdict::Inconclusive));
                    return Ok(Err(Stopped::Here(Outcome::Held, because)));
                }
                Verdict::Inconclusive if now >= least => self.waiting(to_blame(&checks, Verdict::Inconclusive)),
                Verdict::Pass | Verdict::Inconclusive => {}
            }
            let next = if now < least { least - now } else { deadline - now };
            let mut stop = self.stop.clone();
            tokio::select! {
                () = sleep(self.look_every().min(next)) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }

    /// Tells what it stays for, where that is news.
    fn waiting(&mut self, what: String) {
        if self.waits_for != what {
            self.mover.watcher.waiting(&what);
            self.waits_for = what;
        }
    }

    /// Puts down what became of the gates, where that is news.
    fn tell(&mut self, green: Share, checks: Vec<Check>) -> Result<Verdict, HistoryError> {
        let verdict = verdict(&checks);
        if self.told.replace(verdict) != Some(verdict) {
            let entry = self.mover.record(Happening::Gates { green, verdict, checks })?;
            self.known = entry.number;
        }
        Ok(verdict)
    }

    /// Writes, unless somebody else was there first.
    async fn write(&mut self, lever: Lever, to: Share) -> Step<()> {
        go!(self.undisturbed().await);
        match self.mover.shift(lever, &self.seen, to).await {
            Ok(()) => {}
            Err(MoveError::History(error)) => return Err(error),
            Err(MoveError::Aws(error)) => {
                // Where DNS isn't what decides, the share is right all the same: nothing has to go back.
                let stands = lever == Lever::Dns && self.mover.levers.have_edges();
                let because = || format!("the listeners give green {to}, and DNS can't be written: {}", said(&error));
                return Ok(Err(if stands { Stopped::Here(Outcome::Held, because()) } else { error.into() }));
            }
        }
        // A failback that began while this was being written has the last word.
        let superseded = go!(self.news());
        self.seen = match Live::read(self.mover.cloud, self.mover.levers).await {
            Ok(live) => live,
            Err(error) => return Ok(Err(error.into())),
        };
        if superseded { Ok(Err(Stopped::FailedBack)) } else { Ok(Ok(())) }
    }

    /// Nobody has asked it to stop, and nobody else has moved anything.
    async fn undisturbed(&mut self) -> Step<()> {
        if *self.stop.borrow() {
            return Ok(Err(Stopped::Here(Outcome::Interrupted, "Ctrl-C".to_owned())));
        }
        if go!(self.news()) {
            return Ok(Err(Stopped::FailedBack));
        }
        let live = match Live::read(self.mover.cloud, self.mover.levers).await {
            Ok(live) => live,
            Err(error) => return Ok(Err(Stopped::Unreadable(format!("they can't be read: {}", said(&error))))),
        };
        for lever in [Lever::Listeners, Lever::Dns] {
            let (from, to) = (self.seen.weights(lever).to_vec(), live.weights(lever).to_vec());
            if from != to {
                let because =
                    format!("somebody else has changed weights, from {} to {}", in_words(&from), in_words(&to));
                self.mover.record(Happening::Noticed { from, to })?;
                // The failback function, or people who did it by hand.
                let failed_back = live.gives(Share::BLUE) && !self.seen.gives(Share::BLUE);
                self.seen = live;
                let outcome = if failed_back { Outcome::FailedBack } else { Outcome::Held };
                return Ok(Err(Stopped::Here(outcome, because)));
            }
        }
        self.seen = live;
        Ok(Ok(()))
    }

    /// What others have put down since: true if a failback has begun.
    fn news(&mut self) -> Step<bool> {
        let entries = self.mover.history.after(self.known)?;
        self.known = entries.last().map_or(self.known, |entry| entry.number);
        for entry in entries.iter().filter(|entry| entry.by != *self.mover.history.by()) {
            match &entry.what {
                Happening::FailbackStarted | Happening::FailedBack { .. } => return Ok(Ok(true)),
                Happening::HoldAsked => {
                    let who = format!("{}@{} asked it to hold", entry.by.user, entry.by.host);
                    return Ok(Err(Stopped::Here(Outcome::Held, who)));
                }
                _ => {}
            }
        }
        Ok(Ok(false))
    }

    /// What becomes of a shift that was stopped.
    async fn stopped(&mut self, stopped: Stopped, course: &Course) -> Result<(Outcome, Option<String>), HistoryError> {
        let (outcome, because) = match stopped {
            Stopped::Here(outcome, because) => (outcome, because),
            Stopped::Unreadable(because) => (Outcome::Held, format!("the weights: {because}")),
            Stopped::FailedBack => {
                // Whatever this shift wrote last may have come after the failback's own writes.
                let because = "a failback came in between".to_owned();
                match self.back(Share::BLUE, because.clone()).await? {
                    Ok(()) => (Outcome::FailedBack, because),
                    Err(error) => (Outcome::Failed, undone(&error)),
                }
            }
            Stopped::Failed(because) => match self.settings.on_fail {
                OnFail::Hold => (Outcome::Held, because),
                OnFail::Rollback => self.roll_back(course.from, because).await?,
                OnFail::Blue => self.roll_back(Share::BLUE, because).await?,
            },
            Stopped::Broken(error) => self.roll_back(course.from, said(&error)).await?,
        };
        Ok((outcome, Some(because)))
    }

    async fn roll_back(&mut self, to: Share, because: String) -> Result<(Outcome, String), HistoryError> {
        let live = Live::read(self.mover.cloud, self.mover.levers).await;
        if live.is_ok_and(|live| live.gives(to)) {
            return Ok((Outcome::Refused, because));
        }
        Ok(match self.back(to, because.clone()).await? {
            Ok(()) => (Outcome::RolledBack, because),
            Err(error) => (Outcome::Failed, format!("{because}; and {}", undone(&error))),
        })
    }

    /// Towards blue, whatever the gates say: listeners first, DNS after. Tries again what AWS doesn't take.
    async fn back(&mut self, to: Share, because: String) -> Result<Result<(), aws::Error>, HistoryError> {
        self.mover.record(Happening::RollingBack { to, because })?;
        let mut tries = 0;
        loop {
            match self.back_once(to).await {
                Ok(()) => return Ok(Ok(())),
                Err(MoveError::History(error)) => return Err(error),
                Err(MoveError::Aws(error)) if tries == ROLLBACK_TRIES => return Ok(Err(error)),
                Err(MoveError::Aws(error)) => {
                    tries += 1;
                    self.mover.watcher.waiting(&format!("AWS to take the weights: {}", said(&error)));
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    async fn back_once(&self, to: Share) -> Result<(), MoveError> {
        let live = Live::read(self.mover.cloud, self.mover.levers).await?;
        self.mover.shift(Lever::Listeners, &live, to).await?;
        self.mover.shift(Lever::Dns, &live, to).await
    }

    /// How often green is looked at. Metrics come by the minute; a failback has to be noticed in seconds.
    fn look_every(&self) -> Duration {
        if self.mover.cloud.endpoint.is_sandbox() { Duration::from_millis(300) } else { Duration::from_secs(10) }
    }
}

/// An error in one line.
fn said(error: &aws::Error) -> String {
    crate::report::words::step_error(&error.clone().into())
}

fn undone(error: &aws::Error) -> String {
    format!("the weights couldn't be taken back: {}; run `provisioner failback`", said(error))
}
