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
    after_help = "Example: provisioner orphans --suffix dev1\n\nIt lays what is remembered, what carries the tags of this \
                        system in all its regions, and what runs have announced beside each other. Exit code 2 if one \
                        has what the others lack, 1 if something couldn't be read."
)]
pub struct Orphans {}

/// What one place has and another lacks.
struct Orphan {
    /// `not remembered`, `not in AWS`, `announced`, `replaced`.
    what: &'static str,
    /// An ARN, or a step.
    name: String,
    /// What to do.
    advice: String,
}

impl Orphans {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let context = Context::load(globals).await?;
        let Picture { connection, wanted, state, plan } = Picture::take(&context, globals).await?;
        connection.shared.observer.on(Event::Ended);
        let gone = plan.steps.iter().filter(|planned| planned.record.is_some() && planned.observed.is_none());
        let gone = gone.map(|planned| &planned.step.id);
        let forgotten =
            plan.removals.iter().filter(|removal| removal.action == Action::Forget && removal.stands_as.is_none());
        let forgotten = forgotten.map(|removal| &removal.id);
        let gone = gone.chain(forgotten).map(|step| Orphan {
            what: "not in AWS",
            name: step.to_string(),
            advice: "`provisioner apply` makes it anew, or forgets it if it isn't wanted any more".to_owned(),
        });
        let announced = state.intents.keys().map(|step| Orphan {
            what: "announced",
            name: step.to_string(),
            advice: "a run died over it: `provisioner apply` looks for it, and goes on".to_owned(),
        });
        let replaced = state.deposed.keys().map(|step| Orphan {
            what: "replaced",
            name: step.to_string(),
            advice: "its old self is still to be deleted: `provisioner apply` does that".to_owned(),
        });
        let untracked = untracked(&context, &connection, &state).await?;
        let unknown = untracked.found.into_iter().map(|Untracked { arn, region, step }| {
            let is_wanted = wanted.graph.get(&step).is_some_and(|step| region.is_empty() || step.region == region);
            let advice = match (state.steps.contains_key(&step), is_wanted) {
                (true, _) => "of which another one is remembered: find out who made it, and delete it",
                (false, true) => {
                    "`provisioner apply` takes it back; `provisioner recover` does, too, and changes nothing in AWS"
                }
                (false, false) => {
                    "which the configuration doesn't have there: recover it with one that does, or delete it"
                }
            };
            Orphan { what: "not remembered", name: arn, advice: format!("made as {step}: {advice}") }
        });
        let unread = untracked.unread;
        let found: Vec<_> = unknown.chain(gone).chain(announced).chain(replaced).collect();
        if globals.json {
            for Orphan { what, name, advice } in &found {
                progress::print_json(&json!({"type": "orphan", "what": what, "name": name, "help": advice}));
            }
            let calls = connection.api_calls();
            let failures = plan.failures.iter().map(|(step, error)| plan::failure("unread", step, error));
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
                eprintln!("can't be told: {step}: {}", words::step_error(error));
            }
            if !unread.is_empty() {
                eprintln!("not looked at, as these credentials may not: {}", unread.join(", "));
            }
            say!("{}; {} API calls", words::count(found.len(), "orphan"), connection.api_calls());
        }
        Ok(match (plan.failures.is_empty(), found.is_empty()) {
            // Nobody knows about what couldn't be read.
            (false, _) => ExitCode::from(FAILED),
            (true, false) => ExitCode::from(CHANGES),
            (true, true) => ExitCode::SUCCESS,
        })
    }
}
