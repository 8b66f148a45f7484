//! What both environments share: a key, topics, the firewall, the zone, the certificate.

use std::collections::BTreeSet;

use super::Composition;
use crate::modules::bucket::access_log_bucket;
use crate::modules::certificate::{CertificateSource, certificate};
use crate::modules::dns::{QueryLogs, Zone, ZoneSource, zone};
use crate::modules::firewall::{Firewall, FirewallParams, firewall};
use crate::modules::key::{CustomerKey, KeyParams, KeyUser, key};
use crate::modules::topic::{TopicParams, topic};
use crate::resources::ids::{CertificateArn, TopicArn};

/// What both environments share.
pub(super) struct Shared {
    pub key: CustomerKey,
    pub alerts: TopicArn,
    pub dr_alerts: TopicArn,
    pub events: TopicArn,
    pub firewall: Firewall,
    pub zone: Zone,
    pub certificate: CertificateArn,
    pub access_logs: String,
}

impl Composition<'_> {
    pub(super) fn shared(&self) -> Shared {
        let (config, root) = (self.config, &self.root);
        let retention_days = config.logs.retention_days;
        let key = key(
            &root.at("key"),
            &KeyParams {
                description: "What both environments share",
                through: &["sns", "sqs", "lambda", "backup"],
                users: &[
                    KeyUser::Logs,
                    KeyUser::Alarms,
                    KeyUser::EventBridge,
                    KeyUser::DatabaseEvents,
                    KeyUser::Topics,
                ],
                replica_region: Some(&config.dr_region),
            },
        );
        let dr_key = key.replica.clone().unwrap_or_default();
        let topics = root.at("topics");
        let alerts = TopicParams {
            name: "alerts",
            display_name: "Payment alerts",
            key: &key.arn,
            publishers: &["cloudwatch.amazonaws.com", "events.rds.amazonaws.com"],
            emails: &config.notifications.emails,
            log_retention_days: retention_days,
        };
        let dr_alerts = topic(
            &topics.at("recovery").in_region(&config.dr_region),
            &TopicParams { name: "alerts-dr", key: &dr_key, ..alerts },
        );
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
                rate_limit: i64::try_from(config.firewall.requests_per_5_minutes).unwrap_or(i64::MAX),
                rate_window_seconds: 300,
                log_key: &key.arn,
                log_retention_days: retention_days,
            },
        );
        let zone = self.zone(&key);
        let source = match &config.certificate {
            given if given.arn.is_some() => CertificateSource::Given { arn: given.arn.as_deref().unwrap_or_default() },
            asked if asked.request => {
                CertificateSource::Requested { domain: &zone.domain, hosted_zone: &zone.hosted_zone_id }
            }
            _ => CertificateSource::SelfSigned {
                domains: BTreeSet::from([zone.domain.clone(), format!("*.{}", zone.domain)]),
            },
        };
        let certificate = certificate(root, source);
        let access_logs = access_log_bucket(root, "s3-access-logs", retention_days).name;
        Shared { alerts, dr_alerts, events, firewall, certificate, access_logs, zone, key }
    }

    fn zone(&self, key: &CustomerKey) -> Zone {
        let config = self.config;
        let suffix = self.root.suffix();
        let name = config.dns.zone.clone().unwrap_or_else(|| "payments-{suffix}.internal".to_owned());
        let domain = name.replace("{suffix}", suffix);
        let source = match &config.dns.zone_id {
            Some(id) => ZoneSource::Given { domain: &domain, hosted_zone_id: id },
            None => ZoneSource::Created { domain: &domain },
        };
        let key = self.route53_key().and_then(|recovery| if recovery { key.replica.as_ref() } else { Some(&key.arn) });
        // A given zone may have a log of its own, and it can have only one.
        let key = key.filter(|_| config.dns.zone_id.is_none());
        let logs = key.map(|key| QueryLogs { key, retention_days: config.logs.retention_days });
        zone(&self.root, &source, logs.as_ref())
    }
}
