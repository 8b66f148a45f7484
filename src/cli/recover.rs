use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::apply::{resolve, stop_on_ctrl_c};
use super::context::Context;
use super::orphans::untracked;
use super::say::say;
use super::{FAILED, Globals, INTERRUPTED, Outcome, progress};
use crate::engine::Event;
use crate::report::words;

/// `provisioner recover`
#[derive(Debug, Args)]
#[command(
    after_help = "Example: provisioner recover --suffix dev1\n\nFor a state that is lost, or lacks something: it looks in AWS \
                        for every step of the configuration, by its tags, and by its name where AWS keeps no tags and it is \
                        just as it is wanted; and remembers what stands. It changes nothing in AWS, nor what is remembered \
                        already. What carries the tags and is no step of this configuration is named. If something can't \
                        be read, run it again once that is mended."
)]
pub struct Recover {}

impl Recover {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let context = Context::load(globals).await?;
        let suffix = context.suffix.as_ref();
        let connection = context.connect(progress::observer(globals.json)).await?;
        let wanted = context.compose(&connection).await?;
        let stop = stop_on_ctrl_c(&connection);
        let fresh = || connection.state_or_new(&context);
        let mut session = context.store.open(suffix, "provisioner recover", fresh).await?;
        let world = connection.world(&wanted.graph, stop).taking_names();
        let plan = world.plan(&session.state()).await;
        connection.shared.observer.on(Event::Ended);
        if *world.stop.borrow() {
            session.finish().await?;
            return Ok(ExitCode::from(INTERRUPTED));
        }
        let all = wanted.graph.len();
        let found = world.remember(&plan, &session).await?.len();
        let (failures, blocked) = (plan.failures, plan.blocked);
        session.set_levers(wanted.levers.clone()).await?;
        let outputs = session.look(|state| resolve(&wanted.outputs, state));
        session.set_outputs(outputs);
        let state = session.finish().await?;
        let all_found = state.steps.len();
        let unknown = untracked(&context, &connection, &state).await?;
        let (calls, seconds) = (connection.api_calls(), start.elapsed());
        if globals.json {
            progress::print_json(&json!({
                "type": "summary", "found": found, "wanted": all, "untracked": unknown,
                "failures": failures.iter().map(|(step, error)| json!({"step": step, "message": error.message}))
                    .collect::<Vec<_>>(),
                "blocked": blocked.iter().map(|(step, needs)| json!({"step": step, "needs": needs})).collect::<Vec<_>>(),
                "api_calls": calls, "seconds": seconds.as_secs_f64(),
            }));
        } else {
            for (step, error) in &failures {
                eprintln!("left alone: {step}: {}", words::step_error(error));
                if let Some(help) = &error.help {
                    eprintln!("    → {help}");
                }
            }
            for (step, needs) in &blocked {
                eprintln!("left alone: {step}: it needs {needs}");
            }
            for arn in &unknown {
                eprintln!("carries the tags of {suffix} and is no step of this configuration: {arn}");
            }
            say!(
                "{all_found} of {all} steps stand, and are remembered in {}; {found} of them anew",
                context.store.name(suffix)
            );
            if !failures.is_empty() {
                say!("what was left alone may stand: mend what is said above, then run `provisioner recover` again");
            }
            say!("`provisioner plan` shows what differs; {calls} API calls, {}", words::duration(seconds));
        }
        Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }
}
