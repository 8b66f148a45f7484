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
use super::part::{Part, ReplaceArgs};
use super::saved_plan::SavedPlan;
use super::say::say;
use super::{FAILED, Globals, INTERRUPTED, Outcome, progress};
use crate::engine::execute::Report;
use crate::engine::plan::Interruption;
use crate::engine::reference::{self, Reference};
use crate::engine::{Action, Event, Plan};
use crate::report::{self, words};
use crate::state::State;
use crate::traffic::guard::Serving;

/// `provisioner apply`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  provisioner apply --suffix dev1\n  provisioner apply --plan dev1.plan\n  provisioner apply --suffix dev1 --module blue/network"
)]
pub struct Apply {
    /// Don't ask before something is replaced or deleted
    #[arg(long, short)]
    yes: bool,
    /// Go on although databases, buckets, secrets, keys or backups are replaced or deleted with all that is in them
    #[arg(long)]
    allow_data_loss: bool,
    /// Replace or delete also what customers are being served by at this moment
    #[arg(long)]
    yes_take_traffic_down: bool,
    /// Do what `plan --out FILE` has saved, if that is still what there is to do
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "module", "replace"])]
    plan: Option<PathBuf>,
    #[command(flatten)]
    part: Part,
    #[command(flatten)]
    anew: ReplaceArgs,
}

impl Apply {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let saved = self.plan.as_deref().map(SavedPlan::read).transpose()?;
        let mut globals = globals.clone();
        if let Some(saved) = &saved {
            globals.suffix = Some(saved.suffix(globals.suffix.as_deref())?);
        }
        let globals = &globals;
        let context = Context::load(globals).await?;
        let connection = context.connect(progress::observer(globals.json)).await?;
        let wanted = context.compose(&connection).await?;
        let named = || self.anew.among(self.part.selection());
        let selection = saved.as_ref().map_or_else(named, |saved| saved.selection.clone());
        selection.check(&wanted.graph, &connection.state_or_new(&context))?;
        if !globals.json {
            wanted.notes.iter().for_each(|text| progress::note(text));
        }
        let stop = stop_on_ctrl_c(&connection);
        let mut session =
            context.store.open(context.suffix.as_ref(), "provisioner apply", || connection.fresh(&context)).await?;
        let (is_whole, by_wish) = (selection.is_whole(), !selection.replaced.is_empty());
        let world = connection.world(&wanted.graph, stop.clone()).selecting(selection);
        let before = session.state();
        let plan = world.plan(&before).await;
        if *stop.borrow() {
            session.finish().await?;
            let report = Report { interrupted: true, ..Report::default() };
            return end(globals, &connection, &report, start, &BTreeMap::new());
        }
        let refused = saved.as_ref().map(|saved| saved.refuse_another(&connection, &before, &wanted, &plan));
        if let Some(Err(refused)) = refused {
            session.finish().await?;
            return Err(refused);
        }
        if let Err(refused) = world.check_forced_replacements(&plan) {
            session.finish().await?;
            return Err(refused.into());
        }
        let losses = world.data_losses(&plan);
        if !losses.is_empty() && !self.allow_data_loss {
            session.finish().await?;
            let losses: Vec<_> = losses.iter().map(ToString::to_string).collect();
            let message = format!("this would delete data that nobody can make again: {}", losses.join(", "));
            let instead = if by_wish { "leave --replace out, or undo that change" } else { "undo that change" };
            let help =
                format!("nothing was changed; `provisioner plan` shows why: {instead}, or give --allow-data-loss");
            return Err(Failure::new(message, help));
        }
        if !self.yes_take_traffic_down {
            // What people wish to have made anew may be a route or a rule: nothing of what serves customers can be missed.
            refuse_interruptions(&context, &connection, world.interruptions(&plan, by_wish)).await?;
        }
        if !self.yes && saved.is_none() && !globals.sandbox && !globals.json && !agreed(&plan, &connection)? {
            session.finish().await?;
            return Err(Failure::new("nothing was changed", "the plan was not agreed to"));
        }
        // Those of a configuration that isn't applied as a whole may lead to what doesn't stand yet.
        if is_whole || session.look(|state| state.levers.is_none()) {
            session.set_levers(wanted.levers.clone()).await?;
        }
        session.set_outputs(wanted.outputs.clone());
        let report = world.execute(plan, &session).await;
        let outputs = session.look(outputs);
        let saved = session.finish().await;
        let ended = end(globals, &connection, &report, start, &outputs)?;
        saved?;
        Ok(ended)
    }
}

/// Nothing that serves customers at this moment goes, if only to be made anew.
pub async fn refuse_interruptions(
    context: &Context,
    connection: &Connection,
    interruptions: Vec<Interruption>,
) -> Result<(), Failure> {
    if interruptions.is_empty() {
        return Ok(());
    }
    let Some(levers) = connection.levers()? else { return Ok(()) };
    let hit = Serving::now(&connection.shared.cloud, levers).await?.hit_by(interruptions);
    if hit.is_empty() {
        return Ok(());
    }
    let is_shared = |hit: &&Interruption| !["blue", "green"].contains(&hit.environment.as_str());
    // Those that nothing can be moved away from come first.
    let (shared, others): (Vec<_>, Vec<_>) = hit.iter().partition(is_shared);
    let names: Vec<_> = shared.iter().chain(&others).map(|hit| hit.step.to_string()).collect();
    let (steps, others) = (names[..names.len().min(5)].join(", "), names.len().saturating_sub(5));
    let others = if others == 0 { String::new() } else { format!(" and {}", words::count(others, "other step")) };
    let message = format!("this would take away what serves customers at this moment: {steps}{others}");
    let instead = match shared.first() {
        Some(hit) => format!(
            "{} serves both environments, wherever the traffic is: name a smaller part, which nothing of that kind uses",
            hit.step
        ),
        None => format!(
            "move the traffic to the other environment first (`provisioner shift --suffix {0} --green 100`, \
             `provisioner failback --suffix {0}`)",
            context.suffix
        ),
    };
    let advice =
        format!("nothing was changed: {instead}; or, where nobody pays any more, give --yes-take-traffic-down");
    Err(Failure::new(message, advice))
}

/// On a terminal, asks before anything goes.
fn agreed(plan: &Plan, connection: &Connection) -> Result<bool, Failure> {
    let goes = plan.count(Action::Replace) + plan.count(Action::Delete);
    if goes == 0 || !console::Term::stderr().is_term() || !console::user_attended() {
        return Ok(true);
    }
    eprint!("{}", report::plan::tree(plan, &connection.registry));
    eprintln!("Plan: {}.", report::plan::headline(plan));
    let question = format!("{} will be replaced or deleted. Go on?", words::count(goes, "resource"));
    Confirm::new()
        .with_prompt(question)
        .default(false)
        .interact()
        .map_err(|error| Failure::new(error.to_string(), "give --yes to go on without being asked"))
}

/// What the system tells people; without what leads to a step that doesn't stand (yet, or any more).
pub fn outputs(state: &State) -> BTreeMap<String, String> {
    let lookup = |reference: &Reference| {
        let value = state.steps.get(&reference.step)?.outputs.get(&reference.field)?;
        value.as_str().map(str::to_owned)
    };
    let resolved = state.outputs.iter().map(|(name, text)| (name.clone(), reference::resolve_text(text, &lookup)));
    resolved.filter(|(_, text)| !reference::is_unknown(&Value::String(text.clone()))).collect()
}

/// Turns true at the first Ctrl-C, or when a pipeline is cancelled (SIGTERM); the second ends the process at once: the journal
/// tells the truth.
pub fn stop_on_ctrl_c(connection: &Connection) -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    let observer = connection.shared.observer.clone();
    tokio::spawn(async move {
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            let mut asked = async || {
                tokio::select! {
                    pressed = tokio::signal::ctrl_c() => pressed.is_ok(),
                    sent = terminate.recv() => sent.is_some(),
                }
            };
            if asked().await {
                stop.send_replace(true);
                observer.on(Event::Interrupted);
                if asked().await {
                    std::process::exit(INTERRUPTED.into());
                }
            }
        }
        // Without a signal handler the run goes on, and the sender must live as long.
        std::future::pending::<()>().await;
    });
    stopped
}

/// Prints the summary of a run, and gives its exit code.
pub fn end(
    globals: &Globals,
    connection: &Connection,
    report: &Report,
    start: Instant,
    outputs: &BTreeMap<String, String>,
) -> Outcome {
    let (calls, seconds) = (connection.api_calls(), start.elapsed());
    if globals.json {
        let mut summary = progress::counts(|action| report.count(action));
        summary["type"] = "summary".into();
        summary["failed"] = report.failed.len().into();
        let failures = report.failed.iter().map(|(step, error)| {
            json!({
                "step": step, "message": error.message, "operation": error.operation, "code": error.code,
                "request_id": error.request_id, "help": error.help,
            })
        });
        summary["failures"] = failures.collect();
        summary["skipped"] = report.skipped.iter().map(|(step, why)| json!({"step": step, "because": why})).collect();
        summary["interrupted"] = report.interrupted.into();
        summary["outputs"] = json!(outputs);
        summary["api_calls"] = calls.into();
        summary["seconds"] = seconds.as_secs_f64().into();
        progress::print_json(&summary);
    } else {
        for (name, value) in outputs {
            say!("{name} = {value}");
        }
        // What a crash or people's mending has left to be put down.
        let put_down = [(Action::Adopt, "adopted"), (Action::Forget, "forgotten")];
        let put_down = put_down.map(|(action, word)| match report.count(action) {
            0 => String::new(),
            count => format!("{count} {word}, "),
        });
        eprintln!(
            "{} created, {} updated, {} replaced, {} deleted, {}{} unchanged, {} failed; {calls} API calls, {}",
            report.count(Action::Create),
            report.count(Action::Update),
            report.count(Action::Replace),
            report.count(Action::Delete) + report.count(Action::Leave),
            put_down.concat(),
            report.count(Action::Unchanged),
            report.failed.len(),
            words::duration(seconds),
        );
        for (step, error) in &report.failed {
            eprintln!("failed: {step}: {}", words::step_error(error));
            if let Some(help) = &error.help {
                eprintln!("    → {help}");
            }
        }
        if !report.skipped.is_empty() {
            eprintln!("{} left out; the same command goes on from here", words::count(report.skipped.len(), "step"));
        }
    }
    Ok(if report.interrupted {
        ExitCode::from(INTERRUPTED)
    } else if report.failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}
