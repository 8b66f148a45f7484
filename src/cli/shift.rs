use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use dialoguer::Confirm;
use jiff::SignedDuration;
use serde_json::json;

use super::apply::stop_on_ctrl_c;
use super::context::{Connection, Context};
use super::failure::Failure;
use super::say::say;
use super::watcher::watcher;
use super::{FAILED, Globals, HELD, INTERRUPTED, Outcome, progress};
use crate::engine::Event;
use crate::report::{traffic_events, words};
use crate::state::{Guard, State, StateError, random_hex};
use crate::traffic::event::{Lever, OnFail, Outcome as End, TrafficEvent, Verdict, Weight};
use crate::traffic::gates::{Limits, judge, verdict};
use crate::traffic::history::{By, History, LastSeen, Unfinished, last_seen, lever_of, unfinished};
use crate::traffic::live::{Live, describe};
use crate::traffic::mover::Mover;
use crate::traffic::picture::unexpected;
use crate::traffic::share::{Share, Steps};
use crate::traffic::shift::{Ended, Settings, Shift as Run, ShiftPlan};
use crate::traffic::{Levers, signals};

/// `provisioner shift`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  provisioner shift --suffix dev1 --green 30\n  provisioner shift --suffix dev1 --steps \
                        5,25,50,100 --hold 5m\n  provisioner shift --suffix dev1 --abort\n\nIt ends with 0 when green has \
                        what was asked for, 1 when it was refused or went back, 3 when it holds for you to decide, 130 \
                        after Ctrl-C, which holds too."
)]
pub struct Shift {
    /// One step: green's share of the requests in percent
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, conflicts_with = "steps")]
    green: Option<Share>,
    /// Several steps, one after the other [default: shift.steps of the configuration]
    #[arg(long, value_name = "PERCENT,…", allow_hyphen_values = true)]
    steps: Option<Steps>,
    /// How long each step is held and watched: 90s, 5m [default: shift.hold]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    hold: Option<Duration>,
    /// How long to stay and look again while nothing can be said of green [default: shift.patience]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    patience: Option<Duration>,
    /// What to do when green isn't well [default: shift.on_fail]
    #[arg(long, value_enum, value_name = "WHAT")]
    on_fail: Option<OnFail>,
    /// Go on with the shift that was left half done
    #[arg(long, conflicts_with_all = ["green", "steps", "abort"])]
    resume: bool,
    /// Call off the shift that was left half done: all to blue
    #[arg(long, conflicts_with_all = ["green", "steps"])]
    abort: bool,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Say what would be done, and look at green, but write nothing
    #[arg(long)]
    dry_run: bool,
    /// Don't ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    limits: LimitFlags,
}

/// What green is measured by, unless the configuration's `[shift]` is to decide.
#[derive(Debug, Args)]
#[command(next_help_heading = "What green is measured by [default: the configuration's, of the same name]")]
struct LimitFlags {
    /// The requests that it takes to judge green; 0 also passes a green that has none
    #[arg(long, value_name = "N")]
    least_requests: Option<u64>,
    /// The most of green's requests that may fail
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    max_error_percent: Option<f64>,
    /// How much more of them may fail than of blue's
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    error_margin_percent: Option<f64>,
    /// What 99 of 100 requests of green may take at most
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    max_latency_ms: Option<f64>,
    /// How many times what blue's take
    #[arg(long, value_name = "TIMES", value_parser = times)]
    latency_factor: Option<f64>,
    /// And how much on top of that
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    latency_slack_ms: Option<f64>,
    /// How many of green's targets have to be healthy, on each load balancer
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    least_healthy_percent: Option<u8>,
}

impl LimitFlags {
    /// The flags above the configuration's.
    fn over(&self, configured: Limits) -> Limits {
        Limits {
            least_requests: self.least_requests.unwrap_or(configured.least_requests),
            max_error_percent: self.max_error_percent.unwrap_or(configured.max_error_percent),
            error_margin_percent: self.error_margin_percent.unwrap_or(configured.error_margin_percent),
            max_latency_ms: self.max_latency_ms.unwrap_or(configured.max_latency_ms),
            latency_factor: self.latency_factor.unwrap_or(configured.latency_factor),
            latency_slack_ms: self.latency_slack_ms.unwrap_or(configured.latency_slack_ms),
            least_healthy_percent: self.least_healthy_percent.unwrap_or(configured.least_healthy_percent),
        }
    }
}

impl Shift {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let context = Context::load(globals).await?.urgent();
        let settings = self.settings(&context);
        let connection = context.connect(context.observer()).await?;
        let levers = standing_levers(&context, &connection)?;
        let cloud = &connection.shared.cloud;
        connection.shared.observer.on(Event::Ended);
        // A dry run writes nothing, so it needs no lock.
        let lock = match self.dry_run {
            true => None,
            false => Some(lock(&context).await?),
        };
        let by = By::this_process("provisioner shift", Some(connection.caller.clone()));
        let history = History::at(context.store.history(context.suffix.as_ref()), by);
        let entries = match history.entries().await {
            // All to blue doesn't hang on a history.
            Err(error) if self.abort || self.green == Some(Share::BLUE) => {
                progress::note(&error.to_string());
                Vec::new()
            }
            entries => entries?,
        };
        let known = entries.last().map_or(0, |entry| entry.number);
        let before = unfinished(&entries);
        let live = Live::read(cloud, &levers).await?;
        let plan = self.plan(&context, &live, before.as_ref(), &last_seen(&entries))?;
        let settings = match (&before, self.resume) {
            (Some(before), true) => self.resumed(settings, before),
            _ => settings,
        };
        if self.dry_run {
            return self.rehearse(&connection, &levers, &live, plan.as_ref(), &settings).await;
        }
        if plan.is_none() && before.is_none() && live.gives(Share::BLUE) {
            eprintln!("there is nothing to call off: no shift was left half done, and all traffic is at blue");
            return Ok(ExitCode::SUCCESS);
        }
        if let (Some(before), Some(ShiftPlan { resumed: false, .. })) = (&before, &plan) {
            progress::note(&format!("the shift to {} that was left half done is given up for this one", before.steps));
        }
        if !self.agreed(globals, &live, plan.as_ref())? {
            return Err(Failure::new("nothing was changed", "the shift was not agreed to"));
        }
        let watcher = watcher(globals.json);
        let why = self.reason.clone().or_else(|| before.as_ref().filter(|_| self.resume)?.why.clone());
        let mover = Mover { cloud, levers: &levers, history: &history, watcher: watcher.as_ref(), why };
        notice(&mover, &live, &last_seen(&entries)).await;
        let run = Run::new(mover, settings, live, known, stop_on_ctrl_c(&connection)).under(lock.as_deref());
        let ended = match &plan {
            Some(plan) => run.run(plan).await?,
            None => run.abort().await?,
        };
        drop(watcher);
        Ok(end(globals, &context, &connection, &ended, start))
    }

    /// The configuration's, with the flags above them.
    fn settings(&self, context: &Context) -> Settings {
        let configured = context.system.shift();
        let time = |time: SignedDuration| Duration::try_from(time).unwrap_or_default();
        Settings {
            hold: self.hold.unwrap_or(time(configured.hold)),
            patience: self.patience.unwrap_or(time(configured.patience)),
            on_fail: self.on_fail.unwrap_or(configured.on_fail),
            limits: self.limits.over(Limits::from(configured)),
        }
    }

    /// A shift that goes on does so the way it began, unless flags say otherwise.
    fn resumed(&self, settings: Settings, before: &Unfinished) -> Settings {
        let time = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let patience = before.patience_seconds.map_or(settings.patience, time);
        Settings {
            hold: self.hold.unwrap_or(time(before.hold_seconds)),
            patience: self.patience.unwrap_or(patience),
            on_fail: self.on_fail.unwrap_or(before.on_fail),
            limits: before.limits.map_or(settings.limits, |limits| self.limits.over(limits)),
        }
    }

    /// Where to; `None` for calling off what was begun.
    fn plan(
        &self,
        context: &Context,
        live: &Live,
        before: Option<&Unfinished>,
        seen: &LastSeen,
    ) -> Result<Option<ShiftPlan>, Failure> {
        if self.abort {
            return Ok(None);
        }
        if self.resume {
            let Some(before) = before else {
                return Err(Failure::new(
                    "there is no shift to go on with",
                    "`provisioner history` shows what was done; `provisioner shift --green 30` begins one",
                ));
            };
            if before.going_back {
                return Err(Failure::new(
                    "that shift was on its way back to blue: there is nothing to go on with",
                    "`provisioner shift --abort` takes it all the way, `shift --green` begins anew from where it stands",
                ));
            }
            let others = changed_by_others(live, seen);
            if before.overruled || !others.is_empty() {
                let others = if others.is_empty() { live.deciding() } else { &others };
                let message = format!("somebody else has changed weights meanwhile: {}", describe(others));
                return Err(Failure::new(
                    message,
                    "`provisioner failback` or `shift --abort` moves all to blue, and `shift --green` begins anew from here",
                ));
            }
            let steps = before.steps.all();
            let is_next = |step: &Share| before.done.is_none_or(|done| *step > done);
            let next = steps.iter().position(is_next).unwrap_or(steps.len());
            let steps = before.steps.clone();
            return Ok(Some(ShiftPlan { shift: before.shift.clone(), steps, next, from: before.from, resumed: true }));
        }
        let steps = match (self.green, &self.steps) {
            (Some(green), _) => Steps::one(green),
            (None, Some(steps)) => steps.clone(),
            (None, None) => context.system.shift().steps()?,
        };
        // A walk begins where green isn't yet.
        let share = live.least();
        if self.green.is_none() && share > steps.target() {
            return Err(Failure::new(
                format!("green has {share} already, more than any of the steps {steps}"),
                format!(
                    "`provisioner shift --green {}` takes it down to that, without gates",
                    steps.target().percent()
                ),
            ));
        }
        let next = match self.green {
            Some(_) => 0,
            None => steps.all().iter().position(|step| *step > share).unwrap_or(steps.all().len().saturating_sub(1)),
        };
        Ok(Some(ShiftPlan { shift: random_hex(), steps, next, from: share, resumed: false }))
    }

    fn agreed(&self, globals: &Globals, live: &Live, plan: Option<&ShiftPlan>) -> Result<bool, Failure> {
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
            None => "Call it off, and move all live traffic to blue?".to_owned(),
        };
        let asked = Confirm::new().with_prompt(question).default(false).interact();
        asked.map_err(|error| Failure::new(error.to_string(), "give --yes to go on without being asked"))
    }

    /// Says what would be done.
    async fn rehearse(
        &self,
        connection: &Connection,
        levers: &Levers,
        live: &Live,
        plan: Option<&ShiftPlan>,
        settings: &Settings,
    ) -> Outcome {
        say!("now: {}", describe(&[live.weights(Lever::Listeners), live.weights(Lever::Dns)].concat()));
        let since = jiff::Timestamp::now() - Duration::from_secs(300);
        let readings = signals::readings(&connection.shared.cloud, levers, since).await;
        let checks = judge(&readings, &settings.limits, live.most());
        say!("{}", traffic_events::gates(live.most(), verdict(&checks), &checks));
        let Some(plan) = plan else {
            say!("would move all to blue: listeners first, DNS after");
            for edge in &levers.edges {
                say!("  elasticloadbalancing:ModifyListener {}: blue 100, green 0", edge.listener);
            }
            levers
                .dns
                .iter()
                .for_each(|dns| say!("  route53:ChangeResourceRecordSets {}: blue 100, green 0", dns.name));
            say!("nothing was written");
            return Ok(ExitCode::SUCCESS);
        };
        for to in plan.remaining() {
            let split = to.split();
            say!("step {to}:");
            for edge in &levers.edges {
                say!(
                    "  elasticloadbalancing:ModifyListener {}: blue {}, green {}",
                    edge.listener,
                    split.blue,
                    split.green
                );
            }
            let hold = if *to > live.least() || (plan.resumed && *to == live.least()) {
                words::duration(settings.hold)
            } else {
                String::new()
            };
            if levers.have_edges() && !hold.is_empty() {
                say!("  hold for {hold}, with gates");
            }
            if let Some(dns) = &levers.dns {
                say!("  route53:ChangeResourceRecordSets {}: blue {}, green {}", dns.name, split.blue, split.green);
            }
            if !levers.have_edges() && !hold.is_empty() {
                say!("  hold for {hold}, with gates");
            }
        }
        say!("nothing was written");
        Ok(if verdict(&checks) == Verdict::Fail { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
    }
}

/// Keeps other shifts and applies away.
async fn lock(context: &Context) -> Result<Box<dyn Guard>, Failure> {
    context.store.lock(context.suffix.as_ref(), "provisioner shift").await.map_err(|error| match error {
        StateError::Locked { holder, .. } => Failure::new(
            format!("another run is at work: {holder}"),
            format!(
                "Ctrl-C there ends it; `provisioner watch --suffix {0}` shows a shift and can make it hold; `provisioner failback \
                 --suffix {0}` waits for nobody",
                context.suffix
            ),
        ),
        error => error.into(),
    })
}

/// The weights that aren't as the history has seen them last.
fn changed_by_others(live: &Live, seen: &LastSeen) -> Vec<Weight> {
    unexpected(live.weights(Lever::Listeners).iter(), live.weights(Lever::Dns).iter(), seen)
}

/// Puts down what others have done since.
async fn notice(mover: &Mover<'_>, live: &Live, seen: &LastSeen) {
    let kinds: Vec<_> = changed_by_others(live, seen).iter().map(lever_of).collect();
    for lever in [Lever::Listeners, Lever::Dns].into_iter().filter(|lever| kinds.contains(lever)) {
        // All of a kind, as the next look compares all of it.
        let to = live.weights(lever).to_vec();
        mover.note(TrafficEvent::ExternalChange { from: seen.weights_of(&to), to }).await;
    }
}

/// The levers, all of which must stand.
pub fn standing_levers(context: &Context, connection: &Connection) -> Result<Levers, Failure> {
    let suffix = &context.suffix;
    let Some(levers) = connection.levers()? else {
        let stands = connection.state.as_ref().filter(|state| !state.steps.is_empty());
        if let Some(State { system, .. }) = stands {
            let message = format!("nothing moves the traffic of {system}, by what is known of {suffix}");
            let advice = format!(
                "if it has a blue and a green, run `provisioner apply --suffix {suffix}` first; nothing was changed"
            );
            return Err(Failure::new(message, advice));
        }
        return Err(Failure::new(
            format!("nothing is known of how the traffic of {suffix} moves"),
            format!("run `provisioner apply --suffix {suffix}` first, or say where its state is by --state"),
        ));
    };
    let missing = levers.missing();
    if missing.is_empty() {
        return Ok(levers);
    }
    let advice = format!("run `provisioner apply --suffix {suffix}` to its end first");
    Err(Failure::new(format!("{} doesn't stand", missing.join(", ")), advice))
}

/// Prints how it ended, and gives the exit code.
fn end(globals: &Globals, context: &Context, connection: &Connection, ended: &Ended, start: Instant) -> ExitCode {
    let (calls, seconds) = (connection.api_calls(), start.elapsed());
    if globals.json {
        progress::print_json(&json!({
            "type": "summary", "outcome": ended.outcome, "green": ended.green, "because": ended.because,
            "api_calls": calls, "seconds": seconds.as_secs_f64(),
        }));
    } else {
        let green = ended.green.map_or("the levers don't agree".to_owned(), |green| format!("green has {green}"));
        let because = ended.because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
        eprintln!(
            "{}{because}; {green}; {calls} API calls, {}",
            traffic_events::outcome(ended.outcome),
            words::duration(seconds)
        );
        if matches!(ended.outcome, End::Held | End::Interrupted) {
            let suffix = &context.suffix;
            eprintln!("    → to go on: provisioner shift --suffix {suffix} --resume");
            eprintln!("    → to take it back to blue: provisioner shift --suffix {suffix} --abort");
        }
    }
    match ended.outcome {
        End::Completed | End::Aborted => ExitCode::SUCCESS,
        End::Held => ExitCode::from(HELD),
        End::Interrupted => ExitCode::from(INTERRUPTED),
        End::Refused | End::RolledBack | End::FailedBack | End::Failed => ExitCode::from(FAILED),
    }
}

/// `90s`, `5m`, `1h 30m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let time: SignedDuration = text.parse().map_err(|_| "it takes a time such as 90s or 5m".to_owned())?;
    Duration::try_from(time).map_err(|_| "a time can't be negative".to_owned())
}

fn percent(text: &str) -> Result<f64, String> {
    within(text, 0.0, 100.0)
}

fn milliseconds(text: &str) -> Result<f64, String> {
    within(text, 0.0, 1e9)
}

fn times(text: &str) -> Result<f64, String> {
    within(text, 1.0, 1000.0)
}

/// A number in a range: not-a-number is in none.
fn within(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("it takes {least} to {most}"))
}
