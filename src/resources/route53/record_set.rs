//! Reads record sets, and changes them in atomic batches.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecordSet, RrType};

use super::home;
use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Cx, Error, Result};
use crate::resources::pages::all_pages;
use crate::resources::tags::Built;

/// A change usually propagates within a minute.
const PROPAGATION: Patience = Patience { poll: Duration::from_secs(5), limit: Duration::from_secs(900) };

/// A name in canonical form: lower case, no trailing dot, `*` not escaped.
pub fn normal(name: &str) -> String {
    name.trim_end_matches('.').replace("\\052", "*").to_lowercase()
}

/// The identity of a record set in its zone.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub name: String,
    pub record_type: String,
    pub set_identifier: Option<String>,
}

impl Key {
    pub fn is(&self, set: &ResourceRecordSet) -> bool {
        self.is_sibling(set) && set.set_identifier() == self.set_identifier.as_deref()
    }

    /// True for the same name and type: Route 53 chooses among these.
    pub fn is_sibling(&self, set: &ResourceRecordSet) -> bool {
        normal(set.name()) == normal(&self.name) && set.r#type().as_str() == self.record_type
    }
}

/// All record sets of the zone, read once a run.
pub(super) async fn all(cx: &Cx, zone: &str) -> Result<Arc<Vec<ResourceRecordSet>>> {
    let load = async { Ok(ignore_not_found(list(&cx.route53, zone).await)?.unwrap_or_default()) };
    home(cx).inventory.once(format!("route53.records.{zone}"), load).await
}

/// All record sets of the zone, read now.
pub async fn list(route53: &aws_sdk_route53::Client, zone: &str) -> Result<Vec<ResourceRecordSet>> {
    all_pages(async |start: Option<(Option<String>, Option<RrType>, Option<String>)>| {
        let (name, record_type, identifier) = start.unwrap_or_default();
        let request = route53.list_resource_record_sets().hosted_zone_id(zone).set_start_record_name(name);
        let request = request.set_start_record_type(record_type).set_start_record_identifier(identifier);
        let page = request.send().await?;
        let next = (page.next_record_name, page.next_record_type, page.next_record_identifier);
        Ok((page.resource_record_sets, page.is_truncated.then_some(next)))
    })
    .await
}

/// The record sets of the key's name and type, read now. There are at most 100.
pub(super) async fn siblings(cx: &Cx, zone: &str, key: &Key) -> Result<Vec<ResourceRecordSet>> {
    let request = cx.route53.list_resource_record_sets().hosted_zone_id(zone).start_record_name(&key.name);
    let request = request.start_record_type(RrType::from(key.record_type.as_str())).max_items(100);
    let sets = request.send().await?.resource_record_sets;
    Ok(sets.into_iter().filter(|set| key.is_sibling(set)).collect())
}

/// A change of a batch.
pub fn change(action: ChangeAction, set: ResourceRecordSet) -> Change {
    Change::builder().action(action).resource_record_set(set).build().built()
}

/// Makes all changes or none. Each attempt calls `changes`, so that they are based on a recent read. Returns the id of the batch,
/// `None` for no changes.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>
pub(super) async fn submit<F>(cx: &Cx, zone: &str, changes: impl Fn() -> F) -> Result<Option<String>>
where
    F: Future<Output = Result<Vec<Change>>>,
{
    let submit = || async {
        let changes = changes().await?;
        if changes.is_empty() {
            return Ok(None);
        }
        let batch: ChangeBatch = ChangeBatch::builder().set_changes(Some(changes)).build().built();
        let request = cx.route53.change_resource_record_sets().hosted_zone_id(zone);
        Ok(Some(request.change_batch(batch).send().await?))
    };
    let answer = cx.retry_while_new("Route 53 to know the zone, or to complete another change of it", submit).await?;
    let missing = || Error::incomplete("route53:ChangeResourceRecordSets", "ChangeInfo");
    answer.map(|answer| Ok(answer.change_info.ok_or_else(missing)?.id)).transpose()
}

/// Waits until all name servers have the changes.
pub(super) async fn in_sync(cx: &Cx, change: &str) -> Result<()> {
    cx.wait_until("all name servers of Route 53 to have the record", PROPAGATION, || async {
        let answer = cx.route53.get_change().id(change.trim_start_matches("/change/")).send().await?;
        Ok(answer.change_info.filter(|info| info.status == ChangeStatus::Insync).map(|_| ()))
    })
    .await
}
