//! The resources that all environments of a system share: key, topics, firewall, hosted zone, certificate, log bucket.

use std::collections::BTreeSet;

use super::Scope;
use super::bucket::access_log_bucket;
use super::certificate::{CertificateSource, certificate};
use super::dns::{ROUTE53_REGION, Zone, ZoneSource, zone};
use super::firewall::{Firewall, FirewallParams, firewall};
use super::key::{CustomerKey, KeyParams, KeyUser, key};
use super::topic::{TopicParams, topic};
use crate::resources::ids::{CertificateArn, TopicArn};

/// The parameters of the shared resources.
#[derive(Clone, Copy, Debug)]
pub struct FoundationParams<'a> {
    /// The services through which the key is used.
    pub key_through: &'a [&'a str],
    /// A second region with a replica of the key and a topic for alerts.
    pub second_region: Option<SecondRegion<'a>>,
    /// E-mail addresses that get alarms, once they have confirmed.
    pub emails: &'a [String],
    /// Requests that one client may send in 5 minutes.
    pub requests_per_5_minutes: u64,
    /// The hosted zone's name.
    pub domain: &'a str,
    /// An existing hosted zone to use instead of creating one.
    pub zone_id: Option<&'a str>,
    /// An existing certificate.
    pub certificate: Option<&'a str>,
    /// Without an existing certificate: request one for the zone instead of a self-signed one.
    pub request_certificate: bool,
}

/// A second region of a system.
#[derive(Clone, Copy, Debug)]
pub struct SecondRegion<'a> {
    /// The region.
    pub region: &'a str,
    /// Its purpose in a word: part of the topic's step id.
    pub purpose: &'a str,
    /// The prefix of the topic's name.
    pub alerts: &'a str,
}

/// The shared resources.
#[derive(Clone, Debug)]
pub struct Foundation {
    /// The key of the shared resources.
    pub key: CustomerKey,
    /// The topic for alarms.
    pub alerts: TopicArn,
    /// The topic for alarms of the second region.
    pub second_alerts: Option<TopicArn>,
    /// The topic for events that move traffic.
    pub events: TopicArn,
    /// The firewall of the load balancers.
    pub firewall: Firewall,
    /// The hosted zone.
    pub zone: Zone,
    /// The certificate of the HTTPS listeners.
    pub certificate: CertificateArn,
    /// The topic for alarms on metrics of Route 53; `None` for a system without resources in us-east-1.
    pub route53_alerts: Option<TopicArn>,
    /// The bucket for access logs of other buckets.
    pub access_logs: String,
}

/// Adds the shared resources.
pub fn foundation(root: &Scope<'_>, params: &FoundationParams<'_>) -> Foundation {
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
        },
    );
    let zone = hosted_zone(root, params, &key);
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
    let access_logs = access_log_bucket(root, "s3-access-logs").name;
    let route53_alerts = in_route53_region(root, params, &alerts, second_alerts.as_ref()).cloned();
    Foundation { key, alerts, second_alerts, events, firewall, zone, certificate, route53_alerts, access_logs }
}

fn hosted_zone(root: &Scope<'_>, params: &FoundationParams<'_>, key: &CustomerKey) -> Zone {
    let source = match params.zone_id {
        Some(id) => ZoneSource::Given { domain: params.domain, hosted_zone_id: id },
        None => ZoneSource::Created { domain: params.domain },
    };
    // An existing zone may have a query log already, and a zone has at most one.
    let key = in_route53_region(root, params, &key.arn, key.replica.as_ref()).filter(|_| params.zone_id.is_none());
    zone(root, &source, key)
}

/// The one of two resources, in the first and the second region, that is in the region of Route 53's metrics and logs.
fn in_route53_region<'a, T>(
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
