//! "Security and Compliance Constraints": secrets, logs, compliance, failback, tags. [`encryption`](super::encryption) and
//! [`network`](super::network) have the others of both lists.

use std::collections::BTreeSet;

use provisioner::engine::{Step, reference};
use provisioner::resources::registry::Types;
use serde_json::Value;

use super::system;
use crate::support::composition::{ACCOUNT, Composition, ENVIRONMENTS, environment, texts};
use crate::support::compositions::every;

#[tokio::test]
async fn secrets_manager_for_all_database_credentials_and_api_keys() {
    let system = system().await;
    for environment in ENVIRONMENTS {
        for (leaf, kind) in [
            ("database-secret", "database"),
            ("api-key-secret", "api-key"),
            ("encryption-key-secret", "encryption-key"),
        ] {
            let secret = system.step(&format!("{environment}/secrets/{leaf}"));
            assert_eq!((secret.kind, &secret.spec["content"]["kind"]), ("secrets.secret", &Value::from(kind)));
        }
        let cluster = system.step(&format!("{environment}/database/cluster"));
        let secret = system.source(&cluster.spec["master_secret"]);
        assert_eq!(secret.id.0, format!("{environment}/secrets/database-secret"));
    }
}

#[tokio::test]
async fn secrets_are_passed_by_reference_only() {
    let is_secret = |name: &str| {
        let name = name.to_uppercase();
        ["PASSWORD", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "PEPPER"].iter().any(|word| name.contains(word))
    };
    // A secret of ours, or the one that RDS keeps for a cluster.
    let is_kept = |system: &Composition, value: &Value| {
        let secret = system.source(value);
        secret.kind == "secrets.secret" || *value == reference::token(&secret.id, "master_secret_arn").as_str()
    };
    for system in every().await {
        for cluster in system.of("rds.db_cluster").into_iter().filter(|one| !one.spec["master_username"].is_null()) {
            let kept = ["master_secret", "managed_password_key"].iter().any(|field| !cluster.spec[field].is_null());
            assert!(kept, "{} has an administrator from elsewhere", cluster.id);
        }
        for function in system.of("lambda.function") {
            for (name, value) in function.spec["environment"].as_object().unwrap() {
                if is_secret(name) {
                    assert!(is_kept(system, value), "{}: {name} is {value}", function.id);
                }
            }
        }
        for parameter in system.of("ssm.parameter") {
            let name = parameter.spec["name"].as_str().unwrap();
            let encrypted = parameter.spec["kind"] == "SecureString";
            assert!(encrypted || !is_secret(name), "{name} is in plain text");
            assert!(!encrypted || parameter.spec["value"].is_null(), "the value of {name} is in a spec");
        }
    }
}

#[tokio::test]
async fn cloudwatch_logs_for_all_services_for_compliance_monitoring() {
    for system in every().await {
        let names: BTreeSet<_> =
            system.of("logs.log_group").iter().map(|group| group.spec["name"].to_string()).collect();
        let has = |name: String| assert!(names.contains(&format!("{name:?}")), "no log group {name}");
        for function in system.of("lambda.function") {
            assert_eq!(system.source(&function.spec["logging"]["log_group"]).kind, "logs.log_group", "{}", function.id);
            has(format!("/aws/lambda/{}", function.spec["name"].as_str().unwrap()));
        }
        for cluster in system.of("rds.db_cluster") {
            let logs = texts(&cluster.spec["log_exports"]);
            assert_eq!(logs, system.differs().database_logs, "{}", cluster.id);
            logs.iter().for_each(|log| {
                has(format!("/aws/rds/cluster/{}/{log}", cluster.spec["identifier"].as_str().unwrap()))
            });
        }
        let container = |task: &Step| task.spec["containers"][0]["log"]["group"].clone();
        for task in system.any("ecs.task_definition") {
            assert_eq!(system.source(&container(task)).kind, "logs.log_group", "{}", task.id);
        }
        for topic in system.of("sns.topic") {
            let name = topic.spec["name"].as_str().unwrap();
            for end in ["", "/Failure"] {
                has(format!("sns/{}/{}/{name}{end}", topic.region, ACCOUNT));
            }
            for (kind, logging) in topic.spec["delivery_logging"].as_object().unwrap() {
                for role in ["success_role", "failure_role"] {
                    assert_eq!(system.source(&logging[role]).kind, "iam.role", "{} {kind}", topic.id);
                }
            }
        }
        for (kind, field) in [
            ("ec2.flow_log", "log_group"),
            ("waf.logging_configuration", "log_group"),
            ("route53.query_logging_config", "log_group"),
        ] {
            for step in system.of(kind) {
                assert_eq!(system.source(&step.spec[field]).kind, "logs.log_group", "{}", step.id);
            }
        }
        // Load balancers log to buckets only.
        for balancer in system.of("elb.load_balancer") {
            let bucket = system.source(&balancer.spec["access_logs"]["bucket"]);
            assert!(bucket.kind.starts_with("s3.bucket"), "{}: {}", balancer.id, bucket.id);
        }
    }
}

#[tokio::test]
async fn aws_config_for_continuous_compliance_monitoring() {
    for system in every().await {
        let recorder = system.of("config.configuration_recorder")[0];
        assert_eq!(recorder.spec["recording"], true);
        let channel = system.of("config.delivery_channel")[0];
        assert_eq!(system.source(&channel.spec["recorder"]).id, recorder.id);
        let rules: BTreeSet<_> =
            system.of("config.config_rule").iter().map(|rule| rule.spec["identifier"].as_str().unwrap()).collect();
        for rule in [
            "ALB_WAF_ENABLED",
            "CLOUDWATCH_LOG_GROUP_ENCRYPTED",
            "CMK_BACKING_KEY_ROTATION_ENABLED",
            "RDS_STORAGE_ENCRYPTED",
            "S3_BUCKET_SSL_REQUESTS_ONLY",
            "SECRETSMANAGER_ROTATION_ENABLED_CHECK",
            "VPC_DEFAULT_SECURITY_GROUP_CLOSED",
            "VPC_FLOW_LOGS_ENABLED",
        ] {
            assert!(rules.contains(rule), "no rule {rule}");
        }
        for rule in system.of("config.config_rule") {
            let after = rule.dependencies().contains(&channel.id);
            assert!(after, "{} comes before what records: AWS refuses it", rule.id);
        }
    }
}

/// How long an alarm takes to go off at most, in seconds: the minute in which things go wrong may have begun well.
fn detection(alarm: &Step) -> u64 {
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{}: {value} is no number", alarm.id));
    let measure = &alarm.spec["measure"];
    let single = measure["single"]["period_seconds"].as_u64();
    let queries = measure["queries"].as_array().into_iter().flatten();
    let periods = queries.filter_map(|query| query["measure"]["metric"]["period_seconds"].as_u64());
    let period = single.into_iter().chain(periods).max().unwrap_or_else(|| panic!("{} has no period", alarm.id));
    (number(&alarm.spec["evaluation_periods"]) + 1) * period
}

#[tokio::test]
async fn automatic_failback_to_blue_environment_within_5_minutes() {
    const FIVE_MINUTES: u64 = 300;
    /// EventBridge delivers within a second or so; AWS promises nothing.
    const DELIVERY: u64 = 15;
    /// Load balancers' alias records live as long in resolvers.
    const ALIAS_TTL: u64 = 60;
    let system = system().await;

    // By the weights: alarms of green, the alarm that joins them, the rule, the function.
    let joined = system.of("cloudwatch.composite_alarm")[0];
    let alarms: Vec<&Step> =
        reference::find(&joined.spec["rule"]).iter().map(|found| system.step(&found.step.0)).collect();
    let watched: BTreeSet<&str> = alarms.iter().map(|alarm| alarm.id.leaf()).collect();
    for what in ["target-errors-1", "target-errors-2", "payment-api-errors", "payment-processor-errors"] {
        assert!(watched.contains(what), "{what} of green sends nothing back: {watched:?}");
    }
    assert!(alarms.iter().all(|alarm| alarm.kind == "cloudwatch.alarm" && environment(alarm) == "green"));

    let pattern = &system.step("failback/rule").spec["pattern"];
    assert_eq!(system.source(&pattern["resources"][0]).id, joined.id);
    assert_eq!(pattern["detail"]["state"]["value"][0], "ALARM");
    assert_eq!(system.step("failback/rule").spec["enabled"], true);
    let target = system.step("failback/target");
    assert_eq!(system.source(&target.spec["rule"]).id.0, "failback/rule");
    let function = system.source(&target.spec["arn"]);
    assert_eq!(function.id.0, "failback/function");
    let allowed = |permission: &&Step| {
        permission.spec["principal"] == "events.amazonaws.com"
            && system.source(&permission.spec["function"]).id == function.id
            && system.source(&permission.spec["source_arn"]).id.0 == "failback/rule"
    };
    assert!(system.of("lambda.permission").iter().any(allowed), "EventBridge may not call the function");

    // The function knows every listener that splits traffic.
    let config: Value =
        serde_json::from_str(function.spec["environment"]["FAILBACK_CONFIG"].as_str().unwrap()).unwrap();
    let known: BTreeSet<_> =
        config["edges"].as_array().unwrap().iter().map(|edge| system.source(&edge["listenerArn"]).id.clone()).collect();
    let listeners = system.of("elb.listener");
    let weighted = listeners.iter().filter(|listener| listener.spec["action"].get("weighted_forward").is_some());
    assert_eq!(known, weighted.map(|listener| listener.id.clone()).collect());

    let slowest = alarms.iter().map(|alarm| detection(alarm)).max().unwrap();
    let timeout = function.spec["timeout_seconds"].as_u64().unwrap();
    let bound = slowest + DELIVERY + timeout;
    assert!(bound < FIVE_MINUTES, "{slowest} s until the alarm, {DELIVERY} s, {timeout} s to move: {bound} s");

    // By DNS, where a whole edge is dead.
    for check in system.of("route53.health_check") {
        let number = |field: &str| check.spec[field].as_u64().unwrap();
        assert_eq!((number("interval_seconds"), number("threshold")), (10, 3), "{}", check.id);
        assert!(number("interval_seconds") * number("threshold") + ALIAS_TTL < FIVE_MINUTES);
    }
    for environment in ENVIRONMENTS {
        let live = system.step(&format!("dns/{environment}/live"));
        assert_eq!(system.source(&live.spec["health_check"]).id.0, format!("dns/{environment}/health"));
    }
    let secondary = system.step("dns/pay-secondary");
    assert_eq!(secondary.spec["routing"]["failover"]["role"], "secondary");
    let leads_to = system.source(&secondary.spec["target"]["alias"]["dns_name"]);
    assert_eq!(leads_to.id.0, "blue/edge/load-balancer");
}

#[tokio::test]
async fn resource_tagging_for_cost_allocation_and_compliance_tracking() {
    for system in every().await {
        for step in &system.steps {
            for (key, value) in system.differs().tags {
                assert_eq!(step.tags.get(*key).map(String::as_str), Some(*value), "{}: {key}", step.id);
            }
            assert_eq!(step.tags["Environment"], environment(step), "{}", step.id);
        }
    }
}

#[tokio::test]
async fn no_guardduty_detector_creation() {
    let is_it = |text: &str| text.to_lowercase().contains("guardduty");
    for system in every().await {
        assert!(!system.steps.iter().any(|step| is_it(step.kind) || is_it(&step.spec.to_string())));
        // Nor could this provisioner make one: it knows no such type, and asks for no such permission.
        for (kind, actions) in Types::shipped().actions() {
            assert!(!is_it(kind) && !actions.iter().any(|action| is_it(action)), "{kind}");
        }
    }
}
