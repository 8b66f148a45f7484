mod dry_run;
mod flags;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use dialoguer::Confirm;
use jiff::SignedDuration;
use serde_json::json;

use super::apply::stop_on_ctrl_c;
use super::context::{Connection, Context};
use super::failure::Failure;
use super::{FAILED, Globals, HELD, INTERRUPTED, Outcome, progress, traffic_output};
use crate::engine::Event;
use crate::report::{traffic_events, words};
use crate::state::{Guard, State, StateError, random_hex};
use crate::traffic::Levers;
use crate::traffic::event::{OnFail, Outcome as End};
use crate::traffic::history::{Actor, ExpectedWeights, History, UnfinishedShift};
use crate::traffic::limits::Limits;
use crate::traffic::live::LiveWeights;
use crate::traffic::mover::Mover;
use crate::traffic::share::{Share, Steps};
use crate::traffic::shift::{Settings, Shift as Run, ShiftPlan, ShiftResult};
use crate::traffic::weight::{LeverKind, describe};

pub use flags::duration;

/// `provisioner shift`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  provisioner shift --suffix dev1 --green 30\n  provisioner shift --suffix dev1 --steps \
                        5,25,50,100 --hold 5m\n  provisioner shift --suffix dev1 --abort\n\nExit codes: 0 if green has the \
                        requested share, 1 if the shift was refused or rolled back, 3 if it holds and waits for a decision, \
                        130 after Ctrl-C, which holds too."
)]
pub struct Shift {
    /// A single step: green's share of the requests in percent
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, conflicts_with = "steps")]
    green: Option<Share>,
    /// Several steps, one after the other [default: shift.steps in the configuration]
    #[arg(long, value_name = "PERCENT,…", allow_hyphen_values = true)]
    steps: Option<Steps>,
    /// How long to hold each step and check the gates: 90s, 5m [default: shift.hold]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    hold: Option<Duration>,
    /// How long to wait for an inconclusive gate [default: shift.patience]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    patience: Option<Duration>,
    /// What to do if a gate fails [default: shift.on_fail]
    #[arg(long, value_enum, value_name = "WHAT")]
    on_fail: Option<OnFail>,
    /// Continue the unfinished shift
    #[arg(long, conflicts_with_all = ["green", "steps", "abort"])]
    resume: bool,
    /// Abort the unfinished shift: all traffic to blue
    #[arg(long, conflicts_with_all = ["green", "steps"])]
    abort: bool,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Check the gates and print the calls that would be made, without writing
    #[arg(long)]
    dry_run: bool,
    /// Don't ask for confirmation
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    limits: flags::LimitFlags,
}

impl Shift {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let context = Context::load(globals).await?.urgent();
        let connection = context.connect(context.observer()).await?;
        let levers = existing_levers(&context, &connection)?;
        let cloud = &connection.shared.cloud;
        connection.shared.observer.on(Event::Ended);
        // A dry run writes nothing, so it needs no lock.
        let lock = match self.dry_run {
            true => None,
            false => Some(lock(&context).await?),
        };
        let by = Actor::this_process("provisioner shift", Some(connection.caller.clone()));
        let history = History::at(context.store.history(context.suffix.as_ref()), by);
        let entries = match history.entries().await {
            // Moving all traffic to blue must work without a history.
            Err(error) if self.abort || self.green == Some(Share::BLUE) => {
                progress::note(&error.to_string());
                Vec::new()
            }
            entries => entries?,
        };
        let known = entries.last().map_or(0, |entry| entry.number);
        let unfinished = UnfinishedShift::from_history(&entries);
        let expected = ExpectedWeights::from_history(&entries);
        let live = LiveWeights::read(cloud, &levers).await?;
        let plan = self.plan(&context, &live, unfinished.as_ref(), &expected)?;
        let settings = self.settings(&context, unfinished.as_ref().filter(|_| self.resume));
        if self.dry_run {
            return dry_run::run(&connection, &levers, &live, plan.as_ref(), &settings).await;
        }
        if plan.is_none() && unfinished.is_none() && live.is_at(Share::BLUE) {
            eprintln!("nothing to abort: there is no unfinished shift, and all traffic is at blue");
            return Ok(ExitCode::SUCCESS);
        }
        if let (Some(unfinished), Some(ShiftPlan { resumed: false, .. })) = (&unfinished, &plan) {
            progress::note(&format!("this shift supersedes the unfinished shift to {}", unfinished.steps));
        }
        if !self.is_confirmed(globals, &live, plan.as_ref())? {
            return Err(Failure::new("nothing was changed", "the shift was not confirmed"));
        }
        let observer = traffic_output::observer(globals.json);
        let former_reason = unfinished.as_ref().filter(|_| self.resume).and_then(|shift| shift.reason.clone());
        let reason = self.reason.clone().or(former_reason);
        let mover = Mover { cloud, levers: &levers, history: &history, observer: observer.as_ref(), reason };
        record_external_changes(&mover, &live, &expected).await;
        let run = Run::new(mover, settings, live, known, stop_on_ctrl_c(&connection)).with_lock(lock.as_deref());
        let result = match &plan {
            Some(plan) => run.run(plan).await?,
            None => run.abort().await,
        };
        drop(observer);
        print_result(&context, &connection, &result, start);
        Ok(exit_code(result.outcome))
    }

    /// The settings of the configuration, or of the shift to resume, overridden by flags.
    fn settings(&self, context: &Context, resumed: Option<&UnfinishedShift>) -> Settings {
        let configured = context.system.shift();
        let time = |time: SignedDuration| Duration::try_from(time).unwrap_or_default();
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let hold = resumed.map_or(time(configured.hold), |shift| seconds(shift.hold_seconds));
        let patience = resumed.and_then(|shift| shift.patience_seconds).map_or(time(configured.patience), seconds);
        let on_fail = resumed.map_or(configured.on_fail, |shift| shift.on_fail);
        let limits = match resumed {
            // The recorded limits of a shift include the flags of its first run.
            Some(UnfinishedShift { limits: Some(limits), .. }) => *limits,
            _ => Limits::from(configured),
        };
        Settings {
            hold: self.hold.unwrap_or(hold),
            patience: self.patience.unwrap_or(patience),
            on_fail: self.on_fail.unwrap_or(on_fail),
            limits: self.limits.over(limits),
        }
    }

    /// The steps to take; `None` for an abort.
    fn plan(
        &self,
        context: &Context,
        live: &LiveWeights,
        unfinished: Option<&UnfinishedShift>,
        expected: &ExpectedWeights,
    ) -> Result<Option<ShiftPlan>, Failure> {
        if self.abort {
            return Ok(None);
        }
        if self.resume {
            return resumed_plan(context, live, unfinished, expected).map(Some);
        }
        let steps = match (self.green, &self.steps) {
            (Some(green), _) => Steps::one(green),
            (None, Some(steps)) => steps.clone(),
            (None, None) => context.system.shift().steps()?,
        };
        let from = live.min_share();
        if self.green.is_none() && from > steps.target() {
            return Err(Failure::new(
                format!("green's share of {from} is larger than all steps: {steps}"),
                format!(
                    "`{}` reduces it, without gates",
                    context.command(&format!("shift --green {}", steps.target().percent()))
                ),
            ));
        }
        // Steps that green's share has reached already are skipped.
        let next = match self.green {
            Some(_) => 0,
            None => steps.all().iter().position(|step| *step > from).unwrap_or(steps.all().len().saturating_sub(1)),
        };
        Ok(Some(ShiftPlan { shift: random_hex(), steps, next, from, resumed: false }))
    }

    fn is_confirmed(&self, globals: &Globals, live: &LiveWeights, plan: Option<&ShiftPlan>) -> Result<bool, Failure> {
        let terminal = console::Term::stderr().is_term() && console::user_attended();
        if self.yes || globals.sandbox || globals.json || !terminal {
            return Ok(true);
        }
        eprintln!("now: {}", describe(live.deciding()));
        let question = match plan {
            Some(plan) => {
                let steps: Vec<_> = plan.remaining().iter().map(Share::to_string).collect();
                format!("Give green {} of the live traffic?", steps.join(", then "))
            }
            None => "Abort the shift, and move all live traffic to blue?".to_owned(),
        };
        let answer = Confirm::new().with_prompt(question).default(false).interact();
        answer.map_err(|error| Failure::new(error.to_string(), "give --yes to confirm in advance"))
    }
}

/// The remaining steps of the unfinished shift.
fn resumed_plan(
    context: &Context,
    live: &LiveWeights,
    unfinished: Option<&UnfinishedShift>,
    expected: &ExpectedWeights,
) -> Result<ShiftPlan, Failure> {
    let Some(unfinished) = unfinished else {
        return Err(Failure::new(
            "there is no shift to resume",
            format!(
                "`{}` shows past shifts; `{}` starts one",
                context.command("history"),
                context.command("shift --green 30")
            ),
        ));
    };
    if unfinished.rolling_back {
        return Err(Failure::new(
            "can't resume the shift: it was rolling back",
            format!(
                "`{}` completes the rollback to blue; `shift --green` starts a new shift from the actual weights",
                context.command("shift --abort")
            ),
        ));
    }
    let changed = expected.differing(LeverKind::ALL.iter().flat_map(|kind| live.weights(*kind)));
    if unfinished.changed_externally || !changed.is_empty() {
        let changed = if changed.is_empty() { live.deciding() } else { &changed };
        return Err(Failure::new(
            format!("can't resume the shift: weights were changed outside provisioner: {}", describe(changed)),
            format!(
                "`{}` or `shift --abort` moves all traffic to blue; `shift --green` starts a new shift from the actual weights",
                context.command("failback")
            ),
        ));
    }
    let steps = unfinished.steps.clone();
    let is_next = |step: &Share| unfinished.done.is_none_or(|done| *step > done);
    let next = steps.all().iter().position(is_next).unwrap_or(steps.all().len());
    Ok(ShiftPlan { shift: unfinished.shift.clone(), steps, next, from: unfinished.from, resumed: true })
}

/// Takes the lock against other shifts and applies.
async fn lock(context: &Context) -> Result<Box<dyn Guard>, Failure> {
    context.store.lock(context.suffix.as_ref(), "provisioner shift").await.map_err(|error| match error {
        StateError::Locked { holder, .. } => Failure::new(
            format!("another run has locked the deployment: {holder}"),
            format!(
                "end it with Ctrl-C; `{}` shows a shift and can hold it; `{}` works without the lock",
                context.command("watch"),
                context.command("failback")
            ),
        ),
        error => error.into(),
    })
}

/// Records external changes since the last entry of the history.
async fn record_external_changes(mover: &Mover<'_>, live: &LiveWeights, expected: &ExpectedWeights) {
    for kind in LeverKind::ALL {
        if let Some(event) = expected.external_change(live.weights(kind)) {
            mover.try_record(event).await;
        }
    }
}

/// The levers of the state, all of which must exist.
fn existing_levers(context: &Context, connection: &Connection) -> Result<Levers, Failure> {
    let Some(levers) = connection.levers()? else {
        let state = connection.state.as_ref().filter(|state| !state.steps.is_empty());
        let apply = context.command("apply");
        return Err(match state {
            Some(State { system, .. }) => Failure::new(
                format!("the state of {} contains no levers, so its traffic can't be moved", context.suffix),
                format!("if {system} has blue and green environments, run `{apply}` first; nothing was changed"),
            ),
            None => no_levers(context),
        });
    };
    let missing = levers.missing();
    if missing.is_empty() {
        return Ok(levers);
    }
    let advice = format!("complete `{}` first", context.command("apply"));
    Err(Failure::new(format!("these levers don't exist: {}", missing.join(", ")), advice))
}

/// The error of commands that need levers, without a state.
pub fn no_levers(context: &Context) -> Failure {
    Failure::new(
        format!("the levers of {} are unknown: there is no state of an applied system", context.suffix),
        format!("run `{}` first, or give the place of the state with --state", context.command("apply")),
    )
}

fn print_result(context: &Context, connection: &Connection, result: &ShiftResult, start: Instant) {
    let (calls, seconds) = (connection.api_calls(), start.elapsed());
    if context.json() {
        progress::print_json(&json!({
            "type": "summary", "outcome": result.outcome, "green": result.green, "because": result.because,
            "api_calls": calls, "seconds": seconds.as_secs_f64(),
        }));
        return;
    }
    let because = result.because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
    eprintln!(
        "{}{because}; {}; {calls} API calls, {}",
        traffic_events::outcome_name(result.outcome),
        traffic_events::green_share(result.green),
        words::duration(seconds)
    );
    if matches!(result.outcome, End::Held | End::Interrupted) {
        eprintln!("    → continue: {}", context.command("shift --resume"));
        eprintln!("    → all traffic to blue: {}", context.command("shift --abort"));
    }
}

fn exit_code(outcome: End) -> ExitCode {
    match outcome {
        End::Completed | End::Aborted => ExitCode::SUCCESS,
        End::Held => ExitCode::from(HELD),
        End::Interrupted => ExitCode::from(INTERRUPTED),
        End::Refused | End::RolledBack | End::FailedBack | End::Failed => ExitCode::from(FAILED),
    }
}
