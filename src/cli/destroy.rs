use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use dialoguer::Input;

use super::apply::{end, refuse_interruptions, stop_on_ctrl_c};
use super::context::{Connection, Context};
use super::failure::Failure;
use super::select::SelectArgs;
use super::untracked::untracked;
use super::{Globals, Outcome, progress};
use crate::engine::EngineContext;
use crate::engine::execute::Report;
use crate::engine::graph::Graph;
use crate::engine::{Event, Plan, Selection, StepId};
use crate::report::{self, words};
use crate::state::State;
use crate::traffic::guard::Serving;

/// `provisioner destroy`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  provisioner destroy --suffix dev1 --yes\n  provisioner destroy --suffix dev1 --module compliance"
)]
pub struct Destroy {
    /// Don't ask for confirmation
    #[arg(long, short)]
    yes: bool,
    /// Delete the system although green serves customer traffic
    #[arg(long)]
    yes_take_traffic_down: bool,
    /// With --target or --module: also delete databases, buckets, secrets and keys that depend on the selected steps
    #[arg(long)]
    allow_data_loss: bool,
    #[command(flatten)]
    select: SelectArgs,
}

impl Destroy {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let context = Context::load(globals).await?;
        let connection = context.connect(context.observer()).await?;
        if connection.state.is_none() {
            warn_of_leftovers(&context, &connection, &connection.fresh(&context)).await;
            if context.json() {
                return end(&context, &connection, &Default::default(), start, &BTreeMap::new());
            }
            eprintln!("there is no state of {}: nothing to destroy", context.suffix);
            return Ok(ExitCode::SUCCESS);
        }
        // Nothing is desired, so everything selected is removed.
        let empty = Graph::new(Vec::new())?;
        let selection = self.checked_selection(&context, &connection, &empty).await?;
        let is_whole = selection.is_whole();
        if is_whole && !self.yes_take_traffic_down {
            refuse_traffic(&context, &connection).await?;
        }
        let stop = stop_on_ctrl_c(&connection);
        let engine = connection.engine(&empty, stop).selecting(selection);
        let confirmed = if self.yes { None } else { confirm(&context, &connection, &engine).await? };
        let fresh = || connection.fresh(&context);
        let session = context.store.open(context.suffix.as_ref(), "provisioner destroy", fresh).await?;
        let before = session.state();
        let plan = engine.plan(&before).await;
        if *engine.stop.borrow() {
            session.finish().await?;
            let report = Report { interrupted: true, ..Report::default() };
            return end(&context, &connection, &report, start, &BTreeMap::new());
        }
        self.check_allowed(&context, &connection, &engine, &plan).await?;
        if confirmed.is_some_and(|steps| steps != removed(&plan)) {
            let message = "the steps to delete have changed since they were confirmed";
            return Err(Failure::new(message, "nothing was deleted: run the command again"));
        }
        if plan.removals.is_empty() && plan.failures.is_empty() {
            progress::note("none of the selected steps exists: nothing to destroy");
        }
        let report = engine.execute(plan, &session).await;
        let saved = session.finish().await;
        if is_whole && report.failed.is_empty() && !report.interrupted {
            warn_of_leftovers(&context, &connection, &before).await;
        }
        let ended = end(&context, &connection, &report, start, &BTreeMap::new())?;
        saved?;
        Ok(ended)
    }

    /// The selected part. Refuses names that neither the state nor the configuration knows.
    async fn checked_selection(
        &self,
        context: &Context,
        connection: &Connection,
        empty: &Graph,
    ) -> Result<Selection, Failure> {
        let selection = self.select.selection();
        let state = connection.state_or_new(context);
        if selection.check(empty, &state).is_err() {
            // A step that is deleted already is known to the configuration only.
            let desired = context.compose(connection).await?;
            selection.check(&desired.graph, &state)?;
        }
        Ok(selection)
    }

    /// Refuses what the flags don't allow, before the first deletion. The lock is held, so no shift can begin meanwhile.
    async fn check_allowed(
        &self,
        context: &Context,
        connection: &Connection,
        engine: &EngineContext<'_>,
        plan: &Plan,
    ) -> Result<(), Failure> {
        if !self.yes_take_traffic_down {
            if engine.selection.is_whole() {
                // The traffic may have been moved while the suffix was typed.
                refuse_traffic(context, connection).await?;
            } else {
                refuse_interruptions(context, connection, engine.interruptions(plan, true)).await?;
            }
        }
        let losses = engine.data_losses(plan).into_iter();
        let unnamed: Vec<_> = losses.filter(|step| !engine.selection.contains(step)).map(|step| step.0).collect();
        if unnamed.is_empty() || self.allow_data_loss {
            return Ok(());
        }
        Err(Failure::new(
            format!("this would also delete data of steps that depend on the selected ones: {}", unnamed.join(", ")),
            "nothing was deleted: select these steps too, or set --allow-data-loss",
        ))
    }
}

/// Asks for confirmation. Returns the steps that were shown, if not all are deleted.
async fn confirm(
    context: &Context,
    connection: &Connection,
    engine: &EngineContext<'_>,
) -> Result<Option<Vec<StepId>>, Failure> {
    let state = connection.state_or_new(context);
    if engine.selection.is_whole() {
        return ask_for_suffix(context, connection, state.steps.len()).map(|()| None);
    }
    let plan = engine.plan(&state).await;
    connection.shared.observer.on(Event::Ended);
    eprint!("{}", report::plan::tree(&plan, &connection.registry, &|command| context.command(command)));
    ask_for_suffix(context, connection, plan.removals.len())?;
    Ok(Some(removed(&plan)))
}

fn removed(plan: &Plan) -> Vec<StepId> {
    plan.removals.iter().map(|removal| removal.id.clone()).collect()
}

/// Refuses if green serves traffic: then a migration is in progress. All traffic at blue is the normal state.
async fn refuse_traffic(context: &Context, connection: &Connection) -> Result<(), Failure> {
    let Some(levers) = connection.levers()? else { return Ok(()) };
    let serving = Serving::read(&connection.shared.cloud, levers).await?;
    if !serving.green() {
        return Ok(());
    }
    let share = serving.max_green.map(|max| max.to_string()).unwrap_or_default();
    Err(Failure::new(
        format!("green serves {share} of the customer traffic"),
        format!(
            "nothing was deleted: move all traffic to blue with `{}`, or set --yes-take-traffic-down if the system has no \
             customers",
            context.command("failback")
        ),
    ))
}

/// Lists resources that carry the tags of this system but aren't in the state. Only a warning: AWS's tag index lags by minutes.
async fn warn_of_leftovers(context: &Context, connection: &Connection, known: &State) {
    let suffix = &context.suffix;
    let Ok(left) = untracked(context, connection, known).await else {
        let again = context.command("orphans");
        return progress::note(&format!("can't list other resources with the tags of {suffix}; `{again}` tries again"));
    };
    let Some(first) = left.found.first() else { return };
    let resources = words::count(left.found.len(), "resource");
    eprintln!(
        "warning: {resources} with the tags of {suffix} not in the state and not deleted, for example {}",
        first.arn
    );
    eprintln!(
        "    → `{}` lists them (AWS may list resources for some minutes after their deletion);",
        context.command("orphans")
    );
    eprintln!("      set --state to the place of their state, or recover it with their configuration, then destroy:");
    eprintln!("      `{}`", context.command("recover"));
}

/// Asks for the suffix to be typed: a `y` is typed too easily.
fn ask_for_suffix(context: &Context, connection: &Connection, steps: usize) -> Result<(), Failure> {
    if !console::user_attended() || !console::Term::stderr().is_term() {
        return Err(Failure::new("destroy needs a confirmation, and this is not a terminal", "set --yes"));
    }
    // Clear the progress bar, which would overwrite the question.
    connection.shared.observer.on(Event::Ended);
    let prompt = format!(
        "{} of {} {} will be deleted with all data. Type the suffix to continue",
        words::count(steps, "resource"),
        context.system.name(),
        context.suffix
    );
    let typed: String = Input::new()
        .with_prompt(prompt)
        .interact_text()
        .map_err(|error| Failure::new(error.to_string(), "set --yes to skip the confirmation"))?;
    if typed == context.suffix.as_ref() {
        return Ok(());
    }
    Err(Failure::new(format!("{typed:?} is not {}: nothing was deleted", context.suffix), "run the command again"))
}
