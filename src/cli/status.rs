use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use console::style;
use serde_json::json;

use super::apply::outputs;
use super::context::{Connection, Context, PlannedSystem};
use super::failure::Failure;
use super::say::say;
use super::{Globals, Outcome, progress};
use crate::engine::{Action, Event, Selection, StepId};
use crate::report::{self, words};
use crate::resources::ids::is_known;
use crate::traffic::bound::Bound;
use crate::traffic::gates::Limits;
use crate::traffic::history::{Actor, History};
use crate::traffic::snapshot::Snapshot;

/// `provisioner status`
#[derive(Debug, Args)]
#[command(after_help = "Example: provisioner status --suffix dev1")]
pub struct Status {}

impl Status {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let context = Context::load(globals).await?;
        let connection = context.connect(context.observer()).await?;
        // Traffic comes first, because the rest may fail.
        let traffic = traffic(&context, &connection).await?;
        let bound = failback_bound(&context, &connection)?;
        if !globals.json {
            connection.shared.observer.on(Event::Ended);
            print_traffic(&context, &connection, traffic.as_ref(), bound.as_ref());
        }
        let system = PlannedSystem::select(&context, connection, Selection::default()).await?;
        if globals.json {
            print_json(&context, &system, traffic.as_ref(), bound.as_ref(), start);
        } else {
            print_resources(&system);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The live traffic; `None` for a system without levers.
async fn traffic(context: &Context, connection: &Connection) -> Result<Option<Snapshot>, Failure> {
    let Some(levers) = connection.levers()? else { return Ok(None) };
    let limits = Limits::from(context.system.shift());
    let history =
        History::at(context.store.history(context.suffix.as_ref()), Actor::this_process("provisioner status", None));
    // The weights are read from AWS, so they can be shown without the history.
    let history = history.entries().await.unwrap_or_else(|error| {
        progress::note(&format!("can't read the history: {error}"));
        Vec::new()
    });
    Ok(Some(Snapshot::read(&connection.shared.cloud, &levers.existing(), &limits, &history).await))
}

/// The failback bound, if the alarm that triggers an automatic failback exists.
fn failback_bound(context: &Context, connection: &Connection) -> Result<Option<Bound>, Failure> {
    let alarm = connection.levers()?.and_then(|levers| levers.watched.composite);
    Ok(if alarm.is_some_and(|alarm| is_known(&alarm)) { context.system.failback_bound() } else { None })
}

fn print_traffic(context: &Context, connection: &Connection, traffic: Option<&Snapshot>, bound: Option<&Bound>) {
    let account = &connection.shared.account;
    say!("{} {} in account {account}", context.system.name(), style(&context.suffix).bold());
    if connection.state.is_none() {
        say!("there is no state: it was never applied, or its state is elsewhere (--state)");
    }
    if let Some(snapshot) = traffic {
        let lines = report::traffic::lines(snapshot, bound, |command| context.command(command));
        lines.iter().for_each(|line| say!("{line}"));
    }
}

/// How many steps have an actual resource.
fn count_existing(system: &PlannedSystem) -> usize {
    system.plan.steps.iter().filter(|planned| planned.observed.is_some()).count()
}

/// Live information of resources: running tasks, days until a certificate expires.
fn live(system: &PlannedSystem) -> impl Iterator<Item = (&StepId, &String)> {
    system.plan.steps.iter().filter_map(|planned| Some((&planned.step.id, planned.observed.as_ref()?.live.as_ref()?)))
}

fn print_json(
    context: &Context,
    system: &PlannedSystem,
    traffic: Option<&Snapshot>,
    bound: Option<&Bound>,
    start: Instant,
) {
    let PlannedSystem { connection, desired, state, plan } = system;
    let live = live(system).map(|(step, text)| json!({"step": step, "live": text}));
    progress::print_json(&json!({
        "type": "summary", "system": context.system.name(), "suffix": context.suffix.to_string(),
        "account": connection.shared.account, "standing": count_existing(system), "wanted": desired.graph.len(),
        "changes": progress::counts(|action| plan.count(action)), "live": live.collect::<Vec<_>>(),
        "traffic": traffic.map(|snapshot| report::traffic::json(snapshot, bound)),
        "unfinished": state.intents.len(), "outputs": outputs(state), "notes": desired.notes,
        "api_calls": connection.api_calls(), "seconds": start.elapsed().as_secs_f64(),
    }));
}

fn print_resources(system: &PlannedSystem) {
    let PlannedSystem { desired, state, plan, .. } = system;
    say!("{} of {} resources exist", count_existing(system), desired.graph.len());
    if !state.intents.is_empty() {
        let intents = words::count(state.intents.len(), "pending intent");
        say!("{intents}: a create failed or its run was interrupted; `provisioner apply` resolves them");
    }
    // The weights are shown above already.
    let shown = live(system).filter(|(_, text)| !text.starts_with("traffic: "));
    shown.for_each(|(step, text)| say!("  {step}: {text}"));
    desired.notes.iter().for_each(|text| say!("Note: {text}"));
    let changes = plan.steps.len() - plan.count(Action::Unchanged) + plan.removals.len();
    if changes > 0 {
        say!("{}; `provisioner plan` shows the changes", report::plan::headline(plan));
    } else {
        say!("no changes: it matches the configuration");
    }
    outputs(state).iter().for_each(|(name, value)| say!("{name} = {value}"));
}
