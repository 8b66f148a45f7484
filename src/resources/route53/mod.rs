//! Route 53: global, whatever the region of the step.

mod health_check;
mod hosted_zone;
mod query_logging_config;
mod record;
mod record_set;

pub use health_check::{HealthCheck, HealthCheckOutputs};
pub use hosted_zone::{HostedZone, HostedZoneOutputs};
pub use query_logging_config::{QueryLoggingConfig, QueryLoggingConfigOutputs};
pub use record::{FailoverRole, Record, RecordOutputs, Routing, Target};
pub use record_set::{change, list, normal};

use std::collections::HashMap;
use std::slice;
use std::sync::Arc;

use aws_sdk_route53::types::TagResourceType;

use crate::aws::{Clients, Cx, Result};
use crate::engine::Tags;
use crate::engine::ownership::{SUFFIX, SYSTEM};
use crate::resources::{Found, Resource};

crate::resources::tags::tag_type!(aws_sdk_route53::types::Tag);

/// The clients whose inventory holds what was read: the same for all regions, as there is one Route 53.
fn home(cx: &Cx) -> Arc<Clients> {
    cx.in_region(cx.shared.cloud.home())
}

/// The tags of a health check or hosted zone. AWS tells those of ten at once, so `siblings`, others that are likely to be
/// asked for in this run, share the call.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListTagsForResources.html>
async fn tags_of(cx: &Cx, kind: TagResourceType, id: &str, siblings: &[String]) -> Result<Tags> {
    let id = id.to_owned();
    let group = siblings.chunks(10).find(|group| group.contains(&id)).unwrap_or(slice::from_ref(&id));
    let key = format!("route53.tags.{kind}.{}", group[0]);
    let all = match home(cx).inventory.once(key, list_tags(cx, kind.clone(), group)).await {
        // One of the others went away in between, and AWS refuses the whole call.
        Err(error) if error.is_not_found() && group.len() > 1 => {
            list_tags(cx, kind, slice::from_ref(&id)).await?.into()
        }
        outcome => outcome?,
    };
    Ok(all.get(&id).cloned().unwrap_or_default())
}

/// What stands in a hosted zone and carries no tags: a part of the zone if that is this system's. In a zone that was given
/// only the state tells whose it is; what the state knows (`known`) needs no look at the zone.
async fn found_in_zone<R: Resource>(
    cx: &Cx,
    zone: &str,
    known: bool,
    spec: R,
    outputs: R::Outputs,
) -> Result<Found<R>> {
    let owner = &cx.shared.owner;
    let is_ours = known || {
        let tags = tags_of(cx, TagResourceType::Hostedzone, zone, &[]).await?;
        tags.get(SYSTEM) == Some(&owner.system) && tags.get(SUFFIX) == Some(&owner.suffix)
    };
    Ok(if is_ours { Found::child(spec, outputs) } else { Found::name_only(spec, outputs) })
}

async fn list_tags(cx: &Cx, kind: TagResourceType, ids: &[String]) -> Result<HashMap<String, Tags>> {
    let request = cx.route53.list_tags_for_resources().resource_type(kind);
    let answer = request.set_resource_ids(Some(ids.to_vec())).send().await?;
    let sets = answer.resource_tag_sets().iter();
    Ok(sets.map(|set| (set.resource_id().unwrap_or_default().to_owned(), from_sdk(set.tags()))).collect())
}

/// Sets and removes tags: at most ten in a call.
async fn tag(cx: &Cx, kind: TagResourceType, id: &str, set: &Tags, remove: &[String]) -> Result<()> {
    let request = || cx.route53.change_tags_for_resource().resource_type(kind.clone()).resource_id(id);
    let mut tags = to_sdk(set);
    // A run may die between two calls: whose it is comes with the first.
    tags.sort_by_key(|tag| !tag.key().is_some_and(|key| key.starts_with("provisioner:")));
    for tags in tags.chunks(10) {
        request().set_add_tags(Some(tags.to_vec())).send().await?;
    }
    for keys in remove.chunks(10) {
        request().set_remove_tag_keys(Some(keys.to_vec())).send().await?;
    }
    Ok(())
}
