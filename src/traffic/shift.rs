//! A shift: step by step towards green while green is well, back by itself when it isn't.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::event::{Check, Lever, OnFail, Outcome, TrafficEvent, Verdict, Weight, to_blame};
use super::gates::{Limits, judge, verdict};
use super::history::HistoryError;
use super::live::{Live, describe};
use super::mover::{MoveError, Mover};
use super::records::{self, IN_SYNC, may_pass, never_in_sync};
use super::share::{Share, Steps};
use super::signals;
use crate::aws::{self, Class};
use crate::state::Guard;

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
pub struct ShiftPlan {
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

impl ShiftPlan {
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
/// How long it tries to take back what AWS doesn't let it take back, and to read what AWS doesn't tell.
const PERSISTENCE: Duration = Duration::from_secs(60);

/// A shift under way.
pub struct Shift<'a> {
    mover: Mover<'a>,
    settings: Settings,
    stop: watch::Receiver<bool>,
    /// What keeps other shifts away.
    lock: Option<&'a dyn Guard>,
    /// The levers as they were when last seen: whatever else they are, somebody else has done.
    seen: Live,
    /// The last entry of the history that was looked at.
    known: u64,
    /// It takes all to blue: that doesn't hang on a history.
    to_blue: bool,
    began: Timestamp,
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
    /// A shift that starts from the levers as `seen`, which were read after the history's entry `known`. It holds when `stop`
    /// turns true.
    pub fn new(mover: Mover<'a>, settings: Settings, seen: Live, known: u64, stop: watch::Receiver<bool>) -> Self {
        let (began, told, waits_for) = (Timestamp::now(), None, String::new());
        Shift { mover, settings, stop, lock: None, seen, known, to_blue: false, began, told, waits_for }
    }

    /// The same, as long as this lock is held.
    pub fn under(self, lock: Option<&'a dyn Guard>) -> Self {
        Shift { lock, ..self }
    }

    /// Takes all steps of the plan, or goes back, or stays where it is.
    ///
    /// # Errors
    /// The history can't be written or read. Weights that were written stay.
    pub async fn run(mut self, plan: &ShiftPlan) -> Result<Ended, HistoryError> {
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
            self.mover.note(started).await;
        } else {
            self.mover.record(started).await?;
        }
        let taken = self.steps(plan).await?;
        let (outcome, because) = match taken {
            Ok(()) => (Outcome::Completed, None),
            Err(stopped) => self.stopped(stopped, plan).await,
        };
        self.end(outcome, because).await
    }

    /// All to blue, in order: the shift that stands is called off.
    pub async fn abort(mut self) -> Result<Ended, HistoryError> {
        let because = self.mover.why.clone().unwrap_or_else(|| "it was called off".to_owned());
        let (outcome, because) = match self.back(Share::BLUE, because.clone()).await {
            Ok(left) => (Outcome::Aborted, with(because, left)),
            Err(error) => (Outcome::Failed, undone(&error)),
        };
        self.end(outcome, Some(because)).await
    }

    async fn end(self, outcome: Outcome, because: Option<String>) -> Result<Ended, HistoryError> {
        let live = Live::read(self.mover.cloud, self.mover.levers).await;
        let green = live.ok().and_then(|live| live.share());
        self.mover.note(TrafficEvent::ShiftEnded { outcome, green, because: because.clone() }).await;
        Ok(Ended { outcome, because, green })
    }

    async fn steps(&mut self, plan: &ShiftPlan) -> Step<()> {
        for (number, to) in plan.remaining().iter().enumerate() {
            if *to == Share::BLUE || (*to <= self.seen.least() && !self.seen.gives_at_most(*to)) {
                go!(self.down(*to).await);
                continue;
            }
            // One that was begun before is held for its time, whatever stands of it.
            if self.seen.gives(*to) && !plan.resumed {
                continue;
            }
            go!(self.before(number == 0).await);
            go!(self.forward(*to).await);
        }
        Ok(Ok(()))
    }

    /// One step towards blue: nothing of green's has to be well for that.
    async fn down(&mut self, to: Share) -> Step<()> {
        go!(self.undisturbed(None).await);
        match self.lowered(to).await {
            Ok(None) => {}
            Ok(Some(left)) => return Ok(Err(Stopped::Here(Outcome::Held, left))),
            Err(error) => return Ok(Err(Stopped::Here(Outcome::Failed, undone(&error)))),
        }
        self.look_again(|_, now| now.iter().all(|weight| weight.is_at_most(to))).await
    }

    /// One step towards green.
    async fn forward(&mut self, to: Share) -> Step<()> {
        let since = Timestamp::now();
        // Load balancers decide which share green serves; DNS follows when that has proved itself. Without them it decides.
        if self.mover.levers.have_edges() {
            go!(self.write_listeners(to).await);
            go!(self.hold(to, since).await);
            go!(self.write_dns(to, since).await);
        } else {
            go!(self.write_dns(to, since).await);
            go!(self.hold(to, since).await);
        }
        self.mover.record(TrafficEvent::StepDone { green: to }).await?;
        Ok(Ok(()))
    }

    /// Green has to be well before it gets customers, or more of them.
    async fn before(&mut self, first: bool) -> Step<()> {
        let green = self.seen.most();
        let recent = Timestamp::now() - BEFORE;
        // What it was like before this shift says nothing of the step that has just been held.
        let since = if first { recent } else { recent.max(self.began) };
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
            let (verdict, checks) = go!(self.look(green, since, None).await);
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
            self.pause(self.look_every().min(if now < least { least - now } else { deadline - now })).await;
        }
    }

    /// One look at green, and at who else is there. The weights of the lever that is being written aren't looked at.
    async fn look(&mut self, green: Share, since: Timestamp, writing: Option<Lever>) -> Step<(Verdict, Vec<Check>)> {
        let unreadable = match self.undisturbed(writing).await? {
            Ok(()) => None,
            Err(Stopped::Unreadable(reading)) => Some(reading),
            Err(stopped) => return Ok(Err(stopped)),
        };
        let readings = signals::readings(self.mover.cloud, self.mover.levers, since).await;
        let mut checks = judge(&readings, &self.settings.limits, green);
        // Weights that can't be read may be fine: for that alone nothing is moved, in either direction.
        let verdict = Verdict::Inconclusive;
        checks.extend(unreadable.map(|reading| Check { name: "weights".to_owned(), verdict, reading }));
        Ok(Ok((self.tell(green, checks.clone()).await?, checks)))
    }

    /// Waits, but not longer than nobody asks it to stop.
    async fn pause(&self, time: Duration) {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = sleep(time) => {}
            _ = stop.wait_for(|stop| *stop) => {}
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
    async fn tell(&mut self, green: Share, checks: Vec<Check>) -> Result<Verdict, HistoryError> {
        let verdict = verdict(&checks);
        if self.told.replace(verdict) != Some(verdict) {
            let gates = TrafficEvent::Gates { green, verdict, checks };
            match verdict {
                // It goes back, whatever a disk says.
                Verdict::Fail => self.mover.note(gates).await,
                Verdict::Pass | Verdict::Inconclusive => drop(self.mover.record(gates).await?),
            }
        }
        Ok(verdict)
    }

    /// Writes, unless somebody else was there first.
    async fn write_listeners(&mut self, to: Share) -> Step<()> {
        go!(self.undisturbed(None).await);
        match self.mover.listeners(&self.seen, to).await {
            Ok(()) => self.written(Lever::Listeners, to).await,
            Err(MoveError::History(error)) => Err(error),
            Err(MoveError::Aws(error)) => Ok(Err(Stopped::Broken(error))),
        }
    }

    /// Writes, unless somebody else was there first, and looks at green until all of Route 53's servers know it.
    async fn write_dns(&mut self, to: Share, since: Timestamp) -> Step<()> {
        go!(self.undisturbed(None).await);
        match self.submitted_dns(to, since).await? {
            Ok(()) => self.written(Lever::Dns, to).await,
            // Where DNS isn't what decides, the share is right all the same: nothing has to go back.
            Err(Stopped::Broken(error)) if self.mover.levers.have_edges() => {
                let because = format!("the listeners give green {to}, and DNS can't be written: {}", said(&error));
                Ok(Err(Stopped::Here(Outcome::Held, because)))
            }
            Err(stopped) => Ok(Err(stopped)),
        }
    }

    async fn submitted_dns(&mut self, to: Share, since: Timestamp) -> Step<()> {
        macro_rules! moved {
            ($moved:expr) => {
                match $moved {
                    Ok(value) => value,
                    Err(MoveError::History(error)) => return Err(error),
                    Err(MoveError::Aws(error)) => return Ok(Err(Stopped::Broken(error))),
                }
            };
        }
        let submitted = moved!(self.mover.submit_dns(&self.seen, to).await);
        let (deadline, mut next_look) = (Instant::now() + IN_SYNC, Instant::now() + self.look_every());
        if let Some(submitted) = &submitted {
            loop {
                match records::is_in_sync(self.mover.cloud, submitted).await {
                    Ok(true) => break,
                    Err(error) if !may_pass(&error) => return Ok(Err(Stopped::Broken(error))),
                    _ if Instant::now() > deadline => return Ok(Err(Stopped::Broken(never_in_sync()))),
                    Ok(false) | Err(_) => self.pause(self.mover.pause() * 3).await,
                }
                if Instant::now() >= next_look || *self.stop.borrow() {
                    let (verdict, checks) = go!(self.look(to, since, Some(Lever::Dns)).await);
                    if verdict == Verdict::Fail {
                        return Ok(Err(Stopped::Failed(to_blame(&checks, verdict))));
                    }
                    next_look = Instant::now() + self.look_every();
                }
            }
        }
        moved!(self.mover.dns_written(to, submitted).await);
        Ok(Ok(()))
    }

    /// Sees that a lever is as written, and the other as it was.
    async fn written(&mut self, lever: Lever, to: Share) -> Step<()> {
        let before = self.seen.clone();
        let is_right = move |of: Lever, now: &[Weight]| match of == lever {
            true => now.iter().all(|weight| weight.is(to)),
            false => is_as_before(&before, of, now),
        };
        self.look_again(is_right).await
    }

    /// Sees what was written. A failback that began meanwhile has the last word.
    async fn look_again(&mut self, is_right: impl Fn(Lever, &[Weight]) -> bool) -> Step<()> {
        if go!(self.news().await) {
            return Ok(Err(Stopped::FailedBack));
        }
        let deadline = Instant::now() + PERSISTENCE;
        loop {
            match Live::read(self.mover.cloud, self.mover.levers).await {
                Ok(live) => return Ok(self.accept(live, is_right).await),
                Err(error) if Instant::now() > deadline || *self.stop.borrow() => return Ok(Err(unreadable(&error))),
                Err(_) => self.pause(self.mover.pause()).await,
            }
        }
    }

    /// Nobody has asked it to stop, and nobody else has moved anything but the lever that is being written.
    async fn undisturbed(&mut self, writing: Option<Lever>) -> Step<()> {
        if *self.stop.borrow() {
            return Ok(Err(Stopped::Here(Outcome::Interrupted, "Ctrl-C".to_owned())));
        }
        if go!(self.news().await) {
            return Ok(Err(Stopped::FailedBack));
        }
        if let Some(lock) = self.lock
            && let Err(error) = lock.check().await
        {
            return Ok(Err(Stopped::Here(Outcome::Held, error.to_string())));
        }
        let live = match Live::read(self.mover.cloud, self.mover.levers).await {
            Ok(live) => live,
            Err(error) => return Ok(Err(unreadable(&error))),
        };
        let before = self.seen.clone();
        Ok(self.accept(live, |of, now| Some(of) == writing || is_as_before(&before, of, now)).await)
    }

    /// Takes the levers as they are for those that are known, unless somebody else has moved them.
    async fn accept(&mut self, live: Live, is_right: impl Fn(Lever, &[Weight]) -> bool) -> Result<(), Stopped> {
        let live = live.or_name_of(&self.seen);
        let wrong = [Lever::Listeners, Lever::Dns].into_iter().find(|lever| !is_right(*lever, live.weights(*lever)));
        let before = std::mem::replace(&mut self.seen, live);
        let Some(lever) = wrong else { return Ok(()) };
        let (from, to) = (before.weights(lever).to_vec(), self.seen.weights(lever).to_vec());
        let because = format!("somebody else has changed weights, from {} to {}", describe(&from), describe(&to));
        self.mover.note(TrafficEvent::ExternalChange { from, to }).await;
        // The failback function, or people who did it by hand.
        let is_blue = |live: &Live| live.deciding().iter().all(|weight| weight.is(Share::BLUE));
        let outcome = if is_blue(&self.seen) && !is_blue(&before) { Outcome::FailedBack } else { Outcome::Held };
        Err(Stopped::Here(outcome, because))
    }

    /// What others have put down since: true if a failback has begun.
    async fn news(&mut self) -> Step<bool> {
        let entries = match self.mover.history.after(self.known).await {
            Err(_) if self.to_blue => Vec::new(),
            entries => entries?,
        };
        self.known = entries.last().map_or(self.known, |entry| entry.number);
        let others: Vec<_> = entries.iter().filter(|entry| entry.by != *self.mover.history.by()).collect();
        let fails_back =
            |what: &TrafficEvent| matches!(what, TrafficEvent::FailbackStarted | TrafficEvent::FailedBack { .. });
        // Before whatever else is asked for.
        if others.iter().any(|entry| fails_back(&entry.what)) {
            return Ok(Ok(true));
        }
        if let Some(entry) = others.iter().find(|entry| matches!(entry.what, TrafficEvent::HoldAsked)) {
            let who = format!("{}@{} asked it to hold", entry.by.user, entry.by.host);
            return Ok(Err(Stopped::Here(Outcome::Held, who)));
        }
        Ok(Ok(false))
    }

    /// What becomes of a shift that was stopped.
    async fn stopped(&mut self, stopped: Stopped, plan: &ShiftPlan) -> (Outcome, Option<String>) {
        let from = plan.remaining().first().map_or(plan.from, |first| plan.from.min(*first));
        let (outcome, because) = match stopped {
            Stopped::Here(outcome, because) => (outcome, because),
            Stopped::Unreadable(because) => (Outcome::Held, format!("the weights: {because}")),
            Stopped::FailedBack => self.give_in().await,
            Stopped::Failed(because) => match self.settings.on_fail {
                OnFail::Hold => (Outcome::Held, because),
                OnFail::Rollback => self.roll_back(from, because).await,
                OnFail::Blue => self.roll_back(Share::BLUE, because).await,
            },
            Stopped::Broken(error) => self.roll_back(from, said(&error)).await,
        };
        (outcome, Some(because))
    }

    /// A failback has the last word: whatever this shift wrote last may have come after its own writes.
    async fn give_in(&mut self) -> (Outcome, String) {
        let because = "a failback came in between".to_owned();
        match self.back(Share::BLUE, because.clone()).await {
            Ok(left) => (Outcome::FailedBack, with(because, left)),
            Err(error) => (Outcome::Failed, undone(&error)),
        }
    }

    async fn roll_back(&mut self, to: Share, because: String) -> (Outcome, String) {
        if matches!(self.news().await, Ok(Ok(true))) {
            return self.give_in().await;
        }
        let live = Live::read(self.mover.cloud, self.mover.levers).await;
        if live.is_ok_and(|live| live.gives_at_most(to)) {
            return (Outcome::Refused, because);
        }
        match self.back(to, because.clone()).await {
            Ok(left) => (Outcome::RolledBack, with(because, left)),
            Err(error) => (Outcome::Failed, format!("{because}; and {}", undone(&error))),
        }
    }

    /// Towards blue, whatever the gates and the history say. Gives what is left to do, where that doesn't decide who serves
    /// the customers.
    async fn back(&mut self, to: Share, because: String) -> aws::Result<Option<String>> {
        self.mover.note(TrafficEvent::RollingBack { to, because }).await;
        self.lowered(to).await
    }

    /// Listeners first, DNS after. Tries again what AWS doesn't take.
    async fn lowered(&self, to: Share) -> aws::Result<Option<String>> {
        self.persistently(async || self.mover.lower_listeners(to).await).await?;
        match self.persistently(async || self.mover.lower_dns(to).await).await {
            Err(error) if self.mover.levers.have_edges() => Ok(Some(format!("DNS can't be written: {}", said(&error)))),
            lowered => lowered.map(|()| None),
        }
    }

    async fn persistently(&self, attempt: impl AsyncFn() -> aws::Result<()>) -> aws::Result<()> {
        let deadline = Instant::now() + PERSISTENCE;
        loop {
            match attempt().await {
                Err(error) if Instant::now() < deadline && is_worth_another_try(&error) => {
                    self.mover.watcher.waiting(&format!("AWS to take the weights: {}", said(&error)));
                    sleep(self.mover.pause()).await;
                }
                done => return done,
            }
        }
    }

    /// How often green is looked at. Metrics come by the minute; a failback has to be noticed in seconds.
    fn look_every(&self) -> Duration {
        if self.mover.cloud.endpoint.is_sandbox() { Duration::from_millis(300) } else { Duration::from_secs(10) }
    }
}

/// A lever is as it was seen before; of a name that couldn't be read then anything is.
fn is_as_before(before: &Live, lever: Lever, now: &[Weight]) -> bool {
    before.weights(lever) == now || (lever == Lever::Dns && before.weights(lever).is_empty())
}

/// An error in one line.
fn said(error: &aws::Error) -> String {
    crate::report::words::step_error(&error.clone().into())
}

fn undone(error: &aws::Error) -> String {
    format!("the weights couldn't be taken back: {}; run `provisioner failback`", said(error))
}

/// AWS may take it later; or somebody else wrote at the same moment, or writes still.
fn is_worth_another_try(error: &aws::Error) -> bool {
    may_pass(error) || error.class == Class::Local || error.is_code("InvalidChangeBatch")
}

fn unreadable(error: &aws::Error) -> Stopped {
    Stopped::Unreadable(format!("they can't be read: {}", said(error)))
}

/// With what is left to do.
fn with(because: String, left: Option<String>) -> String {
    [Some(because), left].into_iter().flatten().collect::<Vec<_>>().join("; ")
}
