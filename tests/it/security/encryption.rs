//! "Security and Compliance Constraints": encryption at rest and in transit.

use std::collections::BTreeSet;

use provisioner::engine::Step;
use provisioner::resources::registry::Types;
use serde_json::Value;

use crate::support::composition::{denies_plain_text, documents, texts};
use crate::support::compositions::every;

/// The types that hold data or secrets, and the field that names the key.
const ENCRYPTED: [(&str, &str); 11] = [
    ("backup.vault", "kms_key"),
    ("dynamodb.table", "kms_key"),
    ("ecr.repository", "kms_key"),
    ("lambda.function", "kms_key"),
    ("logs.log_group", "kms_key"),
    ("rds.db_cluster", "kms_key"),
    ("rds.db_instance", "performance_insights_key"),
    ("secrets.secret", "kms_key"),
    ("sns.topic", "kms_key"),
    ("sqs.queue", "kms_key"),
    ("ssm.parameter", "kms_key"),
];

/// The types that hold no data: settings, names, connections.
const WITHOUT_DATA: [&str; 55] = [
    "acm.certificate",
    "acm.certificate_validation",
    "acm.imported_certificate",
    "application_autoscaling.scalable_target",
    "application_autoscaling.scaling_policy",
    "backup.plan",
    "backup.selection",
    "cloudwatch.alarm",
    "cloudwatch.composite_alarm",
    "cloudwatch.dashboard",
    "config.config_rule",
    "config.configuration_recorder",
    "config.delivery_channel",
    "ec2.default_network_acl",
    "ec2.default_security_group",
    "ec2.elastic_ip",
    "ec2.flow_log",
    "ec2.gateway_endpoint",
    "ec2.interface_endpoint",
    "ec2.internet_gateway",
    "ec2.nat_gateway",
    "ec2.network_acl",
    "ec2.route",
    "ec2.route_table",
    "ec2.security_group",
    "ec2.security_group_rule",
    "ec2.subnet",
    "ec2.subnet_route_table_association",
    "ec2.vpc",
    "ecs.cluster",
    "ecs.service",
    "ecs.task_definition",
    "elb.listener",
    "elb.listener_rule",
    "elb.load_balancer",
    "elb.target_group",
    "elb.target_registration",
    "events.rule",
    "events.target",
    "iam.role",
    "lambda.event_source_mapping",
    "lambda.permission",
    "logs.metric_filter",
    "logs.resource_policy",
    "rds.db_cluster_parameter_group",
    "rds.db_parameter_group",
    "rds.db_subnet_group",
    "rds.event_subscription",
    "route53.health_check",
    "route53.hosted_zone",
    "route53.query_logging_config",
    "route53.record",
    "s3.bucket_policy",
    "secrets.rotation",
    "sns.subscription",
];

fn holds_data(kind: &str) -> bool {
    let settings = ["ec2.transit_gateway", "kms.", "waf."];
    !WITHOUT_DATA.contains(&kind) && !settings.iter().any(|start| kind.starts_with(start))
}

fn is_plain_parameter(step: &Step) -> bool {
    step.kind == "ssm.parameter" && step.spec["kind"] == "String"
}

#[tokio::test]
async fn kms_customer_managed_keys_for_all_encryption_operations() {
    let mut seen = BTreeSet::new();
    for system in every().await {
        for (kind, field) in ENCRYPTED {
            for step in system.any(kind).into_iter().filter(|step| !is_plain_parameter(step)) {
                seen.insert(kind);
                system.assert_own_key(step, field);
            }
        }
        // A secret that RDS keeps.
        for cluster in system.of("rds.db_cluster").into_iter().filter(|one| !one.spec["managed_password_key"].is_null())
        {
            system.assert_own_key(cluster, "managed_password_key");
        }
        for secret in system.any("secrets.secret") {
            let replicas = secret.spec["replicas"].as_object().expect("secrets have replicas by region");
            assert_eq!(replicas.len(), 1, "{}", secret.id);
            for (region, key) in replicas {
                let key = system.source(key);
                assert_eq!((key.kind, &key.region), ("kms.replica_key", region), "{}", secret.id);
            }
        }
        for bucket in system.of("s3.bucket") {
            let reason = system.differs().sse_s3_buckets.iter().find(|(id, _)| bucket.id.0 == *id);
            let encryption = &bucket.spec["encryption"];
            let own = encryption.get("kms").is_some_and(|key| system.is_own_key(bucket, &key["key"]));
            assert!(own || (reason.is_some() && encryption == "s3"), "{}: {encryption}", bucket.id);
        }
    }
    assert_eq!(seen, ENCRYPTED.map(|(kind, _)| kind).into(), "each is somewhere");
}

#[tokio::test]
async fn all_data_at_rest_must_be_encrypted() {
    for system in every().await {
        let checked: BTreeSet<_> =
            ENCRYPTED.iter().map(|(kind, _)| *kind).chain(["s3.bucket", "rds.global_cluster"]).collect();
        for step in system.steps.iter().filter(|step| holds_data(step.kind)) {
            // Add a new type to `ENCRYPTED`, or to `WITHOUT_DATA`.
            assert!(
                checked.contains(step.kind),
                "{} ({}) is neither in `ENCRYPTED` nor in `WITHOUT_DATA`",
                step.kind,
                step.id
            );
            let encrypted = match step.kind {
                "rds.global_cluster" => step.spec["storage_encrypted"] == true,
                "s3.bucket" => !step.spec["encryption"].is_null(),
                // Its value is public.
                "ssm.parameter" if is_plain_parameter(step) => true,
                kind => {
                    let (_, field) = ENCRYPTED.iter().find(|(encrypted, _)| *encrypted == kind).unwrap();
                    !step.spec[field].is_null()
                }
            };
            assert!(encrypted, "{} is not encrypted", step.id);
        }
        let known = Types::shipped().actions();
        for kind in WITHOUT_DATA {
            assert!(known.contains_key(kind), "there is no type {kind}");
        }
    }
}

#[tokio::test]
async fn all_data_in_transit_must_use_tls_1_2_or_higher() {
    for system in every().await {
        for listener in system.of("elb.listener") {
            let tls = &listener.spec["tls"];
            if tls.is_null() {
                let only_redirects = listener.spec["action"] == serde_json::json!({"redirect": {"port": 443}});
                assert!(only_redirects, "{} serves in plain text", listener.id);
                continue;
            }
            // The policies of this family offer TLS 1.2 and 1.3, with forward secrecy only.
            assert_eq!(tls["policy"], "ELBSecurityPolicy-TLS13-1-2-2021-06", "{}", listener.id);
            assert!(system.source(&tls["certificate"]).kind.starts_with("acm."), "{}", listener.id);
        }
        for cluster in system.of("rds.db_cluster") {
            let parameters = &system.source(&cluster.spec["parameter_group"]).spec["parameters"];
            for (parameter, value) in system.differs().database_tls {
                assert_eq!(parameters[parameter], *value, "{}: {parameter}", cluster.id);
            }
        }
        for instance in system.of("rds.db_instance") {
            assert_eq!(instance.spec["ca_certificate"], "rds-ca-rsa2048-g1", "{}", instance.id);
        }
        for kind in ["sqs.queue", "sns.topic", "secrets.secret"] {
            for step in system.any(kind) {
                assert!(documents(&step.spec).into_iter().any(denies_plain_text), "{} takes plain text", step.id);
            }
        }
        for bucket in system.of("s3.bucket") {
            let policies = system.of("s3.bucket_policy");
            let policy = policies.iter().find(|policy| system.source(&policy.spec["bucket"]).id == bucket.id);
            let statements = documents(&policy.unwrap_or_else(|| panic!("{} has no policy", bucket.id)).spec);
            let everything =
                |statement: &&Value| statement["Action"] == "s3:*" && texts(&statement["Resource"]).len() == 2;
            let mut denies = statements.iter().copied().filter(everything);
            assert!(denies.clone().any(denies_plain_text), "{} takes plain text", bucket.id);
            let old =
                |one: &Value| one["Effect"] == "Deny" && one["Condition"]["NumericLessThan"]["s3:TlsVersion"] == "1.2";
            assert!(denies.any(old), "{} takes TLS below 1.2", bucket.id);
        }
        for check in system.of("route53.health_check") {
            assert_eq!(check.spec["port"], 443, "{}", check.id);
        }
        // The database client of the functions uses TLS itself.
        let client = std::fs::read_to_string(super::deployment::lambda("lib/database.mjs")).unwrap();
        for setting in ["minVersion: 'TLSv1.2'", "rejectUnauthorized: true", "verifyIdentity: true"] {
            assert!(client.contains(setting), "the functions' database client lacks {setting}");
        }
    }
}
