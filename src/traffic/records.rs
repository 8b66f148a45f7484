//! The weights of DNS: read afresh each time, and written in one batch, so that they are at no time all zero.

use std::time::Duration;

use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecordSet, RrType};
use aws_types::request_id::RequestId;

use super::happening::Weight;
use super::levers::DnsLever;
use super::share::{Share, Split};
use crate::aws::{Class, Cloud, Error, Result};
use crate::resources::route53::normal;
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
                Error::local(message).with_help(help)
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
        Weight { lever: dns.name.clone(), split: self.split() }
    }

    /// Both records in one batch, whichever of them is wrong: so the batch holds by itself, whatever somebody else writes in
    /// between. Only the weights change.
    fn changes(&self, share: Share) -> Vec<Change> {
        let Split { blue, green } = share.split();
        let upsert = |set: &ResourceRecordSet, weight: u32| {
            let mut set = set.clone();
            set.weight = Some(weight.into());
            Change::builder().action(ChangeAction::Upsert).resource_record_set(set).build().built()
        };
        vec![upsert(&self.blue, blue), upsert(&self.green, green)]
    }
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
    change: String,
}

/// Gives green this share of the answers. Returns as soon as Route 53 has taken it: see [`in_sync`].
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>
pub async fn write(cloud: &Cloud, dns: &DnsLever, now: &NameNow, share: Share) -> Result<Submitted> {
    let route53 = &cloud.region(cloud.home()).route53;
    let batch = ChangeBatch::builder().comment(format!("provisioner: green {share}"));
    let batch: ChangeBatch = batch.set_changes(Some(now.changes(share))).build().built();
    let mut tries = 0;
    loop {
        let request = route53.change_resource_record_sets().hosted_zone_id(&*dns.hosted_zone);
        match request.change_batch(batch.clone()).send().await.map_err(Error::from) {
            Ok(answer) => {
                let request_id = answer.request_id().map(str::to_owned);
                let missing = Error::incomplete("route53:ChangeResourceRecordSets", "ChangeInfo");
                return Ok(Submitted { request_id, change: answer.change_info.ok_or(missing)?.id });
            }
            // Another change of the zone isn't finished.
            Err(error) if error.class == Class::NotReady && tries < 30 => {
                tries += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Waits until all of Route 53's servers answer by the change: usually within a minute, at most 15.
pub async fn in_sync(cloud: &Cloud, submitted: &Submitted) -> Result<()> {
    let route53 = &cloud.region(cloud.home()).route53;
    let pause = Duration::from_millis(if cloud.endpoint.is_sandbox() { 200 } else { 3000 });
    let deadline = tokio::time::Instant::now() + Duration::from_secs(900);
    loop {
        let answer = route53.get_change().id(submitted.change.trim_start_matches("/change/")).send().await?;
        if answer.change_info.is_some_and(|info| info.status == ChangeStatus::Insync) {
            return Ok(());
        }
        if tokio::time::Instant::now() > deadline {
            let message = "Route 53 has taken the weights 15 minutes ago, and not all of its servers know them";
            return Err(Error::local(message).with_help("see health.aws.amazon.com for Route 53"));
        }
        tokio::time::sleep(pause).await;
    }
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
            let changes = now.changes(share);
            let written: Vec<_> = changes.iter().map(|change| change.resource_record_set().unwrap()).collect();
            let weights: Vec<i64> = written.iter().map(|set| set.weight().unwrap()).collect();
            prop_assert!(weights.iter().all(|weight| (0..=255).contains(weight)) && weights.iter().sum::<i64>() > 0);
            let split = NameNow::of(&lever(), written.iter().copied().cloned().collect()).unwrap().split();
            prop_assert!(split.is(share));
            // Nothing but the weights changes.
            let kept = written.iter().all(|set| set.health_check_id().unwrap().ends_with(set.set_identifier().unwrap()));
            prop_assert!(kept);
        }
    }

    #[test]
    fn a_missing_record_is_named() {
        let error = NameNow::of(&lever(), vec![set("blue", 100)]).unwrap_err();
        assert!(error.to_string().contains("live.example.com A (green)"), "{error}");
    }
}
