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
    after_help = "Example: provisioner import blue/network/vpc vpc-0a1b2c3d --suffix dev1\n\nSets the ownership tags of the \
                        resource and records it in the state; nothing else is changed. Then shows what the next apply does \
                        with it. Child resources (routes, security group rules) need no import: they follow their parent. \
                        Resources of another step or system are refused."
)]
pub struct Import {
    /// The step to import it as; `provisioner graph` lists the ids
    step: String,
    /// The id, ARN, URL or name of the resource in AWS
    id: String,
    /// Import it even if the next apply would replace it
    #[arg(long)]
    allow_replacement: bool,
}

impl Import {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let context = Context::load(globals).await?;
        let connection = context.connect(context.observer()).await?;
        let desired = context.compose(&connection).await?;
        let stop = stop_on_ctrl_c(&connection);
        let fresh = || connection.fresh(&context);
        let session = context.store.open(context.suffix.as_ref(), "provisioner import", fresh).await?;
        let step = self.step.as_str().into();
        let engine = connection.engine(&desired.graph, stop);
        let imported = engine.import(&step, &self.id, self.allow_replacement, &session).await;
        connection.shared.observer.on(Event::Ended);
        session.finish().await?;
        let imported = imported?;
        let (calls, seconds) = (connection.api_calls(), start.elapsed());
        if context.json() {
            progress::print_json(&json!({
                "type": "summary", "step": self.step, "outputs": imported.outputs, "next": imported.next,
                "changes": imported.changes.iter().map(plan::change).collect::<Vec<_>>(),
                "api_calls": calls, "seconds": seconds.as_secs_f64(),
            }));
            return Ok(ExitCode::SUCCESS);
        }
        say!("imported {} as {}; `provisioner destroy` now deletes it too", self.id, self.step);
        match imported.next {
            Action::Unchanged => say!("it matches the configuration"),
            next => say!("the next apply: {}:", words::done(next)),
        }
        for change in &imported.changes {
            say!("  {}", plan::change_line(change));
        }
        say!("{calls} API calls, {}", words::duration(seconds));
        Ok(ExitCode::SUCCESS)
    }
}
