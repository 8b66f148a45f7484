//! The hosted zone, and the weighted records that resolve to the load balancers of both environments.

use std::collections::BTreeSet;

use serde_json::json;

use super::policy::document;
use super::{BLUE, GREEN, Scope, log_group};
use crate::resources::elb::LoadBalancerOutputs;
use crate::resources::ids::{HealthCheckId, HostedZoneId, KeyArn};
use crate::resources::logs::ResourcePolicy;
use crate::resources::route53::{FailoverRole, HealthCheck, HostedZone, QueryLoggingConfig, Record, Routing, Target};

/// The only region in which Route 53 has query logs and metrics of health checks.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/query-logs.html>
pub const ROUTE53_REGION: &str = "us-east-1";

/// The source of a hosted zone.
#[derive(Clone, Debug)]
pub enum ZoneSource<'a> {
    /// Create one.
    Created {
        /// The domain.
        domain: &'a str,
    },
    /// Use an existing one, which `destroy` keeps.
    Given {
        /// The domain.
        domain: &'a str,
        /// Its id.
        hosted_zone_id: &'a str,
    },
}

/// A hosted zone.
#[derive(Clone, Debug)]
pub struct Zone {
    /// The zone's id.
    pub hosted_zone_id: HostedZoneId,
    /// The domain.
    pub domain: String,
    /// The name servers to delegate the domain to, joined by commas; `None` for an existing zone.
    pub name_servers: Option<String>,
}

/// Adds the zone, and with a key for us-east-1 its query log. A zone has at most one query log: leave it out for an existing
/// zone.
pub fn zone(scope: &Scope<'_>, source: &ZoneSource<'_>, query_log_key: Option<&KeyArn>) -> Zone {
    let scope = scope.at("dns");
    let zone = match *source {
        ZoneSource::Created { domain } => {
            let comment = format!("Payments, {}", scope.suffix());
            let zone = scope.add("zone", HostedZone { name: domain.to_owned(), comment });
            let name_servers = Some(zone.name_servers);
            Zone { hosted_zone_id: zone.hosted_zone_id, domain: domain.to_owned(), name_servers }
        }
        ZoneSource::Given { domain, hosted_zone_id } => {
            Zone { hosted_zone_id: hosted_zone_id.into(), domain: domain.to_owned(), name_servers: None }
        }
    };
    if let Some(key) = query_log_key {
        log_queries(&scope.in_region(ROUTE53_REGION), &zone, key);
    }
    zone
}

fn log_queries(scope: &Scope<'_>, zone: &Zone, key: &KeyArn) {
    let name = format!("/aws/route53/{}", scope.name("queries"));
    let group = log_group(scope, "query-log-group", name, key);
    let document = document([json!({
        "Sid": "Queries",
        "Effect": "Allow",
        "Principal": {"Service": "route53.amazonaws.com"},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": format!("{}:*", group.arn),
        "Condition": {
            "ArnLike": {"aws:SourceArn": scope.arn("route53", &format!("hostedzone/{}", zone.hosted_zone_id))},
            "StringEquals": {"aws:SourceAccount": scope.account()},
        },
    })]);
    let policy = scope.add("query-log-policy", ResourcePolicy { name: scope.name("route53-queries"), document });
    let scope = scope.after(&policy.name, "Route 53 tests the permission when the query log is created");
    let hosted_zone = zone.hosted_zone_id.clone();
    scope.add("query-log", QueryLoggingConfig { hosted_zone, log_group: group.arn });
}

/// The parameters of the weighted records.
#[derive(Clone, Debug)]
pub struct RoutingParams<'a> {
    /// The zone.
    pub zone: &'a Zone,
    /// Blue's load balancer.
    pub blue: &'a LoadBalancerOutputs,
    /// Green's load balancer.
    pub green: &'a LoadBalancerOutputs,
    /// The path of the health checks, `/health`.
    pub health_path: &'a str,
    /// Green's share when the records are created, 0 to 99 percent.
    pub initial_green_percent: u8,
    /// The kind of the records.
    pub answers: Answers,
}

/// The kind of the weighted records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// Alias records (`A`, TTL 60 s), for load balancers that forward to both environments. The weighted name is `live.<domain>`;
    /// `pay.<domain>` resolves to it, and to blue if all health checks fail.
    Addresses,
    /// `CNAME` records, for load balancers that serve their own environment only. The weighted name is `pay.<domain>`, and its
    /// weights alone move the traffic.
    Name {
        /// The TTL.
        ttl_seconds: u32,
    },
}

/// The weighted records.
#[derive(Clone, Debug)]
pub struct DnsRouting {
    /// The weighted name. Each record counts only while its load balancer is healthy.
    pub live: String,
    /// The name that clients use, `pay.<domain>`.
    pub pay: String,
    /// `A` or `CNAME`.
    pub record_type: &'static str,
    /// The hosted zone.
    pub hosted_zone_id: HostedZoneId,
    /// The health check of blue's load balancer.
    pub blue_health: HealthCheckId,
    /// The health check of green's load balancer.
    pub green_health: HealthCheckId,
}

/// Adds the weighted records with their health checks. Their set identifiers are `blue` and `green`.
pub fn routing(scope: &Scope<'_>, params: &RoutingParams<'_>) -> DnsRouting {
    let scope = scope.at("dns");
    let domain = &params.zone.domain;
    let pay = format!("pay.{domain}");
    let (live, record_type) = match params.answers {
        Answers::Addresses => (format!("live.{domain}"), "A"),
        Answers::Name { .. } => (pay.clone(), "CNAME"),
    };
    let health = |environment: &str, balancer: &LoadBalancerOutputs| {
        let check = HealthCheck {
            host: balancer.dns_name.clone(),
            port: 443,
            path: params.health_path.to_owned(),
            interval_seconds: 10,
            threshold: 3,
        };
        scope.at(environment).add("health", check).health_check_id
    };
    let (blue_health, green_health) = (health(BLUE, params.blue), health(GREEN, params.green));

    // Health checks instead of `EvaluateTargetHealth`: that would remove a load balancer from DNS as soon as one of its two
    // target groups is unhealthy.
    let weighted = |environment: &str, balancer: &LoadBalancerOutputs, health: &HealthCheckId, weight: u8| Record {
        hosted_zone: params.zone.hosted_zone_id.clone(),
        name: live.clone(),
        record_type: record_type.to_owned(),
        target: match params.answers {
            Answers::Addresses => alias(&balancer.dns_name, &balancer.hosted_zone_id, false),
            Answers::Name { ttl_seconds } => {
                Target::Values { values: BTreeSet::from([balancer.dns_name.clone()]), ttl_seconds: ttl_seconds.into() }
            }
        },
        routing: Routing::Weighted { set_identifier: environment.to_owned(), initial_weight: weight },
        health_check: Some(health.clone()),
    };
    let green_percent = params.initial_green_percent;
    let blue = weighted(BLUE, params.blue, &blue_health, 100 - green_percent);
    let blue = scope.at(BLUE).add("live", blue);
    let reason =
        "Route 53 splits traffic evenly while all weights are zero: blue's record is created first and deleted last";
    let green = weighted(GREEN, params.green, &green_health, green_percent);
    let green = scope.at(GREEN).after(&blue.name, reason).add("live", green);

    if params.answers == Answers::Addresses {
        let reason = "an alias record needs all records of its target";
        failover(&scope.after(&green.name, reason), params, &blue.name, &pay);
    }
    let hosted_zone_id = params.zone.hosted_zone_id.clone();
    DnsRouting { live, pay, record_type, hosted_zone_id, blue_health, green_health }
}

/// Adds a name that resolves to the weighted one, and to blue if all of its records are unhealthy.
fn failover(scope: &Scope<'_>, params: &RoutingParams<'_>, live: &str, pay: &str) {
    let record = |role: FailoverRole, set_identifier: &str, target: Target| Record {
        hosted_zone: params.zone.hosted_zone_id.clone(),
        name: pay.to_owned(),
        record_type: "A".to_owned(),
        target,
        routing: Routing::Failover { set_identifier: set_identifier.to_owned(), role },
        health_check: None,
    };
    // It is healthy while one record of `live` is.
    let primary = record(FailoverRole::Primary, "live", alias(live, &params.zone.hosted_zone_id, true));
    scope.add("pay-primary", primary);
    let blue = alias(&params.blue.dns_name, &params.blue.hosted_zone_id, false);
    scope.add("pay-secondary", record(FailoverRole::Secondary, BLUE, blue));
}

fn alias(dns_name: &str, hosted_zone: &HostedZoneId, evaluate_target_health: bool) -> Target {
    Target::Alias { dns_name: dns_name.to_owned(), hosted_zone: hosted_zone.clone(), evaluate_target_health }
}
