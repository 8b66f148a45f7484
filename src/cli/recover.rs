use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::apply::stop_on_ctrl_c;
use super::context::Context;
use super::say::say;
use super::untracked::{All, Untracked, untracked};
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
        let fresh = || connection.fresh(&context);
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
        // What is remembered of them is what was applied; the configuration may be ahead of that.
        if session.look(|state| state.levers.is_none() && state.outputs.is_empty()) {
            session.set_levers(wanted.levers.clone()).await?;
            session.set_outputs(wanted.outputs.clone());
        }
        let state = session.finish().await?;
        let all_found = state.steps.len();
        // What is remembered by now is so whatever can be told of the rest.
        let unknown = untracked(&context, &connection, &state).await.unwrap_or_else(|error| {
            progress::note(&format!("whether anything else carries the tags of {suffix} can't be told: {error}"));
            All { found: Vec::new(), unread: Vec::new() }
        });
        let (calls, seconds) = (connection.api_calls(), start.elapsed());
        if globals.json {
            progress::print_json(&json!({
                "type": "summary", "found": found, "wanted": all, "untracked": unknown.found.iter().map(|one| &one.arn).collect::<Vec<_>>(),
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
            for Untracked { arn, step, .. } in &unknown.found {
                eprintln!("carries the tags of {suffix} and wasn't taken: {arn}, made as {step}");
            }
            match all_found {
                0 => say!("none of {all} steps stands: there is nothing to remember"),
                _ => say!(
                    "{all_found} of {all} steps stand, and are remembered in {}; {found} of them anew",
                    context.store.name(suffix)
                ),
            }
            if !failures.is_empty() {
                say!("what was left alone may stand: mend what is said above, then run `provisioner recover` again");
            }
            say!("`provisioner plan` shows what differs; {calls} API calls, {}", words::duration(seconds));
        }
        Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }
}
