//! Record sets as Route 53 has them: reading, and changes that are atomic and waited for.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecordSet, RrType};

use super::home;
use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Cx, Error, Result};
use crate::resources::tags::Built;

/// A change is usually everywhere within a minute.
const EVERYWHERE: Patience = Patience { poll: Duration::from_secs(5), limit: Duration::from_secs(900) };

/// A name in one form: lower case, no dot at the end, no escape for `*`.
pub fn normal(name: &str) -> String {
    name.trim_end_matches('.').replace("\\052", "*").to_lowercase()
}

/// What tells a record set from the others of its zone.
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

    /// The same name and type: Route 53 chooses among such.
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
    let mut all = Vec::new();
    let (mut name, mut record_type, mut identifier) = (None, None, None);
    loop {
        let request = route53.list_resource_record_sets().hosted_zone_id(zone).set_start_record_name(name);
        let request = request.set_start_record_type(record_type).set_start_record_identifier(identifier);
        let page = request.send().await?;
        all.extend(page.resource_record_sets);
        if !page.is_truncated {
            return Ok(all);
        }
        (name, record_type, identifier) = (page.next_record_name, page.next_record_type, page.next_record_identifier);
    }
}

/// The record sets of the key's name and type, read now: at most 100 exist.
pub(super) async fn siblings(cx: &Cx, zone: &str, key: &Key) -> Result<Vec<ResourceRecordSet>> {
    let request = cx.route53.list_resource_record_sets().hosted_zone_id(zone).start_record_name(&key.name);
    let request = request.start_record_type(RrType::from(key.record_type.as_str())).max_items(100);
    let sets = request.send().await?.resource_record_sets;
    Ok(sets.into_iter().filter(|set| key.is_sibling(set)).collect())
}

/// One change of a batch.
pub fn change(action: ChangeAction, set: ResourceRecordSet) -> Change {
    Change::builder().action(action).resource_record_set(set).build().built()
}

/// Makes all changes or none. `changes` is asked anew before each try: what was read a while ago may be overruled by now.
/// Returns the change's id; `None` if there was nothing to change.
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
    let answer = cx.retry_while_new("Route 53 to know the zone and finish another change of it", submit).await?;
    let missing = || Error::incomplete("route53:ChangeResourceRecordSets", "ChangeInfo");
    answer.map(|answer| Ok(answer.change_info.ok_or_else(missing)?.id)).transpose()
}

/// Waits until all of Route 53's servers answer by the change.
pub(super) async fn in_sync(cx: &Cx, change: &str) -> Result<()> {
    cx.wait_until("all of Route 53's servers to know the record", EVERYWHERE, || async {
        let answer = cx.route53.get_change().id(change.trim_start_matches("/change/")).send().await?;
        Ok(answer.change_info.filter(|info| info.status == ChangeStatus::Insync).map(|_| ()))
    })
    .await
}
