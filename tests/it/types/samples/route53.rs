use provisioner::modules::Scope;
use provisioner::resources::ids::{HealthCheckId, HostedZoneId, LogGroupArn};
use provisioner::resources::logs::LogGroup;
use provisioner::resources::route53::{
    FailoverRole, HealthCheck, HostedZone, QueryLoggingConfig, Record, Routing, Target,
};

use super::key;
use crate::types::{Sample, Samples};

fn zone(scope: &Scope<'_>, domain: &str) -> HostedZoneId {
    let zone = HostedZone { name: domain.to_owned(), comment: domain.to_owned() };
    scope.add(&format!("zone-{domain}"), zone).hosted_zone_id
}

fn health_check() -> HealthCheck {
    HealthCheck {
        host: "one.example.com".to_owned(),
        port: 443,
        path: "/health".to_owned(),
        interval_seconds: 30,
        threshold: 3,
    }
}

fn values<const N: usize>(values: [&str; N], ttl_seconds: i64) -> Target {
    Target::Values { values: values.map(str::to_owned).into(), ttl_seconds }
}

impl Sample for HealthCheck {
    fn samples(_scope: &Scope<'_>) -> Samples<Self> {
        Samples::of(health_check())
            .changing(|check| check.host = "other.example.com".to_owned())
            .changing(|check| check.port = 8443)
            .changing(|check| check.path = "/ready".to_owned())
            .changing(|check| check.interval_seconds = 10)
            .changing(|check| check.threshold = 10)
    }
}

impl Sample for HostedZone {
    fn samples(_scope: &Scope<'_>) -> Samples<Self> {
        Samples::of(HostedZone { name: "orders.example.com".to_owned(), comment: "orders".to_owned() })
            .changing(|zone| zone.comment = "refunds".to_owned())
            .changing(|zone| zone.name = "refunds.example.com".to_owned())
    }
}

impl Sample for QueryLoggingConfig {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let kms_key = key(scope, "logs");
        let log_group = |name: &str| -> LogGroupArn {
            let group = LogGroup {
                name: format!("/aws/route53/{}", scope.name(name)),
                kms_key: Some(kms_key.clone()),
                retention_days: Some(7),
            };
            scope.add(&format!("log-group-{name}"), group).arn
        };
        let hosted_zone = zone(scope, "orders.example.com");
        let first = QueryLoggingConfig { hosted_zone, log_group: log_group("one") };
        let (other_zone, other_group) = (zone(scope, "refunds.example.com"), log_group("other"));
        Samples::of(first)
            .changing(|config| config.log_group = other_group)
            .changing(|config| config.hosted_zone = other_zone)
    }
}

impl Sample for Record {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (orders, refunds) = (zone(scope, "example.com"), zone(scope, "example.org"));
        let check: HealthCheckId = scope.add("check", health_check()).health_check_id;
        let weighted = |name: &str| Routing::Weighted { set_identifier: name.to_owned(), initial_weight: 100 };
        let failover = |name: &str, role| Routing::Failover { set_identifier: name.to_owned(), role };
        let first = Record {
            hosted_zone: orders.clone(),
            name: "orders.example.com".to_owned(),
            record_type: "A".to_owned(),
            target: values(["192.0.2.1"], 60),
            routing: weighted("one"),
            health_check: None,
            weight: None,
        };
        let aliased = Record { name: "alias.example.com".to_owned(), routing: Routing::Simple, ..first.clone() };
        let aliased = scope.add("aliased", aliased).name;
        let alias = |evaluate_target_health| Target::Alias {
            dns_name: aliased.clone(),
            hosted_zone: orders.clone(),
            evaluate_target_health,
        };
        let balancer = Target::Alias {
            dns_name: "orders-1.us-east-1.elb.amazonaws.com".to_owned(),
            // That of the load balancers of the region.
            hosted_zone: "Z35SXDOTRQ7X7K".into(),
            evaluate_target_health: false,
        };
        Samples::of(first)
            .changing(|record| record.target = values(["192.0.2.1", "192.0.2.2"], 300))
            .changing(|record| record.target = alias(true))
            .changing(|record| record.target = alias(false))
            .changing(|record| record.target = balancer)
            .changing(|record| record.health_check = Some(check.clone()))
            .changing(|record| record.routing = weighted("other"))
            .changing(|record| record.routing = Routing::Simple)
            .changing(|record| record.routing = failover("one", FailoverRole::Secondary))
            .changing(|record| record.routing = failover("other", FailoverRole::Secondary))
            // A primary has something that tells when it isn't healthy.
            .changing(|record| {
                record.routing = failover("one", FailoverRole::Primary);
                record.health_check = Some(check);
            })
            .changing(|record| record.name = "refunds.example.com".to_owned())
            .changing(|record| (record.record_type, record.target) = ("TXT".to_owned(), values(["\"paid\""], 60)))
            // A zone has only names below its own.
            .changing(|record| (record.hosted_zone, record.name) = (refunds, "orders.example.org".to_owned()))
            .without_change_of(
                "routing.weighted.initial_weight",
                "it is written once: from then on the weight is what AWS has, and never compared",
            )
    }
}
