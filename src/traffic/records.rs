//! Reads and writes the weights of DNS records. They are read before each write, and written in one batch, so that they are
//! never all zero.

use std::time::Duration;

use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecordSet, RrType};
use aws_types::request_id::RequestId;

use super::levers::DnsLever;
use super::share::{Share, Split};
use super::weight::Weight;
use crate::aws::{Class, Cloud, Error, Result};
use crate::resources::route53::{change, normal};
use crate::resources::tags::Built;

/// The actual weighted records of a DNS name.
#[derive(Clone, Debug)]
pub struct RecordWeights {
    blue: ResourceRecordSet,
    green: ResourceRecordSet,
}

impl RecordWeights {
    /// Selects the lever's two records.
    fn of(dns: &DnsLever, sets: Vec<ResourceRecordSet>) -> Result<Self> {
        let is_ours = |set: &ResourceRecordSet, identifier: &str| {
            normal(set.name()) == normal(&dns.name)
                && set.r#type().as_str() == dns.record_type
                && set.set_identifier() == Some(identifier)
                && set.weight().is_some()
        };
        let find = |identifier: &str| {
            let found = sets.iter().find(|set| is_ours(set, identifier)).cloned();
            found.ok_or_else(|| {
                let message =
                    format!("the weighted record {} {} ({identifier}) doesn't exist", dns.name, dns.record_type);
                let help = "`provisioner plan` shows what is missing, `provisioner apply` creates it again";
                Error { class: Class::NotFound, ..Error::local(message).with_help(help) }
            })
        };
        Ok(RecordWeights { blue: find(&dns.blue)?, green: find(&dns.green)? })
    }

    /// The weights.
    pub fn split(&self) -> Split {
        let weight =
            |set: &ResourceRecordSet| set.weight().and_then(|weight| u32::try_from(weight).ok()).unwrap_or_default();
        Split { blue: weight(&self.blue), green: weight(&self.green) }
    }

    /// The weights with the DNS name.
    pub fn weight(&self, dns: &DnsLever) -> Weight {
        Weight::new(&dns.name, self.split())
    }

    /// Upserts of both records in one batch, even if only one differs: the result doesn't depend on concurrent writes. Only the
    /// weights change.
    fn upserts(&self, share: Share) -> Vec<Change> {
        let Split { blue, green } = share.split();
        vec![
            change(ChangeAction::Upsert, with_weight(&self.blue, blue)),
            change(ChangeAction::Upsert, with_weight(&self.green, green)),
        ]
    }

    /// The same, but only if both records are still as read: Route 53 rejects a deletion of a record that differs, and executes a
    /// batch as a whole or not at all.
    fn compare_and_swap(&self, share: Share) -> Vec<Change> {
        let Split { blue, green } = share.split();
        let one = |set: &ResourceRecordSet, weight| {
            [change(ChangeAction::Delete, set.clone()), change(ChangeAction::Create, with_weight(set, weight))]
        };
        [one(&self.blue, blue), one(&self.green, green)].concat()
    }
}

fn with_weight(set: &ResourceRecordSet, weight: u32) -> ResourceRecordSet {
    let mut set = set.clone();
    set.weight = Some(weight.into());
    set
}

/// Reads the weights of the DNS name.
pub async fn read(cloud: &Cloud, dns: &DnsLever) -> Result<RecordWeights> {
    let route53 = &cloud.region(cloud.home()).route53;
    let request = route53.list_resource_record_sets().hosted_zone_id(&*dns.hosted_zone).start_record_name(&dns.name);
    // There are at most 100 records of one name and type.
    let request = request.start_record_type(RrType::from(dns.record_type.as_str())).max_items(100);
    RecordWeights::of(dns, request.send().await?.resource_record_sets)
}

/// A change that Route 53 has accepted.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// AWS's request id.
    pub request_id: Option<String>,
    /// The id of the change; `None` if the answer was lost.
    change: Option<String>,
}

/// Gives green this share of the answers, unless the records have changed since they were read. Returns as soon as Route 53
/// accepts the change: see [`wait_in_sync`].
///
/// # Errors
/// `InvalidChangeBatch` if a record has changed since it was read: nothing was written then.
pub async fn write(cloud: &Cloud, dns: &DnsLever, actual: &RecordWeights, share: Share) -> Result<Submitted> {
    let changes = actual.compare_and_swap(share);
    let mut tries = 0;
    loop {
        let error = match submit(cloud, dns, changes.clone(), share).await {
            Err(error) => error,
            submitted => return submitted,
        };
        let is_rejected = error.is_code("InvalidChangeBatch");
        // An earlier attempt may have succeeded although its answer was lost.
        let may_be_written = is_rejected || error.class == Class::OutcomeUnknown;
        if may_be_written && read(cloud, dns).await.is_ok_and(|actual| actual.split().is_at(share)) {
            return Ok(Submitted { request_id: error.request_id, change: None });
        }
        if is_rejected {
            return Err(error.with_help("the records of this name were changed at the same time: find out by whom"));
        }
        // For example, another change of the zone is in progress.
        if !is_transient(&error) || tries == 30 {
            return Err(error);
        }
        tries += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Gives green this share of the answers, whatever is written at the same time. One attempt.
pub async fn overwrite(cloud: &Cloud, dns: &DnsLever, actual: &RecordWeights, share: Share) -> Result<Submitted> {
    submit(cloud, dns, actual.upserts(share), share).await
}

/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>
async fn submit(cloud: &Cloud, dns: &DnsLever, changes: Vec<Change>, share: Share) -> Result<Submitted> {
    let batch = ChangeBatch::builder().comment(format!("provisioner: green {share}"));
    let batch: ChangeBatch = batch.set_changes(Some(changes)).build().built();
    let request = cloud.region(cloud.home()).route53.change_resource_record_sets().hosted_zone_id(&*dns.hosted_zone);
    let answer = request.change_batch(batch).send().await?;
    let request_id = answer.request_id().map(str::to_owned);
    let missing = Error::incomplete("route53:ChangeResourceRecordSets", "ChangeInfo");
    Ok(Submitted { request_id, change: Some(answer.change_info.ok_or(missing)?.id) })
}

/// The timeout for all Route 53 servers to have a change. Typical: one minute.
pub const SYNC_TIMEOUT: Duration = Duration::from_secs(900);

/// True once all Route 53 servers have the change.
pub async fn is_in_sync(cloud: &Cloud, submitted: &Submitted) -> Result<bool> {
    let route53 = &cloud.region(cloud.home()).route53;
    let Some(change) = &submitted.change else { return Ok(true) };
    let answer = route53.get_change().id(change.trim_start_matches("/change/")).send().await?;
    Ok(answer.change_info.is_some_and(|info| info.status == ChangeStatus::Insync))
}

/// Waits until all Route 53 servers have the change. Retries failed reads.
pub async fn wait_in_sync(cloud: &Cloud, submitted: &Submitted, limit: Duration) -> Result<()> {
    let pause = Duration::from_millis(if cloud.endpoint.is_sandbox() { 200 } else { 3000 });
    let deadline = tokio::time::Instant::now() + limit;
    loop {
        let answer = is_in_sync(cloud, submitted).await;
        match answer {
            Ok(true) => return Ok(()),
            Err(error) if !is_transient(&error) => return Err(error),
            _ if tokio::time::Instant::now() > deadline => return Err(answer.err().unwrap_or_else(sync_timed_out)),
            _ => tokio::time::sleep(pause).await,
        }
    }
}

/// The error after [`SYNC_TIMEOUT`].
pub fn sync_timed_out() -> Error {
    let message = "Route 53 accepted the weights, but not all of its servers have them yet";
    Error::local(message).with_help("check the status of Route 53 on health.aws.amazon.com")
}

/// True if the same call may succeed later.
pub fn is_transient(error: &Error) -> bool {
    matches!(error.class, Class::Retryable | Class::Throttled | Class::OutcomeUnknown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lever() -> DnsLever {
        DnsLever {
            hosted_zone: "Z1".into(),
            name: "live.example.com".to_owned(),
            record_type: "A".to_owned(),
            blue: "blue".to_owned(),
            green: "green".to_owned(),
        }
    }

    fn set(identifier: &str, weight: i64) -> ResourceRecordSet {
        let set = ResourceRecordSet::builder().name("LIVE.example.com.").r#type(RrType::A).set_identifier(identifier);
        set.weight(weight).health_check_id(format!("check-{identifier}")).build().unwrap()
    }

    proptest! {
        #[test]
        fn batches_contain_both_records_and_a_weight(blue in 0i64..=255, green in 0i64..=255, percent in 0u8..=100) {
            let actual = RecordWeights::of(&lever(), vec![set("green", green), set("blue", blue)]).unwrap();
            let share = Share::try_from(percent).unwrap();
            let upserts = actual.upserts(share);
            let written: Vec<_> = upserts.iter().map(|change| change.resource_record_set().unwrap()).collect();
            let weights: Vec<i64> = written.iter().map(|set| set.weight().unwrap()).collect();
            prop_assert!(weights.iter().all(|weight| (0..=255).contains(weight)) && weights.iter().sum::<i64>() > 0);
            let split = RecordWeights::of(&lever(), written.iter().copied().cloned().collect()).unwrap().split();
            prop_assert!(split.is_at(share));
            // Only the weights change.
            let kept = written.iter().all(|set| set.health_check_id().unwrap().ends_with(set.set_identifier().unwrap()));
            prop_assert!(kept);
            // Compare-and-swap deletes exactly what was read and creates the same records.
            let of = |action: ChangeAction| {
                let changes = actual.compare_and_swap(share).into_iter().filter(move |change| *change.action() == action);
                changes.map(|change| change.resource_record_set.unwrap()).collect::<Vec<_>>()
            };
            prop_assert_eq!(of(ChangeAction::Delete), [actual.blue.clone(), actual.green.clone()]);
            prop_assert!(of(ChangeAction::Create).iter().eq(written));
        }
    }

    #[test]
    fn missing_record_is_named() {
        let error = RecordWeights::of(&lever(), vec![set("blue", 100)]).unwrap_err();
        assert!(error.to_string().contains("live.example.com A (green)"), "{error}");
    }
}
