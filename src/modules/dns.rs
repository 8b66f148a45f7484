//! Names: the hosted zone, and the records by which clients come in through the one edge or the other.

use std::collections::BTreeSet;

use serde_json::json;

use super::Scope;
use crate::resources::document::Document;
use crate::resources::elb::LoadBalancerOutputs;
use crate::resources::ids::{HealthCheckId, HostedZoneId, KeyArn};
use crate::resources::logs::{LogGroup, ResourcePolicy};
use crate::resources::route53::{FailoverRole, HealthCheck, HostedZone, QueryLoggingConfig, Record, Routing, Target};

/// The only region that Route 53 logs queries to.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/query-logs.html>
const QUERY_LOG_REGION: &str = "us-east-1";

/// Which hosted zone.
#[derive(Clone, Debug)]
pub enum ZoneSource<'a> {
    /// One that is made.
    Created {
        /// The domain.
        domain: &'a str,
    },
    /// One that stands and stays.
    Given {
        /// The domain.
        domain: &'a str,
        /// Its id.
        hosted_zone_id: &'a str,
    },
}

/// Where the queries for a zone are logged.
#[derive(Clone, Debug)]
pub struct QueryLogs<'a> {
    /// The key for the log group, in us-east-1.
    pub key: &'a KeyArn,
    /// How long logs are kept.
    pub retention_days: i32,
}

/// A hosted zone.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Its id.
    pub hosted_zone_id: HostedZoneId,
    /// The domain.
    pub domain: String,
    /// What the domain's registrar must name, joined by commas; `None` for a given zone.
    pub name_servers: Option<String>,
}

/// The zone, and where its queries are logged. A zone has one log only: leave it out for a given zone that has one.
pub fn zone(scope: &Scope<'_>, source: &ZoneSource<'_>, query_logs: Option<&QueryLogs<'_>>) -> Zone {
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
    if let Some(logs) = query_logs {
        log_queries(&scope, &zone, logs);
    }
    zone
}

fn log_queries(scope: &Scope<'_>, zone: &Zone, logs: &QueryLogs<'_>) {
    let scope = scope.in_region(QUERY_LOG_REGION);
    let group = scope.add(
        "query-log-group",
        LogGroup {
            name: format!("/aws/route53/{}", scope.name("queries")),
            kms_key: logs.key.clone(),
            retention_days: Some(logs.retention_days),
        },
    );
    let document = Document::new(json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "Queries",
            "Effect": "Allow",
            "Principal": {"Service": "route53.amazonaws.com"},
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": format!("{}:*", group.arn),
            "Condition": {
                "ArnLike": {
                    "aws:SourceArn": format!("arn:{}:route53:::hostedzone/{}", scope.partition(), zone.hosted_zone_id),
                },
                "StringEquals": {"aws:SourceAccount": scope.account()},
            },
        }],
    }));
    let policy = scope.add("query-log-policy", ResourcePolicy { name: scope.name("route53-queries"), document });
    let scope = scope.after(&policy.name, "Route 53 tries to write into the log group at once");
    let hosted_zone = zone.hosted_zone_id.clone();
    scope.add("query-log", QueryLoggingConfig { hosted_zone, log_group: group.arn });
}

/// What the records lead to.
#[derive(Clone, Debug)]
pub struct RoutingParams<'a> {
    /// The zone.
    pub zone: &'a Zone,
    /// Blue's edge.
    pub blue: &'a LoadBalancerOutputs,
    /// Green's edge.
    pub green: &'a LoadBalancerOutputs,
    /// Where both edges answer for themselves, `/health`.
    pub health_path: &'a str,
    /// The shares of blue and green at the beginning, 0 to 255 each, relative to their sum; blue's isn't 0.
    pub initial: (u8, u8),
    /// What is answered.
    pub answers: Answers,
}

/// What the weighted name is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// The addresses of the edge, which clients may keep for 60 s. The weighted name is `live.<domain>`, and a name above it
    /// leads to blue where all edges are dead: for edges that forward to both environments.
    Addresses,
    /// The name of the edge, which clients may keep as long as is said here. The weighted name is the one that clients use: for
    /// edges that serve their own environment only, where the name alone moves the traffic.
    Name {
        /// How long clients may keep it.
        ttl_seconds: u32,
    },
}

/// The names that clients use.
#[derive(Clone, Debug)]
pub struct DnsRouting {
    /// Blue and green by weight, each only while its edge is healthy.
    pub live: String,
    /// What clients use, `pay.<domain>`.
    pub pay: String,
    /// `A` or `CNAME`.
    pub record_type: &'static str,
    /// The set identifiers of `live`'s records are `blue` and `green`.
    pub hosted_zone_id: HostedZoneId,
    /// The health check of blue's edge.
    pub blue_health: HealthCheckId,
    /// The health check of green's edge.
    pub green_health: HealthCheckId,
}

/// Weighted records for the two edges, each answered only while its edge is healthy; above addresses a failover.
pub fn routing(scope: &Scope<'_>, params: &RoutingParams<'_>) -> DnsRouting {
    let scope = scope.at("dns");
    let domain = &params.zone.domain;
    let pay = format!("pay.{domain}");
    let (live, record_type) = match params.answers {
        Answers::Addresses => (format!("live.{domain}"), "A"),
        Answers::Name { .. } => (pay.clone(), "CNAME"),
    };
    let health = |color: &str, edge: &LoadBalancerOutputs| {
        let check = HealthCheck {
            host: edge.dns_name.clone(),
            port: 443,
            path: params.health_path.to_owned(),
            interval_seconds: 10,
            threshold: 3,
        };
        scope.at(color).add("health", check).health_check_id
    };
    let (blue_health, green_health) = (health("blue", params.blue), health("green", params.green));

    // Explicit health checks instead of the evaluation of targets: that would take a whole edge out as soon as one of its
    // two target groups is unhealthy.
    let weighted = |color: &str, edge: &LoadBalancerOutputs, health: &HealthCheckId, initial_weight: u8| Record {
        hosted_zone: params.zone.hosted_zone_id.clone(),
        name: live.clone(),
        record_type: record_type.to_owned(),
        target: match params.answers {
            Answers::Addresses => alias(&edge.dns_name, &edge.hosted_zone_id, false),
            Answers::Name { ttl_seconds } => {
                Target::Values { values: BTreeSet::from([edge.dns_name.clone()]), ttl_seconds: ttl_seconds.into() }
            }
        },
        routing: Routing::Weighted { set_identifier: color.to_owned(), initial_weight },
        health_check: Some(health.clone()),
        weight: None,
    };
    let blue = weighted("blue", params.blue, &blue_health, params.initial.0);
    let blue = scope.at("blue").add("live", blue);
    let reason = "weights that are all zero mean even shares: blue's is made first and goes last";
    let green = weighted("green", params.green, &green_health, params.initial.1);
    let green = scope.at("green").after(&blue.name, reason).add("live", green);

    if params.answers == Answers::Addresses {
        let reason = "the name that it leads to must stand with all its records";
        else_blue(&scope.after(&green.name, reason), params, &blue.name, &pay);
    }
    let hosted_zone_id = params.zone.hosted_zone_id.clone();
    DnsRouting { live, pay, record_type, hosted_zone_id, blue_health, green_health }
}

/// A name that leads to the weighted one, or to blue where all that it answers is dead.
fn else_blue(scope: &Scope<'_>, params: &RoutingParams<'_>, live: &str, pay: &str) {
    let failover = |role: FailoverRole, set_identifier: &str, target: Target| Record {
        hosted_zone: params.zone.hosted_zone_id.clone(),
        name: pay.to_owned(),
        record_type: "A".to_owned(),
        target,
        routing: Routing::Failover { set_identifier: set_identifier.to_owned(), role },
        health_check: None,
        weight: None,
    };
    // Healthy while a record of `live` is.
    let primary = failover(FailoverRole::Primary, "live", alias(live, &params.zone.hosted_zone_id, true));
    scope.add("pay-primary", primary);
    let blue = alias(&params.blue.dns_name, &params.blue.hosted_zone_id, false);
    scope.add("pay-secondary", failover(FailoverRole::Secondary, "blue", blue));
}

fn alias(dns_name: &str, hosted_zone: &HostedZoneId, evaluate_target_health: bool) -> Target {
    Target::Alias { dns_name: dns_name.to_owned(), hosted_zone: hosted_zone.clone(), evaluate_target_health }
}
