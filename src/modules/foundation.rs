//! What both environments of a system share: a key, topics, the firewall, the zone, the certificate, a bucket for logs.

use std::collections::BTreeSet;

use super::Scope;
use super::bucket::access_log_bucket;
use super::certificate::{CertificateSource, certificate};
use super::dns::{QueryLogs, Zone, ZoneSource, zone};
use super::firewall::{Firewall, FirewallParams, firewall};
use super::key::{CustomerKey, KeyParams, KeyUser, key};
use super::topic::{TopicParams, topic};
use crate::resources::ids::{CertificateArn, TopicArn};

/// The only region where Route 53 has metrics and query logs.
pub const ROUTE53_REGION: &str = "us-east-1";

/// What differs between systems.
#[derive(Clone, Copy, Debug)]
pub struct FoundationParams<'a> {
    /// The services through which the key is used.
    pub key_through: &'a [&'a str],
    /// Another region with a copy of the key and a topic for alerts.
    pub second_region: Option<SecondRegion<'a>>,
    /// Who is told of alarms, once they have confirmed.
    pub emails: &'a [String],
    /// How many requests of one client are let through in 5 minutes.
    pub requests_per_5_minutes: u64,
    /// The zone's name.
    pub domain: &'a str,
    /// A zone that stands and is used instead of one that is made.
    pub zone_id: Option<&'a str>,
    /// A certificate that stands.
    pub certificate: Option<&'a str>,
    /// Request a certificate for the zone where none is given; else it is self-signed.
    pub request_certificate: bool,
    /// How long logs are kept, in days.
    pub log_retention_days: i32,
}

/// Another region of a system.
#[derive(Clone, Copy, Debug)]
pub struct SecondRegion<'a> {
    /// The region.
    pub region: &'a str,
    /// What it is there for, in a word: its topic is put below it.
    pub purpose: &'a str,
    /// What the topic's name begins with.
    pub alerts: &'a str,
}

/// What both environments share.
#[derive(Clone, Debug)]
pub struct Foundation {
    /// The key for shared things.
    pub key: CustomerKey,
    /// Where alarms are told.
    pub alerts: TopicArn,
    /// Where alarms of the second region are told, if there is one.
    pub second_alerts: Option<TopicArn>,
    /// Where it is told what moved the traffic.
    pub events: TopicArn,
    /// The firewall in front of both load balancers.
    pub firewall: Firewall,
    /// The zone of the names.
    pub zone: Zone,
    /// The certificate of the HTTPS listeners.
    pub certificate: CertificateArn,
    /// Where alarms on what Route 53 measures are told; `None` for a system that isn't where it does.
    pub route53_alerts: Option<TopicArn>,
    /// The bucket for the logs of requests for other buckets.
    pub access_logs: String,
}

/// Puts it all here.
pub fn foundation(root: &Scope<'_>, params: &FoundationParams<'_>) -> Foundation {
    let retention_days = params.log_retention_days;
    let key = key(
        &root.at("key"),
        &KeyParams {
            description: "What both environments share",
            through: params.key_through,
            users: &[KeyUser::Logs, KeyUser::Alarms, KeyUser::EventBridge, KeyUser::DatabaseEvents, KeyUser::Topics],
            replica_region: params.second_region.map(|second| second.region),
        },
    );
    let topics = root.at("topics");
    let alerts = TopicParams {
        name: "alerts",
        display_name: "Payment alerts",
        key: &key.arn,
        publishers: &["cloudwatch.amazonaws.com", "events.rds.amazonaws.com"],
        emails: params.emails,
        log_retention_days: retention_days,
    };
    let second_alerts = params.second_region.zip(key.replica.as_ref()).map(|(second, key)| {
        let there = topics.at(second.purpose).in_region(second.region);
        topic(&there, &TopicParams { name: second.alerts, key, ..alerts })
    });
    let events = TopicParams {
        name: "migration-events",
        display_name: "Payment migration",
        publishers: &["cloudwatch.amazonaws.com"],
        ..alerts
    };
    let (alerts, events) = (topic(&topics, &alerts), topic(&topics, &events));
    let firewall = firewall(
        root,
        &FirewallParams {
            rate_limit: i64::try_from(params.requests_per_5_minutes).unwrap_or(i64::MAX),
            rate_window_seconds: 300,
            log_key: &key.arn,
            log_retention_days: retention_days,
        },
    );
    let zone = zone_of(root, params, &key);
    let source = match params.certificate {
        Some(arn) => CertificateSource::Given { arn },
        None if params.request_certificate => {
            CertificateSource::Requested { domain: &zone.domain, hosted_zone: &zone.hosted_zone_id }
        }
        None => CertificateSource::SelfSigned {
            domains: BTreeSet::from([zone.domain.clone(), format!("*.{}", zone.domain)]),
        },
    };
    let certificate = certificate(root, source);
    let access_logs = access_log_bucket(root, "s3-access-logs", retention_days).name;
    let route53_alerts = in_route53s_region(root, params, &alerts, second_alerts.as_ref()).cloned();
    Foundation { key, alerts, second_alerts, events, firewall, zone, certificate, route53_alerts, access_logs }
}

fn zone_of(root: &Scope<'_>, params: &FoundationParams<'_>, key: &CustomerKey) -> Zone {
    let source = match params.zone_id {
        Some(id) => ZoneSource::Given { domain: params.domain, hosted_zone_id: id },
        None => ZoneSource::Created { domain: params.domain },
    };
    // A given zone may have a log of its own, and it can have only one.
    let key = in_route53s_region(root, params, &key.arn, key.replica.as_ref()).filter(|_| params.zone_id.is_none());
    let logs = key.map(|key| QueryLogs { key, retention_days: params.log_retention_days });
    zone(root, &source, logs.as_ref())
}

/// Of what stands in both regions, that which is where Route 53 has its metrics and logs.
fn in_route53s_region<'a, T>(
    root: &Scope<'_>,
    params: &FoundationParams<'_>,
    first: &'a T,
    second: Option<&'a T>,
) -> Option<&'a T> {
    if root.region() == ROUTE53_REGION {
        return Some(first);
    }
    second.filter(|_| params.second_region.is_some_and(|second| second.region == ROUTE53_REGION))
}
