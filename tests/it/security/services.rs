//! The controls for PCI DSS on AWS, by service.

use std::collections::BTreeSet;

use provisioner::engine::{Step, reference};
use serde_json::{Value, json};

use super::system;
use crate::support::composition::{ACCOUNT, ENVIRONMENTS, denies_plain_text, documents, environment, texts};
use crate::support::compositions::every;

#[tokio::test]
async fn default_security_groups_and_acls_have_no_rules() {
    for system in every().await {
        for (kind, empty) in [
            ("ec2.default_security_group", json!({"rules": []})),
            ("ec2.default_network_acl", json!({"ingress": {}, "egress": {}})),
        ] {
            let mut stripped = BTreeSet::new();
            for step in system.of(kind) {
                for (field, nothing) in empty.as_object().unwrap() {
                    assert_eq!(&step.spec[field], nothing, "{}", step.id);
                }
                stripped.insert(system.source(&step.spec["vpc_id"]).id.clone());
            }
            assert_eq!(stripped, system.of("ec2.vpc").iter().map(|vpc| vpc.id.clone()).collect());
        }
        // So no subnet may be left with the default network ACL.
        let covered: BTreeSet<_> = system
            .of("ec2.network_acl")
            .into_iter()
            .flat_map(|acl| reference::find(&acl.spec["subnet_ids"]))
            .map(|found| found.step)
            .collect();
        assert_eq!(covered, system.of("ec2.subnet").iter().map(|subnet| subnet.id.clone()).collect());
    }
}

#[tokio::test]
async fn public_subnets_have_only_load_balancers_and_nat() {
    for system in every().await {
        for subnet in system.of("ec2.subnet") {
            assert_eq!(subnet.spec["map_public_ip"], false, "{}", subnet.id);
        }
        let allowed = ["ec2.nat_gateway", "ec2.network_acl", "ec2.subnet_route_table_association", "elb.load_balancer"];
        for step in &system.steps {
            let public =
                reference::find(&step.spec).into_iter().find(|found| found.step.leaf().starts_with("subnet-public"));
            assert!(public.is_none() || allowed.contains(&step.kind), "{} is in {}", step.id, public.unwrap().step);
        }
    }
}

#[tokio::test]
async fn load_balancers_drop_bad_headers_log_and_have_waf() {
    for system in every().await {
        let guarded: BTreeSet<_> = system
            .of("waf.web_acl_association")
            .iter()
            .map(|association| system.source(&association.spec["load_balancer"]).id.clone())
            .collect();
        for balancer in system.of("elb.load_balancer") {
            assert_eq!(balancer.spec["drop_invalid_headers"], true, "{}", balancer.id);
            let mode = balancer.spec["desync_mitigation"].as_str().unwrap();
            assert!(["defensive", "strictest"].contains(&mode), "{}: {mode}", balancer.id);
            let bucket = system.source(&balancer.spec["access_logs"]["bucket"]);
            assert_eq!(environment(bucket), environment(balancer));
            assert!(guarded.contains(&balancer.id), "{} has no firewall", balancer.id);
            let listens = |port: u64| {
                let listeners = system.of("elb.listener").into_iter();
                let mut own = listeners.filter(|one| system.source(&one.spec["load_balancer"]).id == balancer.id);
                own.any(|one| one.spec["port"] == port)
            };
            assert!(listens(443) && listens(80), "{}", balancer.id);
        }
    }
}

#[tokio::test]
async fn aurora_is_encrypted_monitored_backed_up_and_private() {
    for system in every().await {
        let topics = |of: &Step| system.source(&of.spec["topic"]);
        for cluster in system.of("rds.db_cluster") {
            assert_eq!(cluster.spec["iam_authentication"], true, "{}", cluster.id);
            assert_eq!(cluster.spec["copy_tags_to_snapshots"], true, "{}", cluster.id);
            assert!(cluster.spec["backup_retention_days"].as_i64().unwrap() >= 7, "{}", cluster.id);
            if let Some(name) = cluster.spec["master_username"].as_str() {
                assert!(!system.differs().default_administrators.contains(&name), "{}: {name}", cluster.id);
            }
            let parameters = &system.source(&cluster.spec["parameter_group"]).spec["parameters"];
            for (parameter, parts) in system.differs().database_audit {
                let value = parameters[parameter].as_str().unwrap_or_default();
                assert!(parts.iter().all(|part| value.contains(part)), "{}: {parameter} is {value:?}", cluster.id);
            }
            let private = reference::find(&system.source(&cluster.spec["subnet_group"]).spec["subnets"]);
            assert!(
                private.len() >= 2
                    && private.iter().all(|found| found.step.leaf().starts_with(system.differs().database_subnets))
            );
        }
        for instance in system.of("rds.db_instance") {
            assert_eq!(instance.spec["publicly_accessible"], false, "{}", instance.id);
            assert_eq!(instance.spec["auto_minor_version_upgrade"], true, "{}", instance.id);
            assert!(instance.spec["monitoring_interval_seconds"].as_i64().unwrap() > 0, "{}", instance.id);
            assert_eq!(system.source(&instance.spec["monitoring_role"]).kind, "iam.role", "{}", instance.id);
            system.assert_own_key(instance, "performance_insights_key");
            assert!(instance.spec["performance_insights_days"].as_i64().unwrap() >= 7, "{}", instance.id);
        }
        // Clusters, instances and parameter groups have event subscriptions in their region.
        for cluster in system.of("rds.db_cluster") {
            let module = cluster.id.module();
            for kind in ["db-cluster", "db-instance", "db-parameter-group"] {
                let subscriptions = system.of("rds.event_subscription");
                let own = |one: &&&Step| one.id.module() == module && one.spec["source_type"] == kind;
                let subscription = subscriptions.iter().find(own).unwrap_or_else(|| panic!("{module}: {kind}"));
                assert_eq!(subscription.spec["enabled"], true, "{}", subscription.id);
                assert_eq!(topics(subscription).region, cluster.region, "{}", subscription.id);
            }
        }
        let backed_up: BTreeSet<_> = system
            .of("backup.selection")
            .iter()
            .flat_map(|one| reference::find(&one.spec["resources"]))
            .map(|found| found.step)
            .collect();
        let primaries = ENVIRONMENTS.map(|name| system.step(&format!("{name}/database/cluster")));
        let kept = primaries.into_iter().chain(system.any("dynamodb.table")).map(|step| step.id.clone());
        assert_eq!(backed_up, kept.collect());
    }
}

#[tokio::test]
async fn functions_have_vpc_dead_letters_tracing_and_key() {
    /// It has to work when an environment's network doesn't, and calls load balancers and Route 53 only.
    const OUTSIDE: &str = "failback/function";
    for system in every().await {
        for function in system.of("lambda.function") {
            let spec = &function.spec;
            if function.id.0 == OUTSIDE {
                assert!(spec["vpc"].is_null(), "{OUTSIDE} is no exception any more");
            } else {
                let subnets = reference::find(&spec["vpc"]["subnets"]);
                assert!(subnets.len() >= 2, "{} runs in {subnets:?}", function.id);
                assert!(subnets.iter().all(|found| found.step.leaf().starts_with("subnet-private")), "{}", function.id);
                let groups = texts(&spec["vpc"]["security_groups"]);
                assert_eq!(groups.len(), 1, "{}", function.id);
                assert_eq!(system.source(&Value::from(groups[0])).id.module(), function.id.module());
            }
            assert_eq!(spec["tracing"], true, "{}", function.id);
            assert_eq!(system.source(&spec["dead_letters"]).kind, "sqs.queue", "{}", function.id);
            system.assert_own_key(function, "kms_key");
        }
        // Only AWS services may invoke them, each for one resource.
        for mapping in system.any("lambda.event_source_mapping") {
            assert_eq!(mapping.spec["report_batch_item_failures"], true, "{}", mapping.id);
        }
    }
}

#[tokio::test]
async fn queues_and_topics_are_encrypted_and_tls_only() {
    for system in every().await {
        for kind in ["sqs.queue", "sns.topic"] {
            for step in system.of(kind) {
                system.assert_own_key(step, "kms_key");
                let policy = documents(&step.spec["policy"]);
                assert!(policy.into_iter().any(denies_plain_text), "{} takes plain text", step.id);
            }
        }
    }
}

#[tokio::test]
async fn queues_hide_active_messages_and_keep_failures_two_weeks() {
    let system = system().await;
    for environment in ENVIRONMENTS {
        let queue = system.step(&format!("{environment}/queues/payments-queue"));
        let dead_letters = system.source(&queue.spec["dead_letters"]["queue"]);
        assert_eq!(dead_letters.spec["retention_seconds"], 14 * 24 * 3600, "{}", dead_letters.id);
        // SQS hides a message at least six times as long as its function may work.
        let mapping = system.step(&format!("{environment}/functions/payment-processor/source"));
        let function = system.source(&mapping.spec["function"]);
        let least = function.spec["timeout_seconds"].as_u64().unwrap() * 6;
        assert!(queue.spec["visibility_timeout_seconds"].as_u64().unwrap() >= least, "{}", queue.id);
    }
}

#[tokio::test]
async fn buckets_are_private_versioned_and_tls_only() {
    for system in every().await {
        for bucket in system.of("s3.bucket") {
            for setting in ["block_public_access", "versioning", "owner_enforced"] {
                assert_eq!(bucket.spec[setting], true, "{}: {setting}", bucket.id);
            }
            // The target of access logs can't log to itself, and a shared bucket has no target that outlives the system.
            let logs = !bucket.spec["access_logs"].is_null();
            assert_eq!(logs, !bucket.shared && bucket.id.0 != "s3-access-logs/bucket", "{}", bucket.id);
            assert!(bucket.shared || bucket.spec["events"] == true, "{}", bucket.id);
        }
    }
}

#[tokio::test]
async fn secrets_rotate_and_deny_other_accounts() {
    let system = system().await;
    let rotated: BTreeSet<_> = system
        .of("secrets.rotation")
        .into_iter()
        .map(|rotation| {
            let days = rotation.spec["every_days"].as_i64().unwrap();
            assert!((1..=90).contains(&days), "{}: {days} days", rotation.id);
            let secret = system.source(&rotation.spec["secret"]);
            let function = system.source(&rotation.spec["function"]);
            let may = |permission: &&Step| {
                permission.spec["principal"] == "secretsmanager.amazonaws.com"
                    && system.source(&permission.spec["function"]).id == function.id
                    && system.source(&permission.spec["source_arn"]).id == secret.id
            };
            assert!(system.of("lambda.permission").iter().any(may), "{} can't rotate", rotation.id);
            secret.id.clone()
        })
        .collect();
    assert_eq!(rotated, system.of("secrets.secret").iter().map(|secret| secret.id.clone()).collect());
    for secret in system.of("secrets.secret") {
        let others = |one: &Value| {
            one["Effect"] == "Deny" && one["Condition"]["StringNotEquals"]["aws:PrincipalAccount"] == ACCOUNT
        };
        assert!(documents(&secret.spec["policy"]).into_iter().any(others), "{}", secret.id);
    }
}

#[tokio::test]
async fn every_alarm_notifies_a_topic_in_its_region() {
    for system in every().await {
        for alarm in ["cloudwatch.alarm", "cloudwatch.composite_alarm"].into_iter().flat_map(|kind| system.of(kind)) {
            assert_eq!(alarm.spec["actions_enabled"], true, "{}", alarm.id);
            let actions = alarm.spec["actions"].as_array().unwrap();
            assert!(!actions.is_empty(), "{} has no action", alarm.id);
            for action in actions {
                let topic = system.source(action);
                assert_eq!((topic.kind, &topic.region), ("sns.topic", &alarm.region), "{}", alarm.id);
            }
        }
    }
}

#[tokio::test]
async fn log_groups_are_encrypted_with_configured_retention() {
    for system in every().await {
        for group in system.of("logs.log_group") {
            system.assert_own_key(group, "kms_key");
            assert_eq!(group.spec["retention_days"], system.differs().log_retention_days, "{}", group.id);
        }
    }
}

#[tokio::test]
async fn backup_vault_is_encrypted_and_denies_manual_deletion() {
    for system in every().await {
        for vault in system.of("backup.vault") {
            system.assert_own_key(vault, "kms_key");
            let denies =
                |one: &Value| one["Effect"] == "Deny" && texts(&one["Action"]).contains(&"backup:DeleteRecoveryPoint");
            assert!(documents(&vault.spec["policy"]).into_iter().any(denies), "{}", vault.id);
        }
        for plan in system.of("backup.plan") {
            for rule in plan.spec["rules"].as_array().unwrap() {
                assert!(rule["delete_after_days"].as_i64().unwrap() >= 7, "{}", plan.id);
            }
        }
    }
}

#[tokio::test]
async fn zone_queries_are_logged_in_route_53s_region() {
    for system in every().await {
        let logging = system.of("route53.query_logging_config")[0];
        assert_eq!(system.source(&logging.spec["hosted_zone"]).id, system.of("route53.hosted_zone")[0].id);
        assert_eq!(system.source(&logging.spec["log_group"]).region, "us-east-1");
    }
}

#[tokio::test]
async fn functions_reach_aws_through_vpc_endpoints() {
    let system = system().await;
    for environment in ENVIRONMENTS {
        for (service, kind) in [
            ("s3", "ec2.gateway_endpoint"),
            ("dynamodb", "ec2.gateway_endpoint"),
            ("secretsmanager", "ec2.interface_endpoint"),
            ("kms", "ec2.interface_endpoint"),
            ("logs", "ec2.interface_endpoint"),
            ("sqs", "ec2.interface_endpoint"),
            ("ssm", "ec2.interface_endpoint"),
        ] {
            let endpoint = system.step(&format!("{environment}/network/endpoint-{service}"));
            assert_eq!(endpoint.kind, kind);
            assert!(!documents(&endpoint.spec["policy"]).is_empty(), "{} has no policy", endpoint.id);
            if kind == "ec2.interface_endpoint" {
                assert_eq!(endpoint.spec["private_dns"], true, "{}", endpoint.id);
            }
        }
    }
}
