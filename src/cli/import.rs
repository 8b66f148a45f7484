use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::apply::stop_on_ctrl_c;
use super::context::Context;
use super::say::say;
use super::{Globals, Outcome, progress};
use crate::engine::{Action, Event};
use crate::report::{plan, words};

/// `provisioner import`
#[derive(Debug, Args)]
#[command(
    after_help = "Example: provisioner import blue/network/vpc vpc-0a1b2c3d --suffix dev1\n\nIt gives the resource the tags \
                        that say whose it is, and remembers it; nothing else of it is changed. It says what the next apply \
                        does with it. Parts of a thing (routes, rules of a group) need no import: they come with it. What \
                        belongs to another step or system is refused."
)]
pub struct Import {
    /// The step that it is to be, as `provisioner graph` calls it
    step: String,
    /// The resource: its id, ARN, URL or name, as AWS shows it
    id: String,
    /// Also if the next apply would delete it and make another in its place
    #[arg(long)]
    allow_replacement: bool,
}

impl Import {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let context = Context::load(globals).await?;
        let connection = context.connect(progress::observer(globals.json)).await?;
        let wanted = context.compose(&connection).await?;
        let stop = stop_on_ctrl_c(&connection);
        let fresh = || connection.fresh(&context);
        let session = context.store.open(context.suffix.as_ref(), "provisioner import", fresh).await?;
        let step = self.step.as_str().into();
        let world = connection.world(&wanted.graph, stop);
        let imported = world.import(&step, &self.id, self.allow_replacement, &session).await;
        connection.shared.observer.on(Event::Ended);
        session.finish().await?;
        let imported = imported?;
        let (calls, seconds) = (connection.api_calls(), start.elapsed());
        if globals.json {
            progress::print_json(&json!({
                "type": "summary", "step": self.step, "outputs": imported.outputs, "next": imported.next,
                "changes": imported.changes.iter().map(plan::change).collect::<Vec<_>>(),
                "api_calls": calls, "seconds": seconds.as_secs_f64(),
            }));
            return Ok(ExitCode::SUCCESS);
        }
        say!("{} is {} from now on: `provisioner destroy` deletes it too", self.id, self.step);
        match imported.next {
            Action::Unchanged => say!("it stands as it is wanted"),
            next => say!("the next apply has it {}:", words::done(next)),
        }
        for change in &imported.changes {
            say!("  {}", plan::change_line(change));
        }
        say!("{calls} API calls, {}", words::duration(seconds));
        Ok(ExitCode::SUCCESS)
    }
}
