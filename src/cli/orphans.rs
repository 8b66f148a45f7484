use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::context::{Context, Picture};
use super::say::say;
use super::untracked::{Untracked, untracked};
use super::{CHANGES, FAILED, Globals, Outcome, progress};
use crate::engine::{Action, Event};
use crate::report::{plan, words};

/// `provisioner orphans`
#[derive(Debug, Args)]
#[command(
    after_help = "Example: provisioner orphans --suffix dev1\n\nCompares the state, the resources that carry the tags \
                        of this system in all regions, and the recorded intents. Exit code 2 if they disagree, 1 if \
                        something couldn't be read."
)]
pub struct Orphans {}

/// A resource on which state, tags and intents disagree.
struct Orphan {
    /// How they disagree; part of the JSON output.
    what: &'static str,
    /// An ARN, or a step.
    name: String,
    /// What to do about it.
    advice: String,
}

impl Orphans {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let context = Context::load(globals).await?;
        let Picture { connection, desired, state, plan } = Picture::take(&context).await?;
        let apply = context.command("apply");
        connection.shared.observer.on(Event::Ended);
        let missing = plan.steps.iter().filter(|planned| planned.record.is_some() && planned.observed.is_none());
        let missing = missing.map(|planned| &planned.step.id);
        let forgotten =
            plan.removals.iter().filter(|removal| removal.action == Action::Forget && removal.renamed_to.is_none());
        let forgotten = forgotten.map(|removal| &removal.id);
        let missing = missing.chain(forgotten).map(|step| Orphan {
            what: "not in AWS",
            name: step.to_string(),
            advice: format!("`{apply}` recreates it, or removes it from the state if it isn't desired any more"),
        });
        let intended = state.intents.keys().map(|step| Orphan {
            what: "announced",
            name: step.to_string(),
            advice: format!("a run was interrupted while it created this step: `{apply}` looks for it and resumes"),
        });
        let replaced = state.deposed.keys().map(|step| Orphan {
            what: "replaced",
            name: step.to_string(),
            advice: format!("the deposed object still has to be deleted: `{apply}` does it"),
        });
        let untracked = untracked(&context, &connection, &state).await?;
        let unknown = untracked.found.into_iter().map(|Untracked { arn, region, step }| {
            let is_desired = desired.graph.get(&step).is_some_and(|step| region.is_empty() || step.region == region);
            let advice = match (state.steps.contains_key(&step), is_desired) {
                (true, _) => "the state records another resource for this step: find out who created it, and delete it"
                    .to_owned(),
                (false, true) => {
                    format!("`{apply}` adopts it; `{}` does too, without changing AWS", context.command("recover"))
                }
                (false, false) => {
                    "the configuration has no such step there: recover it with a configuration that has, or delete it"
                        .to_owned()
                }
            };
            Orphan { what: "not remembered", name: arn, advice: format!("tagged as {step}: {advice}") }
        });
        let unread = untracked.unread;
        let found: Vec<_> = unknown.chain(missing).chain(intended).chain(replaced).collect();
        if context.json() {
            for Orphan { what, name, advice } in &found {
                progress::print_json(&json!({"type": "orphan", "what": what, "name": name, "help": advice}));
            }
            let calls = connection.api_calls();
            let failures = plan
                .failures
                .iter()
                .map(|(step, error)| plan::failure("unread", step, error, &|command| context.command(command)));
            failures.for_each(|line| progress::print_json(&line));
            progress::print_json(&json!({
                "type": "summary", "orphans": found.len(), "failed": plan.failures.len(), "unread_regions": unread,
                "api_calls": calls,
            }));
        } else {
            for Orphan { what, name, advice } in &found {
                say!("{what}: {name}");
                say!("    → {advice}");
            }
            for (step, error) in &plan.failures {
                eprintln!("can't be read: {step}: {}", words::step_error(error));
            }
            if !unread.is_empty() {
                eprintln!("not checked, as the credentials have no access: {}", unread.join(", "));
            }
            say!("{}; {} API calls", words::count(found.len(), "orphan"), connection.api_calls());
        }
        Ok(match (plan.failures.is_empty(), found.is_empty()) {
            (false, _) => ExitCode::from(FAILED),
            (true, false) => ExitCode::from(CHANGES),
            (true, true) => ExitCode::SUCCESS,
        })
    }
}
