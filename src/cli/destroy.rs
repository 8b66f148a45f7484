use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use dialoguer::Input;

use super::apply::{end, stop_on_ctrl_c};
use super::context::{Connection, Context};
use super::failure::Failure;
use super::{Globals, Outcome, progress};
use crate::engine::Event;
use crate::engine::graph::Graph;
use crate::report::words;
use crate::resources::tags;
use crate::traffic::guard::Serving;

/// `provisioner destroy`
#[derive(Debug, Args)]
#[command(after_help = "Example: provisioner destroy --suffix dev1 --yes")]
pub struct Destroy {
    /// Don't ask
    #[arg(long, short)]
    yes: bool,
    /// Delete it although green serves customers at this moment
    #[arg(long)]
    yes_take_traffic_down: bool,
}

impl Destroy {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let context = Context::load(globals).await?;
        let connection = context.connect(progress::observer(globals.json)).await?;
        if connection.state.is_none() {
            if globals.json {
                return end(globals, &connection, &Default::default(), start, &BTreeMap::new());
            }
            eprintln!("there is no state of {}: nothing to destroy", context.suffix);
            warn_of_leftovers(&context, &connection).await?;
            return Ok(ExitCode::SUCCESS);
        }
        if !self.yes_take_traffic_down {
            refuse_traffic(&context, &connection).await?;
        }
        if !self.yes {
            ask(&context, &connection, connection.state_or_new(&context).steps.len())?;
        }
        let stop = stop_on_ctrl_c(&connection);
        let fresh = || connection.state_or_new(&context);
        let mut session = context.store.open(context.suffix.as_ref(), "provisioner destroy", fresh).await?;
        // Somebody may have moved the traffic while the suffix was typed; from here on the lock keeps a shift away.
        if !self.yes_take_traffic_down {
            refuse_traffic(&context, &connection).await?;
        }
        let nothing = Graph::new(Vec::new())?;
        let world = connection.world(&nothing, stop);
        let plan = world.plan(&session.state()).await;
        let report = world.execute(plan, &session).await;
        session.set_outputs(BTreeMap::new());
        session.finish().await?;
        end(globals, &connection, &report, start, &BTreeMap::new())
    }
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

/// Without a state nothing is deleted; but what carries our tags is named. Keys that wait for their deletion do, and AWS's
/// index lags by minutes, so it is no failure.
async fn warn_of_leftovers(context: &Context, connection: &Connection) -> Result<(), Failure> {
    let (cloud, owner) = (&connection.shared.cloud, &connection.shared.owner);
    for region in context.system.regions() {
        let left = tags::of_system(&cloud.region(region), owner).await?;
        let mut arns: Vec<_> = left.keys().filter(|arn| !arn.contains(":kms:")).collect();
        arns.sort();
        if let Some(first) = arns.first() {
            let (suffix, resources) = (&context.suffix, words::count(arns.len(), "resource"));
            eprintln!("warning: {resources} in {region} carry the tags of {suffix}, for example {first}");
            eprintln!("    → if they weren't deleted just now: say where their state is by --state; or run");
            eprintln!(
                "      `provisioner apply --suffix {suffix}` with their configuration, which adopts them, then destroy"
            );
        }
    }
    Ok(())
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
