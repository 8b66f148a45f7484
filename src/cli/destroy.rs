use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use dialoguer::Input;

use super::apply::{end, refuse_interruptions, stop_on_ctrl_c};
use super::context::{Connection, Context};
use super::failure::Failure;
use super::part::Part;
use super::untracked::untracked;
use super::{Globals, Outcome, progress};
use crate::engine::execute::Report;
use crate::engine::graph::Graph;
use crate::engine::{Event, Plan, StepId};
use crate::report::{self, words};
use crate::state::State;
use crate::traffic::guard::Serving;

/// `provisioner destroy`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  provisioner destroy --suffix dev1 --yes\n  provisioner destroy --suffix dev1 --module compliance"
)]
pub struct Destroy {
    /// Don't ask
    #[arg(long, short)]
    yes: bool,
    /// Delete it although green serves customers at this moment
    #[arg(long)]
    yes_take_traffic_down: bool,
    /// With --target or --module: also databases, buckets, secrets and keys that weren't named, but use what was
    #[arg(long)]
    allow_data_loss: bool,
    #[command(flatten)]
    part: Part,
}

impl Destroy {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let context = Context::load(globals).await?;
        let connection = context.connect(progress::observer(globals.json)).await?;
        if connection.state.is_none() {
            warn_of_leftovers(&context, &connection, &connection.fresh(&context)).await;
            if globals.json {
                return end(globals, &connection, &Default::default(), start, &BTreeMap::new());
            }
            eprintln!("there is no state of {}: nothing to destroy", context.suffix);
            return Ok(ExitCode::SUCCESS);
        }
        let nothing = Graph::new(Vec::new())?;
        let selection = self.part.selection();
        if selection.check(&nothing, &connection.state_or_new(&context)).is_err() {
            // It may be gone already: then it is known to the configuration.
            let wanted = context.compose(&connection).await?;
            selection.check(&wanted.graph, &connection.state_or_new(&context))?;
        }
        let is_whole = selection.is_whole();
        if is_whole && !self.yes_take_traffic_down {
            refuse_traffic(&context, &connection).await?;
        }
        let stop = stop_on_ctrl_c(&connection);
        let world = connection.world(&nothing, stop).selecting(selection);
        // What people have seen before they agreed, if it is less than everything.
        let mut seen = None;
        if !self.yes {
            let state = connection.state_or_new(&context);
            let mut steps = state.steps.len();
            if !is_whole {
                let plan = world.plan(&state).await;
                connection.shared.observer.on(Event::Ended);
                eprint!("{}", report::plan::tree(&plan, &connection.registry));
                steps = plan.removals.len();
                seen = Some(removed(&plan));
            }
            ask(&context, &connection, steps)?;
        }
        let fresh = || connection.fresh(&context);
        let session = context.store.open(context.suffix.as_ref(), "provisioner destroy", fresh).await?;
        // Somebody may have moved the traffic while the suffix was typed; from here on the lock keeps a shift away.
        if is_whole && !self.yes_take_traffic_down {
            refuse_traffic(&context, &connection).await?;
        }
        let before = session.state();
        let plan = world.plan(&before).await;
        if !is_whole && !self.yes_take_traffic_down {
            refuse_interruptions(&context, &connection, world.interruptions(&plan, true)).await?;
        }
        if *world.stop.borrow() {
            session.finish().await?;
            let report = Report { interrupted: true, ..Report::default() };
            return end(globals, &connection, &report, start, &BTreeMap::new());
        }
        let unnamed: Vec<_> = world
            .data_losses(&plan)
            .into_iter()
            .filter(|step| !world.selection.names(step))
            .map(|step| step.0)
            .collect();
        if !unnamed.is_empty() && !self.allow_data_loss {
            return Err(Failure::new(
                format!("this would also delete data that wasn't named, as it uses what was: {}", unnamed.join(", ")),
                "nothing was deleted: name that too, or give --allow-data-loss",
            ));
        }
        if seen.is_some_and(|seen| seen != removed(&plan)) {
            return Err(Failure::new("something else would be deleted by now", "nothing was deleted: run it again"));
        }
        if plan.removals.is_empty() && plan.failures.is_empty() {
            progress::note("nothing of that stands: nothing to destroy");
        }
        let report = world.execute(plan, &session).await;
        let saved = session.finish().await;
        if is_whole && report.failed.is_empty() && !report.interrupted {
            warn_of_leftovers(&context, &connection, &before).await;
        }
        let ended = end(globals, &connection, &report, start, &BTreeMap::new())?;
        saved?;
        Ok(ended)
    }
}

fn removed(plan: &Plan) -> Vec<StepId> {
    plan.removals.iter().map(|removal| removal.id.clone()).collect()
}

/// All traffic at blue is how a system rests, and its suffix has to be typed; with any of it at green somebody is in the
/// middle of a migration.
async fn refuse_traffic(context: &Context, connection: &Connection) -> Result<(), Failure> {
    let Some(levers) = connection.levers()? else { return Ok(()) };
    let serving = Serving::now(&connection.shared.cloud, levers).await?;
    if !serving.green() {
        return Ok(());
    }
    let most = serving.most.map(|most| most.to_string()).unwrap_or_default();
    Err(Failure::new(
        format!("green serves customers: it has {most} of the traffic"),
        format!(
            "nothing was deleted: `provisioner failback --suffix {}` moves all to blue; or, where nobody pays any more, give \
             --yes-take-traffic-down",
            context.suffix
        ),
    ))
}

/// What isn't remembered isn't deleted; but what carries our tags is named. AWS's index of tags lags by minutes, so that it is no
/// failure.
async fn warn_of_leftovers(context: &Context, connection: &Connection, known: &State) {
    let suffix = &context.suffix;
    let Ok(left) = untracked(context, connection, known).await else {
        let ask = format!("`provisioner orphans --suffix {suffix}` asks again");
        return progress::note(&format!("whether anything else carries the tags of {suffix} can't be told: {ask}"));
    };
    let Some(first) = left.found.first() else { return };
    let resources = words::count(left.found.len(), "resource");
    eprintln!(
        "warning: not remembered, and left alone: {resources} with the tags of {suffix}, for example {}",
        first.arn
    );
    eprintln!(
        "    → `provisioner orphans --suffix {suffix}` names them (what was deleted minutes ago may be told still);"
    );
    eprintln!("      say where their state is by --state, or run `provisioner recover --suffix {suffix}` with their");
    eprintln!("      configuration, then destroy");
}

/// The suffix has to be typed: a `y` comes too easily.
fn ask(context: &Context, connection: &Connection, steps: usize) -> Result<(), Failure> {
    if !console::user_attended() || !console::Term::stderr().is_term() {
        return Err(Failure::new("destroy asks before it deletes, and this is no terminal", "give --yes"));
    }
    // The question must not be drawn over.
    connection.shared.observer.on(Event::Ended);
    let prompt = format!(
        "{} of {} {} will be deleted, data included. Type the suffix to go on",
        words::count(steps, "resource"),
        context.system.name(),
        context.suffix
    );
    let typed: String = Input::new()
        .with_prompt(prompt)
        .interact_text()
        .map_err(|error| Failure::new(error.to_string(), "give --yes to go on without being asked"))?;
    if typed == context.suffix.as_ref() {
        return Ok(());
    }
    Err(Failure::new(format!("{typed:?} is not {}: nothing was deleted", context.suffix), "run it again"))
}
