use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::apply::stop_on_ctrl_c;
use super::context::Context;
use super::say::say;
use super::untracked::{Search, Untracked, untracked};
use super::{FAILED, Globals, INTERRUPTED, Outcome, progress};
use crate::engine::Event;
use crate::report::{advice, words};

/// `provisioner recover`
#[derive(Debug, Args)]
#[command(
    after_help = "Example: provisioner recover --suffix dev1\n\nRebuilds a lost or incomplete state: looks for every step of \
                        the configuration in AWS, by its tags, or by its name if the type has no tags and the resource \
                        matches the configuration, and records it. Changes nothing in AWS and no existing record. Lists \
                        resources that carry the tags but belong to no step of this configuration. If something can't be \
                        read, fix that and run the command again."
)]
pub struct Recover {}

impl Recover {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let context = Context::load(globals).await?;
        let suffix = context.suffix.as_ref();
        let connection = context.connect(context.observer()).await?;
        let desired = context.compose(&connection).await?;
        let stop = stop_on_ctrl_c(&connection);
        let fresh = || connection.fresh(&context);
        let mut session = context.store.open(suffix, "provisioner recover", fresh).await?;
        let engine = connection.engine(&desired.graph, stop).adopting_by_name();
        let plan = engine.plan(&session.state()).await;
        connection.shared.observer.on(Event::Ended);
        if *engine.stop.borrow() {
            session.finish().await?;
            return Ok(ExitCode::from(INTERRUPTED));
        }
        let all = desired.graph.len();
        let found = engine.record_existing(&plan, &session).await?.len();
        let (failures, blocked) = (plan.failures, plan.blocked);
        // Recorded outputs are those that were applied; the configuration may be newer.
        if session.read(|state| state.levers.is_none() && state.outputs.is_empty()) {
            session.set_levers(desired.levers.clone()).await?;
            session.set_outputs(desired.outputs.clone());
        }
        let state = session.finish().await?;
        let all_found = state.steps.len();
        // The records are saved, so a failure here is only a note.
        let unknown = untracked(&context, &connection, &state).await.unwrap_or_else(|error| {
            progress::note(&format!("can't list other resources with the tags of {suffix}: {error}"));
            Search { found: Vec::new(), unread: Vec::new() }
        });
        let (calls, seconds) = (connection.api_calls(), start.elapsed());
        if context.json() {
            progress::print_json(&json!({
                "type": "summary", "found": found, "wanted": all, "untracked": unknown.found.iter().map(|one| &one.arn).collect::<Vec<_>>(),
                "failures": failures.iter().map(|(step, error)| json!({"step": step, "message": error.message}))
                    .collect::<Vec<_>>(),
                "blocked": blocked.iter().map(|(step, needs)| json!({"step": step, "needs": needs})).collect::<Vec<_>>(),
                "api_calls": calls, "seconds": seconds.as_secs_f64(),
            }));
        } else {
            for (step, error) in &failures {
                eprintln!("not recovered: {step}: {}", words::step_error(error));
                if let Some(help) = advice::of(error, &|command| context.command(command)) {
                    eprintln!("    → {help}");
                }
            }
            for (step, needs) in &blocked {
                eprintln!("not recovered: {step}: it depends on {needs}");
            }
            for Untracked { arn, step, .. } in &unknown.found {
                eprintln!("not recovered: {arn} carries the tags of {suffix}, as {step}");
            }
            match all_found {
                0 => say!("none of {all} steps exists: nothing to record"),
                _ => say!(
                    "{all_found} of {all} steps exist and are recorded in {}; {found} of them are new there",
                    context.store.name(suffix)
                ),
            }
            if !failures.is_empty() {
                say!(
                    "steps that were not recovered may exist: fix the errors above, then run `{}` again",
                    context.command("recover")
                );
            }
            say!("`{}` shows what differs; {calls} API calls, {}", context.command("plan"), words::duration(seconds));
        }
        Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }
}
