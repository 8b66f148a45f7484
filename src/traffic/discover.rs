//! Finds levers without a state file, by the ownership tags.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_route53::types::ResourceRecordSet;

use super::levers::{BLUE, DnsLever, EdgeLever, Environments, GREEN, Levers, Signals, Watched};
use crate::aws::{Cloud, Error, Result};
use crate::engine::Tags;
use crate::engine::ownership::{Owner, STEP};
use crate::engine::step::ENVIRONMENT;
use crate::resources::route53::normal;
use crate::resources::tags;

/// The port that customers connect to.
const HTTPS: i32 = 443;

/// The result of a search for levers.
#[derive(Debug)]
pub struct Discovered {
    /// The levers.
    pub levers: Levers,
    /// Customer listeners whose target groups weren't found.
    pub missing: Vec<String>,
    /// Why the search for the weighted DNS name failed, if load balancers decide.
    pub dns_error: Option<Error>,
}

/// Finds the levers of a system: load balancers in `region`, and the weighted DNS name that points to them. Alarms and metrics
/// can't be found this way and stay empty.
pub async fn find(cloud: &Cloud, owner: &Owner, region: &str) -> Result<Discovered> {
    let tagged = tags::of_system(&cloud.region(region), owner).await?;
    let (edges, missing) = edges(cloud, region, &tagged).await?;
    let (dns, dns_error) = match dns(cloud, owner, region, &tagged).await {
        Ok(dns) => (dns, None),
        Err(error) if !edges.is_empty() => (None, Some(error)),
        Err(error) => return Err(error),
    };
    let no_signals = || Signals { latency_unit_ms: 1.0, ..Signals::default() };
    let watched = Watched {
        region: region.to_owned(),
        alarms: Vec::new(),
        composite: None,
        blue: no_signals(),
        green: no_signals(),
        green_targets: Vec::new(),
        green_writes: None,
    };
    let levers = Levers { environments: Environments::default(), edges, dns, watched };
    Ok(Discovered { levers, missing, dns_error })
}

/// The HTTPS listeners, with the target groups of blue and green in the same module.
async fn edges(cloud: &Cloud, region: &str, tagged: &HashMap<String, Tags>) -> Result<(Vec<EdgeLever>, Vec<String>)> {
    let arns: Vec<_> = tagged.keys().filter(|arn| arn.contains(":listener/app/")).cloned().collect();
    let (mut edges, mut missing) = (Vec::new(), Vec::new());
    for arns in arns.chunks(20) {
        let request = cloud.region(region).elb.describe_listeners().set_listener_arns(Some(arns.to_vec()));
        for listener in request.send().await?.listeners.unwrap_or_default() {
            // The test listener forwards to green on purpose.
            if listener.port() != Some(HTTPS) {
                continue;
            }
            let arn = listener.listener_arn().unwrap_or_default();
            let tags = tagged.get(arn);
            let name = tags.and_then(|tags| tags.get(ENVIRONMENT)).cloned().unwrap_or_default();
            let module = tags.and_then(|tags| tags.get(STEP)?.rsplit_once('/')).map_or("", |(module, _)| module);
            // By module, not by what the listener forwards to: that may have been changed.
            let group_of = |environment: &str| {
                let prefix = format!("{module}/to-{environment}/");
                let is_in_module = |tags: &Tags| tags.get(STEP).is_some_and(|step| step.starts_with(&prefix));
                let group = |(arn, tags): &(&String, &Tags)| arn.contains(":targetgroup/") && is_in_module(tags);
                tagged.iter().find(group).map(|(arn, _)| arn.as_str())
            };
            match (group_of(BLUE), group_of(GREEN)) {
                (Some(blue), Some(green)) => edges.push(EdgeLever {
                    name,
                    region: region.to_owned(),
                    listener: arn.into(),
                    rule: None,
                    blue: blue.into(),
                    green: green.into(),
                }),
                _ => missing.push(format!("listener {arn}")),
            }
        }
    }
    edges.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((edges, missing))
}

/// The DNS name whose two weighted records point to load balancers of the system.
async fn dns(cloud: &Cloud, owner: &Owner, region: &str, tagged: &HashMap<String, Tags>) -> Result<Option<DnsLever>> {
    let balancers: Vec<_> = tagged.keys().filter(|arn| arn.contains(":loadbalancer/app/")).cloned().collect();
    let mut hosts = Vec::new();
    for arns in balancers.chunks(20) {
        let request = cloud.region(region).elb.describe_load_balancers().set_load_balancer_arns(Some(arns.to_vec()));
        let found = request.send().await?.load_balancers.unwrap_or_default();
        hosts.extend(found.iter().filter_map(|balancer| balancer.dns_name()).map(normal));
    }
    for zone in zones(cloud, owner).await? {
        let sets = crate::resources::route53::list(&cloud.region(cloud.home()).route53, &zone).await?;
        let mut names: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
        for set in sets.iter().filter(|set| set.weight().is_some() && points_to_one_of(set, &hosts)) {
            let name = (normal(set.name()), set.r#type().as_str().to_owned());
            names.entry(name).or_default().extend(set.set_identifier());
        }
        let both = |identifiers: &Vec<&str>| [BLUE, GREEN].iter().all(|identifier| identifiers.contains(identifier));
        if let Some(((name, record_type), _)) = names.into_iter().find(|(_, identifiers)| both(identifiers)) {
            let (blue, green) = (BLUE.to_owned(), GREEN.to_owned());
            return Ok(Some(DnsLever { hosted_zone: zone.into(), name, record_type, blue, green }));
        }
    }
    Ok(None)
}

fn points_to_one_of(set: &ResourceRecordSet, hosts: &[String]) -> bool {
    set.alias_target().is_some_and(|alias| hosts.contains(&normal(alias.dns_name())))
}

/// The system's own zones, or all of the account if it has none: the configuration may name an existing zone.
async fn zones(cloud: &Cloud, owner: &Owner) -> Result<Vec<String>> {
    let global = tags::of_system(&cloud.region(cloud.home()), owner).await?;
    let own: Vec<_> =
        global.keys().filter_map(|arn| arn.split_once(":hostedzone/")).map(|(_, id)| id.to_owned()).collect();
    if !own.is_empty() {
        return Ok(own);
    }
    let mut pages = cloud.region(cloud.home()).route53.list_hosted_zones().into_paginator().items().send();
    let mut all = Vec::new();
    while let Some(zone) = pages.next().await {
        all.push(zone?.id.trim_start_matches("/hostedzone/").to_owned());
    }
    Ok(all)
}
