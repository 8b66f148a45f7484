use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::context::{Context, PlannedSystem};
use super::say::say;
use super::untracked::{Search, Untracked, untracked};
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
        let planned = PlannedSystem::load(&context).await?;
        planned.connection.shared.observer.on(Event::Ended);
        let Search { found, unread } = untracked(&context, &planned.connection, &planned.state).await?;
        let mut orphans: Vec<_> = found.into_iter().map(|one| not_recorded(&context, &planned, one)).collect();
        orphans.extend(recorded(&context, &planned));
        if context.json() {
            print_json(&context, &planned, &orphans, &unread);
        } else {
            print(&planned, &orphans, &unread);
        }
        Ok(match (planned.plan.failures.is_empty(), orphans.is_empty()) {
            (false, _) => ExitCode::from(FAILED),
            (true, false) => ExitCode::from(CHANGES),
            (true, true) => ExitCode::SUCCESS,
        })
    }
}

/// A resource with the tags of the system that isn't in the state.
fn not_recorded(context: &Context, planned: &PlannedSystem, untracked: Untracked) -> Orphan {
    let Untracked { arn, region, step } = untracked;
    let is_desired = planned.desired.graph.get(&step).is_some_and(|step| region.is_empty() || step.region == region);
    let advice = match (planned.state.steps.contains_key(&step), is_desired) {
        (true, _) => {
            "the state records another resource for this step: find out who created it, and delete it".to_owned()
        }
        (false, true) => format!(
            "`{}` adopts it; `{}` does too, without changing AWS",
            context.command("apply"),
            context.command("recover")
        ),
        (false, false) => {
            "the configuration has no such step there: recover it with a configuration that has, or delete it"
                .to_owned()
        }
    };
    Orphan { what: "not remembered", name: arn, advice: format!("tagged as {step}: {advice}") }
}

/// The orphans in the state: missing resources, pending intents, deposed objects.
fn recorded(context: &Context, PlannedSystem { state, plan, .. }: &PlannedSystem) -> Vec<Orphan> {
    let apply = context.command("apply");
    let missing = plan.steps.iter().filter(|planned| planned.record.is_some() && planned.observed.is_none());
    let forgotten =
        plan.removals.iter().filter(|removal| removal.action == Action::Forget && removal.renamed_to.is_none());
    let missing = missing.map(|planned| &planned.step.id).chain(forgotten.map(|removal| &removal.id));
    let missing = missing.map(|step| Orphan {
        what: "not in AWS",
        name: step.to_string(),
        advice: format!("`{apply}` recreates it, or removes it from the state if it isn't desired any more"),
    });
    let intended = state.intents.keys().map(|step| Orphan {
        what: "announced", // words: allow (a value of the JSON output)
        name: step.to_string(),
        advice: format!("a run was interrupted while it created this step: `{apply}` looks for it and resumes"),
    });
    let replaced = state.deposed.keys().map(|step| Orphan {
        what: "replaced",
        name: step.to_string(),
        advice: format!("the deposed object still has to be deleted: `{apply}` does it"),
    });
    missing.chain(intended).chain(replaced).collect()
}

fn print_json(context: &Context, planned: &PlannedSystem, orphans: &[Orphan], unread: &[String]) {
    for Orphan { what, name, advice } in orphans {
        progress::print_json(&json!({"type": "orphan", "what": what, "name": name, "help": advice}));
    }
    let failures = &planned.plan.failures;
    for (step, error) in failures {
        progress::print_json(&plan::failure("unread", step, error, &|command| context.command(command)));
    }
    progress::print_json(&json!({
        "type": "summary", "orphans": orphans.len(), "failed": failures.len(), "unread_regions": unread,
        "api_calls": planned.connection.api_calls(),
    }));
}

fn print(planned: &PlannedSystem, orphans: &[Orphan], unread: &[String]) {
    for Orphan { what, name, advice } in orphans {
        say!("{what}: {name}");
        say!("    → {advice}");
    }
    for (step, error) in &planned.plan.failures {
        eprintln!("can't be read: {step}: {}", words::step_error(error));
    }
    if !unread.is_empty() {
        eprintln!("not checked, as the credentials have no access: {}", unread.join(", "));
    }
    say!("{}; {} API calls", words::count(orphans.len(), "orphan"), planned.connection.api_calls());
}
