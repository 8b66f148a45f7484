use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::context::{Connection, Context, Picture};
use super::failure::Failure;
use super::say::say;
use super::{CHANGES, FAILED, Globals, Outcome, progress};
use crate::engine::{Action, Event};
use crate::report::{plan, words};
use crate::resources::{ec2, iam, kms, tags};
use crate::state::State;

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
            let unread = plan.failures.iter().map(|(step, error)| plan::failure("unread", step, error));
            unread.for_each(|line| progress::print_json(&line));
            progress::print_json(&json!({
                "type": "summary", "orphans": found.len(), "failed": plan.failures.len(), "api_calls": calls,
            }));
        } else {
            for Orphan { what, name, advice } in &found {
                say!("{what}: {name}");
                say!("    → {advice}");
            }
            for (step, error) in &plan.failures {
                eprintln!("can't be told: {step}: {}", words::step_error(error));
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

/// The ARNs that carry the tags of this system and are no step's.
pub async fn untracked(context: &Context, connection: &Connection, state: &State) -> Result<Vec<String>, Failure> {
    let mut known = BTreeSet::new();
    for record in state.steps.values().chain(state.deposed.values()) {
        texts(&record.outputs, &mut known);
    }
    // A replica in another region is called as its original.
    let everywhere: BTreeSet<_> = known.iter().map(|text| without_region(text)).collect();
    let is_known = |arn: &str| {
        let id = match arn.split_once(":log-group:") {
            Some((_, name)) => Some(name),
            None => arn.rsplit_once(['/', ':']).map(|(_, id)| id),
        };
        everywhere.contains(&without_region(arn)) || id.is_some_and(|id| known.contains(id))
    };
    let (cloud, owner) = (&connection.shared.cloud, &connection.shared.owner);
    let home = cloud.region(context.system.region());
    let records = state.steps.values().chain(state.deposed.values());
    let mut regions: BTreeSet<String> = records.map(|record| record.region.clone()).collect();
    regions.extend(context.system.regions().into_iter().map(str::to_owned));
    // A configuration that named another region may have left something there.
    regions.extend(ec2::enabled_regions(&home).await?);
    let looks = regions.iter().map(|region| async move {
        let clients = cloud.region(region);
        tags::of_system(&clients, owner).await.map(|tagged| (clients, tagged))
    });
    let mut found: BTreeSet<String> = BTreeSet::new();
    for (clients, tagged) in futures::future::try_join_all(looks).await? {
        for arn in tagged.into_keys().filter(|arn| !is_of_itself(arn) && !is_known(arn)) {
            if !arn.contains(":kms:") || kms::stands(&clients, &arn).await? {
                found.insert(arn);
            }
        }
    }
    found.extend(iam::roles_of_system(&home, owner).await?.into_iter().filter(|arn| !is_known(arn)));
    Ok(found.into_iter().collect())
}

/// What AWS makes by itself of what is ours, tags included: automated snapshots, recovery points.
fn is_of_itself(arn: &str) -> bool {
    ["-snapshot:rds:", ":snapshot:rds:", "awsbackup:", ":recovery-point:"].iter().any(|part| arn.contains(part))
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
