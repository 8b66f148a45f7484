use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use console::style;
use serde_json::json;

use super::apply::outputs;
use super::context::{self, Connection, Context};
use super::failure::Failure;
use super::say::say;
use super::{Globals, Outcome, progress};
use crate::engine::{Action, Event, Selection};
use crate::report::{self, words};
use crate::resources::ids::is_known;
use crate::traffic::gates::Limits;
use crate::traffic::history::{By, History};
use crate::traffic::picture::Picture;

/// `provisioner status`
#[derive(Debug, Args)]
#[command(after_help = "Example: provisioner status --suffix dev1")]
pub struct Status {}

impl Status {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let context = Context::load(globals).await?;
        let connection = context.connect(context.observer()).await?;
        // Who serves the customers comes first: that has to be told whatever else can't be.
        let traffic = traffic(&context, &connection).await?;
        // It is called by an alarm: without that nothing goes back by itself.
        let levers = connection.levers()?;
        let calls = levers.and_then(|levers| levers.watched.composite).is_some_and(|alarm| is_known(&alarm));
        let bound = if calls { context.system.failback_bound() } else { None };
        if !globals.json {
            connection.shared.observer.on(Event::Ended);
            let account = &connection.shared.account;
            say!("{} {} in account {account}", context.system.name(), style(&context.suffix).bold());
            if connection.state.is_none() {
                say!("there is no state of it: it was never applied, or its state is elsewhere (--state)");
            }
            if let Some(picture) = &traffic {
                let lines = report::traffic::lines(picture, bound.as_ref(), context.suffix.as_ref());
                lines.iter().for_each(|line| say!("{line}"));
            }
        }
        let context::Picture { connection, desired: wanted, state, plan } =
            context::Picture::of(&context, connection, Selection::default()).await?;
        let standing = plan.steps.iter().filter(|planned| planned.observed.is_some()).count();
        let live: Vec<_> = plan
            .steps
            .iter()
            .filter_map(|planned| Some((&planned.step.id, planned.observed.as_ref()?.live.as_ref()?)))
            .collect();
        if globals.json {
            let live = live.iter().map(|(step, text)| json!({"step": step, "live": text}));
            progress::print_json(&json!({
                "type": "summary", "system": context.system.name(), "suffix": context.suffix.to_string(),
                "account": connection.shared.account, "standing": standing, "wanted": wanted.graph.len(),
                "changes": progress::counts(|action| plan.count(action)), "live": live.collect::<Vec<_>>(),
                "traffic": traffic.as_ref().map(|picture| report::traffic::json(picture, bound.as_ref())),
                "unfinished": state.intents.len(), "outputs": outputs(&state), "notes": wanted.notes,
                "api_calls": connection.api_calls(), "seconds": start.elapsed().as_secs_f64(),
            }));
            return Ok(ExitCode::SUCCESS);
        }
        say!("{standing} of {} resources stand", wanted.graph.len());
        if !state.intents.is_empty() {
            let creates = words::count(state.intents.len(), "create");
            say!("{creates} unfinished: it failed or its run died; `provisioner apply` goes on from there");
        }
        let shown = |text: &&String| !text.starts_with("traffic: ");
        let live = live.iter().filter(|(_, text)| shown(text));
        live.for_each(|(step, text)| say!("  {step}: {text}"));
        wanted.notes.iter().for_each(|text| say!("Note: {text}"));
        let differs = plan.steps.len() - plan.count(Action::Unchanged) + plan.removals.len();
        if differs > 0 {
            say!("{}; `provisioner plan` shows it field by field", report::plan::headline(&plan));
        } else {
            say!("everything is as configured");
        }
        outputs(&state).iter().for_each(|(name, value)| say!("{name} = {value}"));
        Ok(ExitCode::SUCCESS)
    }
}

/// Who serves the customers; `None` for a system that has no levers yet.
async fn traffic(context: &Context, connection: &Connection) -> Result<Option<Picture>, Failure> {
    let Some(levers) = connection.levers()? else { return Ok(None) };
    let limits = Limits::from(context.system.shift());
    let history =
        History::at(context.store.history(context.suffix.as_ref()), By::this_process("provisioner status", None));
    // The weights are AWS's, whatever the history says.
    let history = history.entries().await.unwrap_or_else(|error| {
        progress::note(&format!("what was done can't be told: {error}"));
        Vec::new()
    });
    Ok(Some(Picture::take(&connection.shared.cloud, &levers.standing(), &limits, &history).await))
}
