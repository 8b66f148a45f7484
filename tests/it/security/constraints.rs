//! "Security and Compliance Constraints", both lists.

use std::collections::{BTreeMap, BTreeSet};

use provisioner::engine::Step;
use provisioner::engine::reference;
use provisioner::resources::registry::Types;
use serde_json::Value;

use super::system;
use crate::support::composition::{
    ACCOUNT, Composition, ENVIRONMENTS, denies_plain_text, documents, environment, texts,
};
use crate::support::compositions::{every, lambda_mysql};

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
async fn network_isolation_with_separate_vpcs_for_blue_and_green() {
    for system in every().await {
        for environment in ENVIRONMENTS {
            let vpc = system.step(&format!("{environment}/network/vpc"));
            assert!(vpc.spec["cidr"].as_str().unwrap().ends_with("/16"), "{}", vpc.spec);
        }
        let blocks: BTreeSet<_> = system.of("ec2.vpc").iter().map(|vpc| vpc.spec["cidr"].to_string()).collect();
        assert_eq!(blocks.len(), system.count("ec2.vpc"), "each VPC has addresses of its own: {blocks:?}");

        // What stands in one environment's network belongs to that environment, down to the last rule.
        let inside = ["vpc_id", "security_group_id", "security_groups", "subnets", "subnet_ids", "vpc"];
        for step in &system.steps {
            for field in inside {
                for found in reference::find(&step.spec[field]) {
                    let other = environment(system.find(&found.step).expect("a step of the system"));
                    assert_eq!(environment(step), other, "{}: {field} is in {other}'s network", step.id);
                }
            }
        }
        let environments = |rule: &Step| -> BTreeSet<String> {
            let groups = reference::find(&rule.spec).into_iter().filter_map(|found| system.find(&found.step));
            groups.map(environment).map(str::to_owned).collect()
        };
        for rule in system.of("ec2.security_group_rule") {
            assert_eq!(environments(rule).len(), 1, "{} joins two environments", rule.id);
        }

        // One way leads from the one to the other: the transit gateway, on which nothing joins by itself.
        let gateway = &system.of("ec2.transit_gateway")[0].spec;
        for automatic in
            ["auto_accept_shared_attachments", "default_route_table_association", "default_route_table_propagation"]
        {
            assert_eq!(gateway[automatic], false, "{automatic}");
        }
        for route in system.of("ec2.route") {
            let target = route.spec["target"].as_object().expect("a route has a target");
            let kind = target.keys().next().map(String::as_str);
            let elsewhere = system.source(&target[kind.unwrap()]);
            assert!(kind == Some("transit_gateway") || environment(elsewhere) == environment(route), "{}", route.id);
        }
    }
}

#[tokio::test]
async fn aws_waf_on_alb_to_block_owasp_top_10_vulnerabilities() {
    for system in every().await {
        let acl = system.of("waf.web_acl")[0];
        let rules = acl.spec["rules"].as_array().unwrap();
        let managed: BTreeSet<_> = rules.iter().filter_map(|rule| rule["managed"]["group"].as_str()).collect();
        // AWS's own mapping of the OWASP top 10: injection, cross-site scripting, known bad inputs, bad clients.
        let owasp = ["CommonRuleSet", "IpReputationList", "KnownBadInputsRuleSet", "SQLiRuleSet"];
        let owasp: Vec<_> =
            owasp.iter().map(|group| format!("AWSManagedRules{}", group.replace("IpRep", "AmazonIpRep"))).collect();
        for group in &owasp {
            assert!(managed.contains(group.as_str()), "no {group} among {managed:?}");
        }
        let limit = rules.iter().find_map(|rule| rule["rate"]["limit"].as_i64()).expect("a rate rule");
        assert!((10..=2_000_000_000).contains(&limit));
        assert_eq!(acl.spec["rule_metrics"], true);

        let guarded: BTreeSet<_> = system
            .of("waf.web_acl_association")
            .into_iter()
            .map(|association| {
                assert_eq!(system.source(&association.spec["web_acl"]).id, acl.id);
                system.source(&association.spec["load_balancer"]).id.clone()
            })
            .collect();
        let all: BTreeSet<_> = system.of("elb.load_balancer").iter().map(|balancer| balancer.id.clone()).collect();
        assert_eq!(guarded, all, "every load balancer stands behind the firewall");
        for listener in system.of("elb.listener") {
            let firewall = format!("{}/edge/firewall", environment(listener));
            assert!(listener.dependencies().contains(&firewall.as_str().into()), "{} opens unguarded", listener.id);
        }
        let logging = system.of("waf.logging_configuration")[0];
        assert_eq!(system.source(&logging.spec["web_acl"]).id, acl.id);
        assert!(texts(&logging.spec["redacted_headers"]).contains(&"authorization"));
    }
}

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
            assert!(!encrypted || parameter.spec["value"].is_null(), "the value of {name} stands in a spec");
        }
    }
}

#[tokio::test]
async fn vpc_flow_logs_enabled_for_audit_trail() {
    for system in every().await {
        for vpc in system.of("ec2.vpc") {
            let logs = system.of("ec2.flow_log");
            let log = logs.iter().find(|log| system.source(&log.spec["vpc_id"]).id == vpc.id);
            let log = log.unwrap_or_else(|| panic!("{} has no flow log", vpc.id));
            assert_eq!(log.spec["traffic"], "ALL", "{}", log.id);
            let group = system.source(&log.spec["log_group"]);
            assert_eq!((group.kind, &group.region), ("logs.log_group", &vpc.region));
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
async fn all_data_at_rest_must_be_encrypted() {
    for system in every().await {
        let checked: BTreeSet<_> =
            ENCRYPTED.iter().map(|(kind, _)| *kind).chain(["s3.bucket", "rds.global_cluster"]).collect();
        for step in system.steps.iter().filter(|step| holds_data(step.kind)) {
            // A new type that holds data has to be looked at here, or be named as one that holds none.
            assert!(checked.contains(step.kind), "nobody says how {} ({}) is encrypted", step.kind, step.id);
            let encrypted = match step.kind {
                "rds.global_cluster" => step.spec["storage_encrypted"] == true,
                "s3.bucket" => !step.spec["encryption"].is_null(),
                // What it says anybody may know.
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
        // What doesn't speak TLS by AWS's own doing does so by ours.
        let client = std::fs::read_to_string(super::deployment::lambda("lib/database.mjs")).unwrap();
        for setting in ["minVersion: 'TLSv1.2'", "rejectUnauthorized: true", "verifyIdentity: true"] {
            assert!(client.contains(setting), "the functions' database client lacks {setting}");
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

fn is_anywhere(rule: &Step) -> bool {
    ["0.0.0.0/0", "::/0"].iter().any(|all| rule.spec["peer"]["cidr"] == *all || rule.spec["peer"]["other"] == *all)
}

#[tokio::test]
async fn security_groups_minimal_access_no_0_0_0_0_0_except_alb() {
    for system in every().await {
        let edges: BTreeSet<_> = system
            .of("elb.load_balancer")
            .into_iter()
            .flat_map(|balancer| balancer.spec["security_groups"].as_array().unwrap())
            .map(|group| system.source(group).id.clone())
            .collect();
        let mut open = BTreeMap::<_, BTreeSet<u64>>::new();
        for rule in system.of("ec2.security_group_rule") {
            let (spec, group) = (&rule.spec, system.source(&rule.spec["security_group_id"]));
            assert!(!spec["description"].as_str().unwrap().is_empty(), "{} says not what it is for", rule.id);
            assert_eq!(spec["protocol"], "tcp", "{}", rule.id);
            assert_eq!(spec["ports"]["from"], spec["ports"]["to"], "{} opens more than a port", rule.id);
            if is_anywhere(rule) {
                assert_eq!(spec["direction"], "ingress", "{} lets everything out", rule.id);
                assert!(edges.contains(&group.id), "{} is open to the world", rule.id);
                open.entry(group.id.clone()).or_default().insert(spec["ports"]["from"].as_u64().unwrap());
            } else if spec["direction"] == "egress" {
                let known = system.differs().egress_by_address.iter().any(|(start, _)| rule.id.0.starts_with(start));
                assert!(known || spec["peer"].get("cidr").is_none(), "{} goes by addresses, not by group", rule.id);
            }
        }
        assert_eq!(open.keys().cloned().collect::<BTreeSet<_>>(), edges);
        assert!(open.values().all(|ports| *ports == BTreeSet::from([80, 443])), "{open:?}");
        for group in system.of("ec2.security_group") {
            assert_eq!(group.spec["other_rules"], serde_json::json!([]), "{}", group.id);
        }
    }
}

#[tokio::test]
async fn test_cidrs_reach_only_the_test_port() {
    let system = system().await;
    let protected = &lambda_mysql().await.protected;
    let tests: Vec<_> =
        protected.of("ec2.security_group_rule").into_iter().filter(|rule| rule.spec["ports"]["from"] == 8443).collect();
    assert_eq!(tests.len(), 2);
    assert!(tests.iter().all(|rule| rule.spec["peer"]["cidr"] == "198.51.100.0/24"));
    assert!(!system.of("ec2.security_group_rule").iter().any(|rule| rule.spec["ports"]["from"] == 8443));
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
