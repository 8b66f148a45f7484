use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use dialoguer::Confirm;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::context::{Connection, Context};
use super::failure::Failure;
use super::saved_plan::SavedPlan;
use super::say::say;
use super::select::{ReplaceArgs, SelectArgs};
use super::{FAILED, Globals, INTERRUPTED, Outcome, progress};
use crate::engine::EngineContext;
use crate::engine::execute::Report;
use crate::engine::reference::{self, Reference};
use crate::engine::safety::Interruption;
use crate::engine::{Action, Event, Plan};
use crate::report::{self, advice, words};
use crate::state::State;
use crate::traffic::guard::Serving;

/// `provisioner apply`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  provisioner apply --suffix dev1\n  provisioner apply --plan dev1.plan\n  provisioner apply --suffix dev1 --module blue/network"
)]
pub struct Apply {
    /// Don't ask for confirmation before replacing or deleting resources
    #[arg(long, short)]
    yes: bool,
    /// Allow databases, buckets, secrets, keys and backups to be replaced or deleted with their data
    #[arg(long)]
    allow_data_loss: bool,
    /// Allow resources that currently serve customer traffic to be replaced or deleted
    #[arg(long)]
    yes_take_traffic_down: bool,
    /// Apply the plan saved by `plan --out FILE`, if it is still valid
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "module", "replace"])]
    plan: Option<PathBuf>,
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    replace: ReplaceArgs,
}

impl Apply {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let saved = self.plan.as_deref().map(SavedPlan::read).transpose()?;
        let mut globals = globals.clone();
        if let Some(saved) = &saved {
            globals.suffix = Some(saved.suffix(globals.suffix.as_deref())?);
        }
        let context = Context::load(&globals).await?;
        let connection = context.connect(context.observer()).await?;
        let desired = context.compose(&connection).await?;
        let from_flags = || self.replace.add_to(self.select.selection());
        let selection = saved.as_ref().map_or_else(from_flags, |saved| saved.selection.clone());
        selection.check(&desired.graph, &connection.state_or_new(&context))?;
        if !context.json() {
            desired.notes.iter().for_each(|text| progress::note(text));
        }
        let stop = stop_on_ctrl_c(&connection);
        let mut session =
            context.store.open(context.suffix.as_ref(), "provisioner apply", || connection.fresh(&context)).await?;
        let is_whole = selection.is_whole();
        let engine = connection.engine(&desired.graph, stop.clone()).selecting(selection);
        let before = session.state();
        let plan = engine.plan(&before).await;
        if *stop.borrow() {
            session.finish().await?;
            let report = Report { interrupted: true, ..Report::default() };
            return end(&context, &connection, &report, start, &BTreeMap::new());
        }
        let allowed = match &saved {
            Some(saved) => saved.check_still_valid(&connection, &before, &desired, &plan),
            None => Ok(()),
        };
        let allowed = match allowed {
            Ok(()) => self.check_allowed(&context, &connection, &engine, &plan, saved.is_some()).await,
            refused => refused,
        };
        if let Err(refused) = allowed {
            session.finish().await?;
            return Err(refused);
        }
        // The levers of a partly applied configuration may refer to resources that don't exist yet.
        if is_whole || session.read(|state| state.levers.is_none()) {
            session.set_levers(desired.levers.clone()).await?;
        }
        session.set_outputs(desired.outputs.clone());
        let report = engine.execute(plan, &session).await;
        let outputs = session.read(outputs);
        let saved = session.finish().await;
        let ended = end(&context, &connection, &report, start, &outputs)?;
        saved?;
        Ok(ended)
    }

    /// Refuses what the flags don't allow, before the first change: forced replacements of what can't be replaced, data loss,
    /// interruptions, deletions that nobody confirmed.
    async fn check_allowed(
        &self,
        context: &Context,
        connection: &Connection,
        engine: &EngineContext<'_>,
        plan: &Plan,
        is_saved: bool,
    ) -> Result<(), Failure> {
        plan.check_refusals()?;
        engine.check_forced_replacements(plan)?;
        let is_forced = !engine.selection.replaced.is_empty();
        let losses = engine.data_losses(plan);
        if !losses.is_empty() && !self.allow_data_loss {
            let losses: Vec<_> = losses.iter().map(ToString::to_string).collect();
            let message = format!("this would delete data that can't be recreated: {}", losses.join(", "));
            let instead = if is_forced { "omit --replace or undo that change" } else { "undo that change" };
            let see = context.command("plan");
            let help = format!("nothing was changed; `{see}` shows the cause: {instead}, or set --allow-data-loss");
            return Err(Failure::new(message, help));
        }
        if !self.yes_take_traffic_down {
            // A forced replacement may hit a route or a rule, so everything in a serving environment counts.
            refuse_interruptions(context, connection, engine.interruptions(plan, is_forced)).await?;
        }
        let is_confirmed = self.yes || is_saved || context.sandbox() || context.json();
        if !is_confirmed && !confirm(context, plan, connection)? {
            return Err(Failure::new("nothing was changed", "the plan was not confirmed"));
        }
        Ok(())
    }
}

/// Refuses to delete or replace resources that currently serve customer traffic.
pub async fn refuse_interruptions(
    context: &Context,
    connection: &Connection,
    interruptions: Vec<Interruption>,
) -> Result<(), Failure> {
    if interruptions.is_empty() {
        return Ok(());
    }
    let Some(levers) = connection.levers()? else { return Ok(()) };
    let hit = Serving::read(&connection.shared.cloud, levers).await?.affected_by(interruptions);
    if hit.is_empty() {
        return Ok(());
    }
    let is_shared = |hit: &&Interruption| hit.environment.is_none();
    // Shared resources first: no shift of traffic frees them.
    let (shared, others): (Vec<_>, Vec<_>) = hit.iter().partition(is_shared);
    let names: Vec<_> = shared.iter().chain(&others).map(|hit| hit.step.to_string()).collect();
    let (steps, others) = (names[..names.len().min(5)].join(", "), names.len().saturating_sub(5));
    let others = if others == 0 { String::new() } else { format!(" and {}", words::count(others, "other step")) };
    let message = format!("this would delete or replace resources that serve customer traffic: {steps}{others}");
    let instead = match shared.first() {
        Some(hit) => {
            format!("{} serves both environments, wherever the traffic is: select a smaller part without it", hit.step)
        }
        None => format!(
            "move the traffic to the other environment first (`{}`, `{}`)",
            context.command("shift --green 100"),
            context.command("failback")
        ),
    };
    let advice =
        format!("nothing was changed: {instead}; or set --yes-take-traffic-down if the system has no customers");
    Err(Failure::new(message, advice))
}

/// On a terminal, asks for confirmation before resources are replaced or deleted.
fn confirm(context: &Context, plan: &Plan, connection: &Connection) -> Result<bool, Failure> {
    let affected = plan.count(Action::Replace) + plan.count(Action::Delete);
    if affected == 0 || !console::Term::stderr().is_term() || !console::user_attended() {
        return Ok(true);
    }
    eprint!("{}", report::plan::tree(plan, &connection.registry, &|command| context.command(command)));
    eprintln!("Plan: {}.", report::plan::headline(plan));
    let question = format!("{} will be replaced or deleted. Continue?", words::count(affected, "resource"));
    Confirm::new()
        .with_prompt(question)
        .default(false)
        .interact()
        .map_err(|error| Failure::new(error.to_string(), "set --yes to skip the confirmation"))
}

/// The outputs of the system, except those that refer to resources that don't exist.
pub fn outputs(state: &State) -> BTreeMap<String, String> {
    let lookup = |reference: &Reference| {
        let value = state.steps.get(&reference.step)?.outputs.get(&reference.field)?;
        value.as_str().map(str::to_owned)
    };
    let resolved = state.outputs.iter().map(|(name, text)| (name.clone(), reference::resolve_text(text, &lookup)));
    resolved.filter(|(_, text)| !reference::is_unknown(&Value::String(text.clone()))).collect()
}

/// Turns true at the first Ctrl-C or SIGTERM. The second one ends the process at once: the journal has everything that a
/// later run needs.
pub fn stop_on_ctrl_c(connection: &Connection) -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    let observer = connection.shared.observer.clone();
    tokio::spawn(async move {
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            let mut requested = async || {
                tokio::select! {
                    pressed = tokio::signal::ctrl_c() => pressed.is_ok(),
                    sent = terminate.recv() => sent.is_some(),
                }
            };
            if requested().await {
                stop.send_replace(true);
                observer.on(Event::Interrupted);
                if requested().await {
                    std::process::exit(INTERRUPTED.into());
                }
            }
        }
        // Without a signal handler the run continues, and the receiver needs the sender.
        std::future::pending::<()>().await;
    });
    stopped
}

/// Prints the summary of a run and returns its exit code.
pub fn end(
    context: &Context,
    connection: &Connection,
    report: &Report,
    start: Instant,
    outputs: &BTreeMap<String, String>,
) -> Outcome {
    let (calls, took) = (connection.api_calls(), start.elapsed());
    if context.json() {
        let mut summary = summary(context, report);
        summary["outputs"] = json!(outputs);
        summary["api_calls"] = calls.into();
        summary["seconds"] = took.as_secs_f64().into();
        progress::print_json(&summary);
    } else {
        outputs.iter().for_each(|(name, value)| say!("{name} = {value}"));
        eprintln!("{}; {calls} API calls, {}", counts(report), words::duration(took));
        print_problems(context, report);
    }
    Ok(if report.interrupted {
        ExitCode::from(INTERRUPTED)
    } else if report.failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// The summary for `--json`.
fn summary(context: &Context, report: &Report) -> Value {
    let mut summary = progress::counts(|action| report.count(action));
    summary["type"] = "summary".into();
    summary["failed"] = report.failed.len().into();
    let failures = report.failed.iter().map(|(step, error)| {
        json!({
            "step": step, "message": error.message, "operation": error.operation, "code": error.code,
            "request_id": error.request_id, "help": advice::of(error, &|command| context.command(command)),
        })
    });
    summary["failures"] = failures.collect();
    summary["skipped"] = report.skipped.iter().map(|(step, why)| json!({"step": step, "because": why})).collect();
    summary["interrupted"] = report.interrupted.into();
    summary
}

/// `2 created, 1 updated, …`
fn counts(report: &Report) -> String {
    // After a crash or a manual repair.
    let repairs = [(Action::Adopt, "adopted"), (Action::Forget, "forgotten")];
    let repairs = repairs.map(|(action, word)| match report.count(action) {
        0 => String::new(),
        count => format!("{count} {word}, "),
    });
    format!(
        "{} created, {} updated, {} replaced, {} deleted, {}{} unchanged, {} failed",
        report.count(Action::Create),
        report.count(Action::Update),
        report.count(Action::Replace),
        report.count(Action::Delete) + report.count(Action::Leave),
        repairs.concat(),
        report.count(Action::Unchanged),
        report.failed.len(),
    )
}

/// Prints failed and skipped steps.
fn print_problems(context: &Context, report: &Report) {
    for (step, error) in &report.failed {
        eprintln!("failed: {step}: {}", words::step_error(error));
        if let Some(help) = advice::of(error, &|command| context.command(command)) {
            eprintln!("    → {help}");
        }
    }
    if !report.skipped.is_empty() {
        eprintln!("{} skipped; run the same command again to continue", words::count(report.skipped.len(), "step"));
    }
}
