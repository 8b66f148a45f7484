use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::context::{Connection, Context, Picture};
use super::failure::Failure;
use super::say::say;
use super::{CHANGES, Globals, Outcome, progress};
use crate::engine::{Action, Event};
use crate::report::words;
use crate::resources::tags;
use crate::state::State;

/// `provisioner orphans`
#[derive(Debug, Args)]
#[command(
    after_help = "Example: provisioner orphans --suffix dev1\n\nIt lays what is remembered, what carries the tags of this \
                        system in all its regions, and what runs have announced beside each other. Exit code 2 if one \
                        has what the others lack."
)]
pub struct Orphans {}

/// What one place has and another lacks.
struct Orphan {
    /// `not remembered`, `not in AWS`, `announced`, `replaced`.
    what: &'static str,
    /// An ARN, or a step.
    name: String,
    /// What to do.
    advice: &'static str,
}

impl Orphans {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let context = Context::load(globals).await?;
        let Picture { connection, state, plan, .. } = Picture::take(&context, globals).await?;
        connection.shared.observer.on(Event::Ended);
        let gone = plan.steps.iter().filter(|planned| planned.record.is_some() && planned.observed.is_none());
        let gone = gone.map(|planned| &planned.step.id);
        let forgotten =
            plan.removals.iter().filter(|removal| removal.action == Action::Forget).map(|removal| &removal.id);
        let gone = gone.chain(forgotten).map(|step| Orphan {
            what: "not in AWS",
            name: step.to_string(),
            advice: "`provisioner apply` makes it anew, or forgets it if it isn't wanted any more",
        });
        let announced = state.intents.keys().map(|step| Orphan {
            what: "announced",
            name: step.to_string(),
            advice: "a run died over it: `provisioner apply` looks for it, and goes on",
        });
        let replaced = state.deposed.keys().map(|step| Orphan {
            what: "replaced",
            name: step.to_string(),
            advice: "its old self is still to be deleted: `provisioner apply` does that",
        });
        let unknown = untracked(&context, &connection, &state).await?.into_iter().map(|arn| Orphan {
            what: "not remembered",
            name: arn,
            advice: "if its state is lost: `provisioner recover`; otherwise find out who made it, and delete it",
        });
        let found: Vec<_> = unknown.chain(gone).chain(announced).chain(replaced).collect();
        if globals.json {
            for Orphan { what, name, advice } in &found {
                progress::print_json(&json!({"type": "orphan", "what": what, "name": name, "help": advice}));
            }
            let calls = connection.api_calls();
            progress::print_json(&json!({"type": "summary", "orphans": found.len(), "api_calls": calls}));
        } else {
            for Orphan { what, name, advice } in &found {
                say!("{what}: {name}");
                say!("    → {advice}");
            }
            say!("{}; {} API calls", words::count(found.len(), "orphan"), connection.api_calls());
        }
        Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(CHANGES) })
    }
}

/// The ARNs that carry the tags of this system and are no step's.
pub async fn untracked(context: &Context, connection: &Connection, state: &State) -> Result<Vec<String>, Failure> {
    let mut known = BTreeSet::new();
    for record in state.steps.values().chain(state.deposed.values()) {
        texts(&record.outputs, &mut known);
    }
    // A replica in another region is called as its original.
    let everywhere: BTreeSet<_> = known.iter().map(|text| without_region(text)).collect();
    let is_known = |arn: &str| {
        everywhere.contains(&without_region(arn))
            || arn.rsplit_once(['/', ':']).is_some_and(|(_, id)| known.contains(id))
    };
    let (cloud, owner) = (&connection.shared.cloud, &connection.shared.owner);
    let mut found = BTreeSet::new();
    for region in context.system.regions() {
        let tagged = tags::of_system(&cloud.region(region), owner).await?;
        found.extend(tagged.keys().filter(|arn| !is_of_itself(arn) && !is_known(arn)).cloned());
    }
    Ok(found.into_iter().collect())
}

/// What AWS makes by itself of what is ours, tags included: automated snapshots, recovery points; and keys that wait for
/// their deletion.
fn is_of_itself(arn: &str) -> bool {
    [":kms:", "-snapshot:rds:", ":snapshot:rds:", "awsbackup:", ":recovery-point:"]
        .iter()
        .any(|part| arn.contains(part))
}

fn without_region(arn: &str) -> String {
    let mut parts: Vec<_> = arn.splitn(6, ':').collect();
    if let [_, _, _, region, _, _] = parts.as_mut_slice() {
        *region = "";
    }
    parts.join(":")
}

fn texts(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            into.insert(text.clone());
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, into)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, into)),
        _ => {}
    }
}
