use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::apply::stop_on_ctrl_c;
use super::context::Context;
use super::say::say;
use super::untracked::{Search, Untracked, untracked};
use super::{FAILED, Globals, INTERRUPTED, Outcome, progress};
use crate::engine::{Event, Plan};
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
        let new = engine.record_existing(&plan, &session).await?.len();
        // Recorded outputs are those that were applied; the configuration may be newer.
        if session.read(|state| state.levers.is_none() && state.outputs.is_empty()) {
            session.set_levers(desired.levers.clone()).await?;
            session.set_outputs(desired.outputs.clone());
        }
        let state = session.finish().await?;
        // The records are saved, so a failure here is only a note.
        let untracked = untracked(&context, &connection, &state).await.unwrap_or_else(|error| {
            progress::note(&format!("can't list other resources with the tags of {suffix}: {error}"));
            Search { found: Vec::new(), unread: Vec::new() }
        });
        let report = Report {
            desired: desired.graph.len(),
            recorded: state.steps.len(),
            new,
            plan: &plan,
            untracked: &untracked.found,
            calls: connection.api_calls(),
            took: start.elapsed(),
        };
        if context.json() {
            progress::print_json(&report.json());
        } else {
            report.print(&context);
        }
        Ok(if plan.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }
}

/// What is printed about a recovery.
struct Report<'a> {
    /// The number of desired steps.
    desired: usize,
    /// The number of recorded steps.
    recorded: usize,
    /// The number of steps recorded by this run.
    new: usize,
    plan: &'a Plan,
    untracked: &'a [Untracked],
    calls: u64,
    took: Duration,
}

impl Report<'_> {
    fn json(&self) -> Value {
        let failures = self.plan.failures.iter().map(|(step, error)| json!({"step": step, "message": error.message}));
        let blocked = self.plan.blocked.iter().map(|(step, needs)| json!({"step": step, "needs": needs}));
        json!({
            "type": "summary", "found": self.new, "wanted": self.desired,
            "untracked": self.untracked.iter().map(|one| &one.arn).collect::<Vec<_>>(),
            "failures": failures.collect::<Vec<_>>(), "blocked": blocked.collect::<Vec<_>>(),
            "api_calls": self.calls, "seconds": self.took.as_secs_f64(),
        })
    }

    fn print(&self, context: &Context) {
        let suffix = context.suffix.as_ref();
        for (step, error) in &self.plan.failures {
            eprintln!("not recovered: {step}: {}", words::step_error(error));
            if let Some(help) = advice::of(error, &|command| context.command(command)) {
                eprintln!("    → {help}");
            }
        }
        for (step, needs) in &self.plan.blocked {
            eprintln!("not recovered: {step}: it depends on {needs}");
        }
        for Untracked { arn, step, .. } in self.untracked {
            eprintln!("not recovered: {arn} carries the tags of {suffix}, as {step}");
        }
        let (all, recorded, new) = (self.desired, self.recorded, self.new);
        match recorded {
            0 => say!("none of {all} steps exists: nothing to record"),
            _ => say!(
                "{recorded} of {all} steps exist and are recorded in {}; {new} of them are new there",
                context.store.name(suffix)
            ),
        }
        if !self.plan.failures.is_empty() {
            say!(
                "steps that were not recovered may exist: fix the errors above, then run `{}` again",
                context.command("recover")
            );
        }
        let (plan, calls, took) = (context.command("plan"), self.calls, words::duration(self.took));
        say!("`{plan}` shows what differs; {calls} API calls, {took}");
    }
}
