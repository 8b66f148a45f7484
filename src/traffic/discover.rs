//! Levers without a state file: found in AWS by the tags that everything of a system carries.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_route53::types::ResourceRecordSet;

use super::levers::{DnsLever, EdgeLever, Levers, Signals, Watched};
use crate::aws::{Cloud, Error, Result};
use crate::engine::Tags;
use crate::engine::ownership::{Owner, STEP};
use crate::resources::route53::normal;
use crate::resources::tags;

const BLUE: &str = "blue";
const GREEN: &str = "green";
/// Where customers come in.
const HTTPS: i32 = 443;

/// What was found.
#[derive(Debug)]
pub struct Discovered {
    /// The levers.
    pub levers: Levers,
    /// Listeners that customers come in by and whose target groups aren't known.
    pub missing: Vec<String>,
    /// Why the weighted name couldn't be looked for, where load balancers decide.
    pub dns_error: Option<Error>,
}

/// The levers of a system: load balancers in `region`, and the weighted name that leads to them. What is watched can't be
/// found like this: it stays empty.
pub async fn levers(cloud: &Cloud, owner: &Owner, region: &str) -> Result<Discovered> {
    let tagged = tags::of_system(&cloud.region(region), owner).await?;
    let (edges, missing) = edges(cloud, region, &tagged).await?;
    let (dns, dns_error) = match dns(cloud, owner, region, &tagged).await {
        Ok(dns) => (dns, None),
        Err(error) if !edges.is_empty() => (None, Some(error)),
        Err(error) => return Err(error),
    };
    let nothing = || Signals { latency_unit_ms: 1.0, ..Signals::default() };
    let watched = Watched {
        region: region.to_owned(),
        alarms: Vec::new(),
        composite: None,
        blue: nothing(),
        green: nothing(),
        green_targets: Vec::new(),
        green_writes: None,
    };
    Ok(Discovered { levers: Levers { edges, dns, watched }, missing, dns_error })
}

/// The HTTPS listeners with the target groups of blue and green that were made with them.
async fn edges(cloud: &Cloud, region: &str, tagged: &HashMap<String, Tags>) -> Result<(Vec<EdgeLever>, Vec<String>)> {
    let arns: Vec<_> = tagged.keys().filter(|arn| arn.contains(":listener/app/")).cloned().collect();
    let (mut edges, mut missing) = (Vec::new(), Vec::new());
    for arns in arns.chunks(20) {
        let request = cloud.region(region).elb.describe_listeners().set_listener_arns(Some(arns.to_vec()));
        for listener in request.send().await?.listeners.unwrap_or_default() {
            // The one that customers come in by; the test listener leads to green on purpose.
            if listener.port() != Some(HTTPS) {
                continue;
            }
            let arn = listener.listener_arn().unwrap_or_default();
            let tags = tagged.get(arn);
            let environment = tags.and_then(|tags| tags.get("Environment")).cloned().unwrap_or_default();
            let module = tags.and_then(|tags| tags.get(STEP)?.rsplit_once('/')).map_or("", |(module, _)| module);
            // Whatever it forwards to by now, its groups are those beside it in the system.
            let of = |color: &str| {
                let beside =
                    |tags: &Tags| tags.get(STEP).is_some_and(|step| step.starts_with(&format!("{module}/to-{color}/")));
                let group = |(arn, tags): &(&String, &Tags)| arn.contains(":targetgroup/") && beside(tags);
                tagged.iter().find(group).map(|(arn, _)| arn.as_str())
            };
            match (of(BLUE), of(GREEN)) {
                (Some(blue), Some(green)) => edges.push(EdgeLever {
                    name: environment,
                    region: region.to_owned(),
                    listener: arn.into(),
                    rule: None,
                    blue: blue.into(),
                    green: green.into(),
                }),
                _ => missing.push(format!("the listener {arn}")),
            }
        }
    }
    edges.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((edges, missing))
}

/// The name whose two weighted records lead to load balancers of the system: in its own zone, or in whichever zone has it.
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
        for set in sets.iter().filter(|set| set.weight().is_some() && leads_to_one_of(set, &hosts)) {
            let name = (normal(set.name()), set.r#type().as_str().to_owned());
            names.entry(name).or_default().extend(set.set_identifier());
        }
        let both = |identifiers: &Vec<&str>| [BLUE, GREEN].iter().all(|color| identifiers.contains(color));
        if let Some(((name, record_type), _)) = names.into_iter().find(|(_, identifiers)| both(identifiers)) {
            let (blue, green) = (BLUE.to_owned(), GREEN.to_owned());
            return Ok(Some(DnsLever { hosted_zone: zone.into(), name, record_type, blue, green }));
        }
    }
    Ok(None)
}

fn leads_to_one_of(set: &ResourceRecordSet, hosts: &[String]) -> bool {
    set.alias_target().is_some_and(|alias| hosts.contains(&normal(alias.dns_name())))
}

/// The system's own zones; all of the account where it has none, as it then works in one that was given to it.
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
