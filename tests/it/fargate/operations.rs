//! "Core Requirements" 8 to 12: operation, monitoring and permissions.

use std::collections::{BTreeMap, BTreeSet};

use provisioner::engine::{Step, StepId, reference};
use provisioner::resources::registry::Types;
use serde_json::{Value, json};

use super::SERVICES;
use crate::support::composition::{Composition, ENVIRONMENTS, SUFFIX, documents, environment as environment_of, texts};
use crate::support::compositions::fargate_postgres;

#[tokio::test]
async fn traffic_management() {
    for system in fargate_postgres().await.each() {
        let name = system.outputs["payment_name"].as_str();
        assert_eq!(system.count("route53.record"), 2, "what clients ask for has two answers");
        for (environment, weight) in [("blue", 90), ("green", 10)] {
            let record = &system.step(&format!("dns/{environment}/live")).spec;
            assert_eq!(record["name"], name);
            let weighted = json!({"weighted": {"set_identifier": environment, "initial_weight": weight}});
            assert_eq!(record["routing"], weighted);
            let balancer = json!(reference::token(&system.at(environment, "edge/load-balancer").id, "dns_name"));
            assert_eq!(record["target"]["values"]["values"], json!([balancer]));
            assert!(record["target"]["values"]["ttl_seconds"].as_u64().unwrap() <= 60, "an answer is soon forgotten");
            // Route 53 omits unhealthy records: without green all answers are blue.
            let check = system.source(&record["health_check"]);
            assert_eq!(check.id.0, format!("dns/{environment}/health"));
            assert_eq!((&check.spec["host"], &check.spec["path"]), (&balancer, &json!("/health")));
            let number = |field: &str| check.spec[field].as_u64().unwrap();
            assert!(number("interval_seconds") * number("threshold") <= 60);
        }
        // Where green answers, but badly, its alarms take its weight away.
        let config = &system.step("failback/function").spec["environment"]["FAILBACK_CONFIG"];
        let config: Value = serde_json::from_str(config.as_str().unwrap()).unwrap();
        assert!(config.to_string().contains(name) && config.to_string().contains("blue"), "{config}");
        let joined = system.sources(&system.step("green-unhealthy").spec["rule"]);
        for service in SERVICES {
            assert!(
                joined.contains(&format!("green/alarms/{service}-failing").as_str().into()),
                "{service}: {joined:?}"
            );
        }
        assert!(joined.iter().all(|alarm| alarm.0.starts_with("green/")), "{joined:?}");
    }
}

/// The lines of the dashboard: the metric and its resource or job.
fn lines(system: &Composition) -> Vec<&Value> {
    let widgets = system.step("dashboard").spec["body"]["widgets"].as_array().unwrap();
    widgets.iter().filter_map(|widget| widget["properties"]["metrics"].as_array()).flatten().collect()
}

#[tokio::test]
async fn monitoring_and_alerting() {
    for system in fargate_postgres().await.each() {
        let lines = lines(system);
        let shows = |metric: &str, of: &str| {
            let of = json!(of);
            let is = |line: &&&Value| line[1] == metric && line.as_array().unwrap().contains(&of);
            assert!(lines.iter().any(|line| is(&line)), "the dashboard lacks {metric} of {of}");
        };
        let notifies = |alarm: &Step| {
            assert_eq!(
                system.sources(&alarm.spec["actions"]),
                [system.step("topics/alerts/topic").id.clone()].into(),
                "{}",
                alarm.id
            );
            assert_eq!(alarm.spec["comparison"], "greater", "{}", alarm.id);
        };
        let single = |id: &str, name: &str, dimension: &str, of: &Step, field: &str, threshold: f64| {
            let alarm = system.step(id);
            notifies(alarm);
            let metric = &alarm.spec["measure"]["single"]["metric"];
            assert_eq!((&metric["name"], &alarm.spec["threshold"]), (&json!(name), &json!(threshold)), "{id}");
            assert_eq!(metric["dimensions"][dimension], reference::token(&of.id, field), "{id}");
        };
        // 80 % of an instance's maximum: 2000 below a minimum of 1 ACU, else 225 per ACU of the maximum.
        let pool = if system.region == "us-east-1" { 360.0 } else { 1600.0 };
        let rates = lines.iter().filter(|line| {
            let expression = line[0]["expression"].as_str().unwrap_or_default();
            expression.starts_with("100 * FILL(errors")
        });
        let rates: BTreeMap<_, usize> = rates.fold(BTreeMap::new(), |mut counts, line| {
            *counts.entry(line[0]["label"].as_str().unwrap()).or_default() += 1;
            counts
        });
        assert_eq!(rates, SERVICES.map(|service| (service, 2)).into(), "a rate of errors of each service, twice");
        for environment in ENVIRONMENTS {
            for service in SERVICES {
                let group = system.at(environment, &format!("edge/to-{service}/target-group"));
                let full_name = reference::token(&group.id, "full_name");
                for metric in ["RequestCount", "TargetResponseTime", "HTTPCode_Target_5XX_Count"] {
                    shows(metric, &full_name);
                }

                let errors = system.at(environment, &format!("alarms/{service}-errors"));
                notifies(errors);
                assert_eq!((&errors.spec["threshold"], &errors.spec["evaluation_periods"]), (&json!(1.0), &json!(1)));
                let queries = errors.spec["measure"]["queries"].as_array().unwrap();
                let percent = queries.iter().find(|query| query["returned"] == true).unwrap();
                let math = percent["measure"]["expression"].as_str().unwrap();
                assert!(math.contains("100 * (FILL(errors1, 0)) / (FILL(all1, 0))"), "{math}");
                for (id, name) in [("all1", "RequestCount"), ("errors1", "HTTPCode_Target_5XX_Count")] {
                    let query = &queries.iter().find(|query| query["id"] == id).unwrap()["measure"]["metric"];
                    assert_eq!((&query["metric"]["name"], &query["period_seconds"]), (&json!(name), &json!(300)));
                    assert_eq!(query["metric"]["dimensions"]["TargetGroup"], full_name);
                }
                let unhealthy = format!("{environment}/alarms/{service}-unhealthy");
                single(&unhealthy, "UnHealthyHostCount", "TargetGroup", group, "full_name", 0.0);
                let tasks = system.at(environment, &format!("alarms/{service}-tasks"));
                notifies(tasks);
                let running = system.sources(&tasks.spec["measure"]);
                assert!(running.contains(&format!("{environment}/services/{service}/service").as_str().into()));
                let insights = &system.at(environment, "services/cluster").spec["container_insights"];
                assert_ne!(insights, "disabled", "Container Insights must count tasks");
            }
            for number in 1..=3 {
                let instance = system.at(environment, &format!("database/instance-{number}"));
                let identifier = reference::token(&instance.id, "identifier");
                for metric in ["CPUUtilization", "DatabaseConnections", "AuroraReplicaLag"] {
                    shows(metric, &identifier);
                }
                let connections = format!("{environment}/alarms/database-instance-{number}-connections");
                single(&connections, "DatabaseConnections", "DBInstanceIdentifier", instance, "identifier", pool);
            }
            let migrate = system.at(environment, "functions/migrate/function");
            single(&format!("{environment}/alarms/migrate-failed"), "Errors", "FunctionName", migrate, "name", 0.0);
        }
        for metric in ["RowsCopied", "RowsRemaining", "LagSeconds", "RowsQuarantined"] {
            shows(metric, "data-sync");
        }
        let sync = system.step("green/sync/data-sync/function");
        single("migration/alarms/sync-failed", "Errors", "FunctionName", sync, "name", 0.0);
        for alarm in ["sync-quarantine", "sync-lag", "sync-dead-letters"] {
            notifies(system.step(&format!("migration/alarms/{alarm}")));
        }
        for topic in ["alerts", "migration-events"] {
            assert_eq!(system.step(&format!("topics/{topic}/topic")).kind, "sns.topic");
        }
        let url = &system.outputs["dashboard_url"];
        let name = system.step("dashboard").spec["name"].as_str().unwrap();
        assert!(url.contains(&format!("region={}", system.region)) && url.ends_with(&format!("name={name}")), "{url}");
    }
}

#[tokio::test]
async fn security_and_compliance() {
    let systems = fargate_postgres().await;
    for system in systems.each() {
        let rules: BTreeSet<_> =
            system.of("config.config_rule").iter().map(|rule| rule.spec["identifier"].as_str().unwrap()).collect();
        for rule in ["ALB_WAF_ENABLED", "RDS_STORAGE_ENCRYPTED", "S3_BUCKET_SSL_REQUESTS_ONLY", "VPC_FLOW_LOGS_ENABLED"]
        {
            assert!(rules.contains(rule), "nothing watches {rule}");
        }
        let retention = &system.step("compliance/log-retention").spec["input_parameters"];
        assert_eq!(retention["MinRetentionTime"], "90");
        for group in system.of("logs.log_group") {
            assert_eq!(group.spec["retention_days"], 90, "{}", group.id);
        }
        let roles: BTreeSet<_> = ["execution_role", "task_role"]
            .into_iter()
            .flat_map(|role| system.of("ecs.task_definition").into_iter().map(move |task| (role, task)))
            .map(|(role, task)| system.source(&task.spec[role]).id.clone())
            .collect();
        assert_eq!(roles.len(), 12, "each service of each environment has two roles of its own");
        let limits: Vec<_> = system.step("firewall/web-acl").spec["rules"].as_array().unwrap().iter().collect();
        let rate = limits.iter().find_map(|rule| rule.get("rate")).expect("a rate rule");
        assert_eq!(rate, &json!({"limit": 10_000 * 300, "window_seconds": 300}));
    }

    // Another account with the external id may run the migration and read its metrics.
    assert!(
        systems.default.find(&"migration/role".into()).is_none(),
        "other accounts have a role only if it is configured"
    );
    let complete = &systems.complete;
    let role = complete.step("migration/role");
    let trust = documents(&role.spec["trust"]);
    assert_eq!(trust.len(), 1);
    assert_eq!(trust[0]["Principal"], json!({"AWS": "arn:aws:iam::222233334444:root"}));
    assert_eq!(trust[0]["Condition"], json!({"StringEquals": {"sts:ExternalId": "known-to-both-sides"}}));
    let may = documents(&role.spec["inline_policies"]);
    let actions: BTreeSet<_> = may.iter().flat_map(|one| texts(&one["Action"])).collect();
    let needed = ["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "lambda:InvokeFunction"];
    assert_eq!(actions, needed.into());
    let called = may.iter().find(|one| texts(&one["Action"]) == ["lambda:InvokeFunction"]).unwrap();
    let functions =
        ["blue/functions/migrate/function", "green/functions/migrate/function", "green/sync/data-sync/function"];
    assert_eq!(complete.sources(&called["Resource"]), functions.map(StepId::from).into());
}

#[tokio::test]
async fn network_security() {
    for system in fargate_postgres().await.each() {
        // Only the connections that the requirement's tiers need are allowed.
        for environment in ENVIRONMENTS {
            let into = |group: &str| -> BTreeSet<String> {
                let rules = system.of("ec2.security_group_rule").into_iter().filter(|rule| {
                    rule.spec["direction"] == "ingress"
                        && system.source(&rule.spec["security_group_id"]).id.0 == format!("{environment}/{group}")
                });
                let who = |rule: &Step| match &rule.spec["peer"]["security_group"] {
                    Value::Null => "addresses".to_owned(),
                    peer => system.source(peer).id.0.clone(),
                };
                rules.map(|rule| format!("{} {}", who(rule), rule.spec["ports"]["from"])).collect()
            };
            let mut clients: BTreeSet<_> =
                SERVICES.map(|name| format!("{environment}/services/{name}/security-group 5432")).into();
            clients.insert(format!("{environment}/functions/migrate/security-group 5432"));
            clients.insert(match environment {
                "blue" => "addresses 5432".to_owned(),
                _ => "green/sync/data-sync/security-group 5432".to_owned(),
            });
            assert_eq!(into("database/security-group"), clients);
            for service in SERVICES {
                let balancer = format!("{environment}/edge/security-group 8080");
                assert_eq!(into(&format!("services/{service}/security-group")), [balancer].into());
            }
            for function in ["functions/migrate", "sync/data-sync"] {
                assert!(into(&format!("{function}/security-group")).is_empty(), "{function} needs no ingress");
            }

            let acls = system.of("ec2.network_acl").into_iter().filter(|acl| environment_of(acl) == environment);
            let covered: BTreeSet<_> = acls.flat_map(|acl| system.sources(&acl.spec["subnet_ids"])).collect();
            assert_eq!(covered.len(), 9, "three tiers in three zones");
            let inside: BTreeSet<_> =
                ENVIRONMENTS.map(|one| system.at(one, "network/vpc").spec["cidr"].to_string()).into();
            let data = &system.at(environment, "network/network-acl-data").spec;
            for direction in ["ingress", "egress"] {
                let entries = data[direction].as_object().unwrap().values();
                let blocks: BTreeSet<_> = entries.map(|entry| entry["cidr"].to_string()).collect();
                assert_eq!(blocks, inside, "databases talk to the two networks only");
            }
            let log = &system.at(environment, "network/flow-log").spec;
            assert_eq!(log["traffic"], "ALL");
            assert_eq!(system.source(&log["vpc_id"]).id.0, format!("{environment}/network/vpc"));
        }
        let guard = |text: &str| text.to_lowercase().contains("guardduty");
        assert!(!system.steps.iter().any(|step| guard(step.kind) || guard(&step.spec.to_string())));
    }
    assert!(!Types::shipped().actions().keys().any(|kind| kind.contains("guardduty")), "it is set up by hand");
}

#[tokio::test]
async fn resource_management() {
    for system in fargate_postgres().await.each() {
        for step in &system.steps {
            let tag = |key: &str| step.tags.get(key).map(String::as_str);
            assert_eq!(tag("Environment"), Some(environment_of(step)), "{}", step.id);
            for (key, value) in
                [("Service", "payment-processing"), ("ManagedBy", "provisioner"), ("CostCenter", "fintech-migration")]
            {
                assert_eq!(tag(key), Some(value), "{}: {key}", step.id);
            }
        }
        for (kind, field, resource_type) in [
            ("ecs.cluster", "name", "ecs"),
            ("elb.load_balancer", "name", "alb"),
            ("rds.db_cluster", "identifier", "aurora"),
        ] {
            for step in system.of(kind) {
                assert_eq!(
                    step.spec[field],
                    format!("{resource_type}-{}-{SUFFIX}", environment_of(step)),
                    "{}",
                    step.id
                );
            }
        }
        for step in system.of("dynamodb.table") {
            assert_eq!(step.spec["name"], format!("{}-{SUFFIX}", step.id.leaf()), "what both environments share");
        }
    }
}
