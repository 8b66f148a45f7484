//! The weights of DNS: read afresh each time, and written in one batch, so that they are at no time all zero.

use std::time::Duration;

use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecordSet, RrType};
use aws_types::request_id::RequestId;

use super::event::Weight;
use super::levers::DnsLever;
use super::share::{Share, Split};
use crate::aws::{Class, Cloud, Error, Result};
use crate::resources::route53::{change, normal};
use crate::resources::tags::Built;

/// The records of a weighted name at the moment.
#[derive(Clone, Debug)]
pub struct NameNow {
    blue: ResourceRecordSet,
    green: ResourceRecordSet,
}

impl NameNow {
    /// Picks the two records of the lever among others.
    fn of(dns: &DnsLever, sets: Vec<ResourceRecordSet>) -> Result<Self> {
        let wanted = |set: &ResourceRecordSet, identifier: &str| {
            normal(set.name()) == normal(&dns.name)
                && set.r#type().as_str() == dns.record_type
                && set.set_identifier() == Some(identifier)
                && set.weight().is_some()
        };
        let find = |identifier: &str| {
            let found = sets.iter().find(|set| wanted(set, identifier)).cloned();
            found.ok_or_else(|| {
                let message = format!("there is no weighted record {} {} ({identifier})", dns.name, dns.record_type);
                let help = "it was deleted or replaced: `provisioner plan` tells, `provisioner apply` makes it again";
                Error { class: Class::NotFound, ..Error::local(message).with_help(help) }
            })
        };
        Ok(NameNow { blue: find(&dns.blue)?, green: find(&dns.green)? })
    }

    /// The weights.
    pub fn split(&self) -> Split {
        let weight =
            |set: &ResourceRecordSet| set.weight().and_then(|weight| u32::try_from(weight).ok()).unwrap_or_default();
        Split { blue: weight(&self.blue), green: weight(&self.green) }
    }

    /// The weights, named.
    pub fn weight(&self, dns: &DnsLever) -> Weight {
        Weight::new(&dns.name, self.split())
    }

    /// Both records in one batch, whichever of them is wrong: so the batch holds by itself, whatever somebody else writes in
    /// between. Only the weights change.
    fn upserts(&self, share: Share) -> Vec<Change> {
        let Split { blue, green } = share.split();
        vec![
            change(ChangeAction::Upsert, with_weight(&self.blue, blue)),
            change(ChangeAction::Upsert, with_weight(&self.green, green)),
        ]
    }

    /// The same, but only as long as both are as they were read: Route 53 deletes no record that isn't exactly as it is told,
    /// and a batch is carried out whole or not at all.
    fn exchange(&self, share: Share) -> Vec<Change> {
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

/// Reads the weights of the name.
pub async fn read(cloud: &Cloud, dns: &DnsLever) -> Result<NameNow> {
    let route53 = &cloud.region(cloud.home()).route53;
    let request = route53.list_resource_record_sets().hosted_zone_id(&*dns.hosted_zone).start_record_name(&dns.name);
    // Of one name and type there are at most 100.
    let request = request.start_record_type(RrType::from(dns.record_type.as_str())).max_items(100);
    NameNow::of(dns, request.send().await?.resource_record_sets)
}

/// A change of records that Route 53 has taken.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// AWS's request id.
    pub request_id: Option<String>,
    /// `None` where the answer that named it was lost.
    change: Option<String>,
}

/// Gives green this share of the answers, unless the records have changed since they were read. Returns as soon as Route 53
/// has taken it: see [`in_sync`].
///
/// # Errors
/// `InvalidChangeBatch` if somebody else has changed a record in between: nothing was written then.
pub async fn write(cloud: &Cloud, dns: &DnsLever, now: &NameNow, share: Share) -> Result<Submitted> {
    let changes = now.exchange(share);
    let mut tries = 0;
    loop {
        let error = match submit(cloud, dns, changes.clone(), share).await {
            Err(error) => error,
            submitted => return submitted,
        };
        let is_refused = error.is_code("InvalidChangeBatch");
        // A try before may have been taken although its answer was lost.
        let may_stand = is_refused || error.class == Class::OutcomeUnknown;
        if may_stand && read(cloud, dns).await.is_ok_and(|now| now.split().is(share)) {
            return Ok(Submitted { request_id: error.request_id, change: None });
        }
        if is_refused {
            return Err(error.with_help("somebody else has changed the records of this name at the same moment"));
        }
        // Another change of the zone isn't finished, for example.
        if !may_pass(&error) || tries == 30 {
            return Err(error);
        }
        tries += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Gives green this share of the answers, whatever anybody writes at the same moment. Tries once.
pub async fn overwrite(cloud: &Cloud, dns: &DnsLever, now: &NameNow, share: Share) -> Result<Submitted> {
    submit(cloud, dns, now.upserts(share), share).await
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

/// How long all of Route 53's servers may take to know a change: usually it is within a minute.
pub const IN_SYNC: Duration = Duration::from_secs(900);

/// True once all of Route 53's servers answer by the change.
pub async fn is_in_sync(cloud: &Cloud, submitted: &Submitted) -> Result<bool> {
    let route53 = &cloud.region(cloud.home()).route53;
    let Some(change) = &submitted.change else { return Ok(true) };
    let answer = route53.get_change().id(change.trim_start_matches("/change/")).send().await?;
    Ok(answer.change_info.is_some_and(|info| info.status == ChangeStatus::Insync))
}

/// Waits until it is, at most so long. What can't be read is asked again.
pub async fn in_sync(cloud: &Cloud, submitted: &Submitted, limit: Duration) -> Result<()> {
    let pause = Duration::from_millis(if cloud.endpoint.is_sandbox() { 200 } else { 3000 });
    let deadline = tokio::time::Instant::now() + limit;
    loop {
        let answer = is_in_sync(cloud, submitted).await;
        match answer {
            Ok(true) => return Ok(()),
            Err(error) if !may_pass(&error) => return Err(error),
            _ if tokio::time::Instant::now() > deadline => return Err(answer.err().unwrap_or_else(never_in_sync)),
            _ => tokio::time::sleep(pause).await,
        }
    }
}

/// The error for records that weren't known everywhere in time.
pub fn never_in_sync() -> Error {
    let message = "Route 53 has taken the weights, and not all of its servers know them for a long time";
    Error::local(message).with_help("see health.aws.amazon.com for Route 53")
}

/// True for an error after which the same call may work.
pub fn may_pass(error: &Error) -> bool {
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
        fn every_batch_holds_both_records_and_some_weight(blue in 0i64..=255, green in 0i64..=255, percent in 0u8..=100) {
            let now = NameNow::of(&lever(), vec![set("green", green), set("blue", blue)]).unwrap();
            let share = Share::try_from(percent).unwrap();
            let upserts = now.upserts(share);
            let written: Vec<_> = upserts.iter().map(|change| change.resource_record_set().unwrap()).collect();
            let weights: Vec<i64> = written.iter().map(|set| set.weight().unwrap()).collect();
            prop_assert!(weights.iter().all(|weight| (0..=255).contains(weight)) && weights.iter().sum::<i64>() > 0);
            let split = NameNow::of(&lever(), written.iter().copied().cloned().collect()).unwrap().split();
            prop_assert!(split.is(share));
            // Nothing but the weights changes.
            let kept = written.iter().all(|set| set.health_check_id().unwrap().ends_with(set.set_identifier().unwrap()));
            prop_assert!(kept);
            // What is exchanged is written the same, in the place of exactly what was read.
            let of = |action: ChangeAction| {
                let changes = now.exchange(share).into_iter().filter(move |change| *change.action() == action);
                changes.map(|change| change.resource_record_set.unwrap()).collect::<Vec<_>>()
            };
            prop_assert_eq!(of(ChangeAction::Delete), [now.blue.clone(), now.green.clone()]);
            prop_assert!(of(ChangeAction::Create).iter().eq(written));
        }
    }

    #[test]
    fn a_missing_record_is_named() {
        let error = NameNow::of(&lever(), vec![set("blue", 100)]).unwrap_err();
        assert!(error.to_string().contains("live.example.com A (green)"), "{error}");
    }
}
