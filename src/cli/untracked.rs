//! Resources that carry the tags of a system but are not in its state.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::context::{Connection, Context};
use super::failure::Failure;
use crate::aws::Class;
use crate::engine::ownership::STEP;
use crate::engine::{StepId, Tags};
use crate::resources::{ec2, ecs, iam, kms, tags};
use crate::state::State;

/// The result of a search in all regions.
pub struct Search {
    /// Resources with the tags that are not in the state.
    pub found: Vec<Untracked>,
    /// Other regions that the credentials have no access to.
    pub unread: Vec<String>,
}

/// A resource that carries the tags of a system but is not in its state.
pub struct Untracked {
    /// Its ARN.
    pub arn: String,
    /// Its region; empty for global resources.
    pub region: String,
    /// The step, from its tag.
    pub step: StepId,
}

/// Searches all regions by tags.
pub async fn untracked(context: &Context, connection: &Connection, state: &State) -> Result<Search, Failure> {
    let (cloud, owner) = (&connection.shared.cloud, &connection.shared.owner);
    let home = cloud.region(context.system.region());
    let records = state.steps.values().chain(state.deposed.values());
    let mut ours: BTreeSet<String> = records.map(|record| record.region.clone()).collect();
    ours.extend(context.system.regions().into_iter().map(str::to_owned));
    // An earlier configuration may have used other regions.
    let regions: BTreeSet<String> = ours.iter().cloned().chain(ec2::enabled_regions(&home).await?).collect();
    let searches = regions.iter().map(|region| {
        let clients = cloud.region(region);
        async move { (tags::of_system(&clients, owner).await, clients, region) }
    });
    let known = Known::of(state);
    let (mut found, mut unread) = (BTreeMap::new(), Vec::new());
    for (tagged, clients, region) in futures::future::join_all(searches).await {
        let tagged = match tagged {
            // Organizations often deny access to regions that they don't use.
            Err(error) if error.class == Class::Denied && !ours.contains(region) => {
                unread.push(region.clone());
                continue;
            }
            tagged => tagged?,
        };
        for (arn, tags) in tagged.into_iter().filter(|(arn, _)| !is_derived(arn) && !known.has(arn)) {
            // Both services list deleted resources for days.
            let exists = match part(&arn, 2) {
                "kms" => kms::exists(&clients, &arn).await?,
                "ecs" => ecs::exists(&clients, &arn).await?,
                _ => true,
            };
            if exists {
                found.insert(arn, step_of(&tags));
            }
        }
    }
    let global = iam::of_system(&home, owner).await?.into_iter().filter(|(arn, _)| !known.has(arn));
    found.extend(global.map(|(arn, tags)| (arn, step_of(&tags))));
    let found = found.into_iter().map(|(arn, step)| Untracked { region: part(&arn, 3).to_owned(), arn, step });
    Ok(Search { found: found.collect(), unread })
}

fn step_of(tags: &Tags) -> StepId {
    tags.get(STEP).map_or("?", String::as_str).into()
}

/// The ARNs and ids that a state records.
struct Known {
    /// The texts of all outputs.
    texts: BTreeSet<String>,
    /// Region, service and a text of the outputs.
    ids: BTreeSet<(String, String, String)>,
}

impl Known {
    fn of(state: &State) -> Self {
        let mut known = Known { texts: BTreeSet::new(), ids: BTreeSet::new() };
        for record in state.steps.values().chain(state.deposed.values()) {
            let mut outputs = BTreeSet::new();
            texts(&record.outputs, &mut outputs);
            let service = service(&record.kind);
            known.texts.extend(outputs.iter().cloned());
            // ARNs of global resources have no region.
            for region in [&record.region, ""] {
                let here = |output: &String| (region.to_owned(), service.to_owned(), output.clone());
                known.ids.extend(outputs.iter().map(here));
            }
        }
        known
    }

    /// True if the state records this ARN. Not every output is an ARN, and the same name in another region or service is
    /// another resource.
    fn has(&self, arn: &str) -> bool {
        let id = match arn.split_once(":log-group:") {
            Some((_, name)) => Some(name),
            None => arn.rsplit_once(['/', ':']).map(|(_, id)| id),
        };
        let (service, region) = (part(arn, 2), part(arn, 3));
        let key = |id: &str| (region.to_owned(), service.to_owned(), id.to_owned());
        // Replicas of a secret have its name and its tags.
        let is_replica =
            || service == "secretsmanager" && self.texts.iter().any(|text| without_region(text) == without_region(arn));
        self.texts.contains(arn) || id.is_some_and(|id| self.ids.contains(&key(id))) || is_replica()
    }
}

/// The service of a resource type in ARNs.
fn service(kind: &str) -> &str {
    match kind.split('.').next().unwrap_or_default() {
        "application_autoscaling" => "application-autoscaling",
        "elb" => "elasticloadbalancing",
        "secrets" => "secretsmanager",
        "waf" => "wafv2",
        other => other,
    }
}

fn part(arn: &str, number: usize) -> &str {
    arn.split(':').nth(number).unwrap_or_default()
}

/// True for resources that AWS creates from ours and tags like them: automated snapshots, recovery points, added readers,
/// tasks of services.
fn is_derived(arn: &str) -> bool {
    let is_task = part(arn, 2) == "ecs" && part(arn, 5).starts_with("task/");
    let parts = ["-snapshot:rds:", ":snapshot:rds:", "awsbackup:", ":recovery-point:", ":db:application-autoscaling-"];
    is_task || parts.iter().any(|part| arn.contains(part))
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
