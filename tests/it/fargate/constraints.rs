//! The requirement's "Constraints", one test per line. [`security`](crate::security) tests the constraints of all systems.

use std::collections::BTreeSet;

use provisioner::engine::{StepId, reference};
use provisioner::resources::registry::Types;
use serde_json::{Value, json};

use crate::support::composition::{
    ENVIRONMENTS, SUFFIX, allows, denies_plain_text, documents, environment, name, texts,
};
use crate::support::compositions::fargate_postgres;
use crate::support::{Cli, Sandbox};

#[tokio::test]
async fn all_resources_must_include_a_string_suffix_for_unique_naming() {
    for system in fargate_postgres().await.each() {
        for step in system.steps.iter().filter(|step| !step.shared) {
            assert_eq!(step.tags["provisioner:suffix"], SUFFIX, "{}", step.id);
            if let Some(name) = name(step) {
                let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
                assert!(words.any(|word| word == SUFFIX), "{} is called {name}", step.id);
            }
        }
    }
}

#[tokio::test]
async fn aurora_postgresql_must_use_customer_managed_kms_keys() {
    for system in fargate_postgres().await.each() {
        assert_eq!(system.count("rds.db_cluster"), 2);
        for cluster in system.of("rds.db_cluster") {
            assert_eq!(cluster.spec["engine"], "aurora-postgresql");
            system.assert_own_key(cluster, "kms_key");
            system.assert_own_key(cluster, "managed_password_key");
            let key = system.source(&cluster.spec["kms_key"]);
            assert_eq!((key.kind, environment(key)), ("kms.key", environment(cluster)), "{}", cluster.id);
        }
        for instance in system.of("rds.db_instance") {
            system.assert_own_key(instance, "performance_insights_key");
        }
    }
}

#[tokio::test]
async fn deploy_in_at_least_3_availability_zones() {
    for system in fargate_postgres().await.each() {
        let zones = |subnets: &Value| -> BTreeSet<String> {
            let subnets = system.sources(subnets);
            subnets.iter().map(|id| system.step(&id.0).spec["availability_zone"].to_string()).collect()
        };
        for (kind, field) in
            [("ecs.service", "subnets"), ("elb.load_balancer", "subnets"), ("rds.db_subnet_group", "subnets")]
        {
            for step in system.of(kind) {
                assert!(zones(&step.spec[field]).len() >= 3, "{}", step.id);
            }
        }
        // A failed zone leaves the endpoints in the other zones.
        for endpoint in system.of("ec2.interface_endpoint") {
            assert!(zones(&endpoint.spec["subnet_ids"]).len() >= 3, "{}", endpoint.id);
        }
    }
}

#[tokio::test]
async fn secrets_manager_must_rotate_credentials_every_30_days() {
    for system in fargate_postgres().await.each() {
        let clusters = system.of("rds.db_cluster");
        let secrets: BTreeSet<_> =
            clusters.iter().map(|cluster| reference::token(&cluster.id, "master_secret_arn")).collect();
        let rotations = system.of("secrets.rotation").into_iter();
        let rotated = rotations.map(|rotation| {
            assert_eq!(rotation.spec["every_days"], 30, "{}", rotation.id);
            // RDS rotates it without a function.
            assert!(rotation.spec["function"].is_null(), "{}", rotation.id);
            rotation.spec["secret"].as_str().unwrap().to_owned()
        });
        assert_eq!(rotated.collect::<BTreeSet<_>>(), secrets);
    }
}

#[tokio::test]
async fn s3_bucket_policies_must_enforce_ssl_tls_for_all_requests() {
    for system in fargate_postgres().await.each() {
        let guarded: BTreeSet<StepId> = system
            .of("s3.bucket_policy")
            .into_iter()
            .filter(|policy| documents(&policy.spec).into_iter().any(denies_plain_text))
            .map(|policy| system.source(&policy.spec["bucket"]).id.clone())
            .collect();
        assert_eq!(guarded, system.of("s3.bucket").into_iter().map(|bucket| bucket.id.clone()).collect());
    }
}

#[tokio::test]
async fn vpc_endpoints_for_s3_and_dynamodb_no_internet_routing() {
    for system in fargate_postgres().await.each() {
        for environment in ENVIRONMENTS {
            for service in ["s3", "dynamodb"] {
                let endpoint = system.at(environment, &format!("network/endpoint-{service}"));
                let tables = system.sources(&endpoint.spec["route_table_ids"]);
                assert_eq!(tables.len(), 3, "{}", endpoint.id);
                // Egress to the endpoint's addresses is allowed by its prefix list.
                let list = json!({"prefix_list": reference::token(&endpoint.id, "prefix_list_id")});
                let outs = system.of("ec2.security_group_rule").into_iter().filter(|rule| rule.spec["peer"] == list);
                let groups: BTreeSet<_> =
                    outs.map(|rule| system.source(&rule.spec["security_group_id"])).map(|group| &group.id).collect();
                assert!(groups.len() >= 3, "{service}: {groups:?}");
            }
        }
        // Without a NAT gateway there is no other route.
        assert_eq!((system.count("ec2.nat_gateway"), system.count("ec2.internet_gateway")), (0, 2));
        let to_internet = system
            .of("ec2.route")
            .into_iter()
            .filter(|route| route.spec["destination"] == json!({"cidr": "0.0.0.0/0"}));
        for route in to_internet {
            let table = system.source(&route.spec["route_table_id"]);
            assert_eq!(table.id.leaf(), "route-table-public", "{}", route.id);
        }
    }
}

#[tokio::test]
async fn transit_gateway_required_for_network_isolation() {
    for system in fargate_postgres().await.each() {
        let gateway = &system.of("ec2.transit_gateway")[0].spec;
        for automatic in
            ["auto_accept_shared_attachments", "default_route_table_association", "default_route_table_propagation"]
        {
            assert_eq!(gateway[automatic], false, "{automatic}");
        }
        let attached: BTreeSet<_> = system
            .of("ec2.transit_gateway_vpc_attachment")
            .into_iter()
            .map(|attachment| system.source(&attachment.spec["vpc_id"]).id.0.clone())
            .collect();
        assert_eq!(attached, ENVIRONMENTS.map(|name| format!("{name}/network/vpc")).into());
        // Nothing else connects the two.
        assert!(!system.steps.iter().any(|step| step.kind.contains("peering")));
    }
}

#[tokio::test]
async fn aws_config_rules_must_monitor_compliance() {
    for system in fargate_postgres().await.each() {
        let recorder = system.of("config.configuration_recorder")[0];
        assert_eq!(recorder.spec["recording"], true);
        let channel = system.of("config.delivery_channel")[0];
        let rules = system.of("config.config_rule");
        assert!(rules.len() >= 20, "only {} rules", rules.len());
        assert!(rules.iter().all(|rule| rule.dependencies().contains(&channel.id)));
    }
}

#[tokio::test]
async fn cloudwatch_logs_retention_must_be_exactly_90_days() {
    for system in fargate_postgres().await.each() {
        for group in system.of("logs.log_group") {
            assert_eq!(group.spec["retention_days"], 90, "{}", group.id);
        }
        // AWS would create log groups without retention: each service's log group is a step instead.
        let groups: BTreeSet<_> =
            system.of("logs.log_group").into_iter().map(|group| group.spec["name"].to_string()).collect();
        for function in system.of("lambda.function") {
            assert!(groups.contains(&format!("\"/aws/lambda/{}\"", function.spec["name"].as_str().unwrap())));
        }
        for service in system.of("ecs.service") {
            assert!(groups.contains(&format!("\"/ecs/{}\"", service.spec["name"].as_str().unwrap())));
        }
        for cluster in system.of("ecs.cluster") {
            let name = cluster.spec["name"].as_str().unwrap();
            assert!(groups.contains(&format!("\"/aws/ecs/containerinsights/{name}/performance\"")), "{}", cluster.id);
        }
        for cluster in system.of("rds.db_cluster") {
            let name = cluster.spec["identifier"].as_str().unwrap();
            assert!(groups.contains(&format!("\"/aws/rds/cluster/{name}/postgresql\"")), "{}", cluster.id);
        }
    }
}

#[tokio::test]
async fn aws_waf_must_have_rate_limiting_rules_on_the_alb() {
    for system in fargate_postgres().await.each() {
        let associations = system.of("waf.web_acl_association");
        assert_eq!(associations.len(), system.count("elb.load_balancer"));
        for association in associations {
            let acl = system.source(&association.spec["web_acl"]);
            let rates: Vec<_> =
                acl.spec["rules"].as_array().unwrap().iter().filter_map(|rule| rule.get("rate")).collect();
            assert_eq!(rates, [&json!({"limit": 3_000_000, "window_seconds": 300})], "{}", association.id);
        }
    }
}

#[tokio::test]
async fn iam_roles_must_follow_principle_of_least_privilege() {
    for system in fargate_postgres().await.each() {
        for role in system.of("iam.role") {
            let statements = documents(&role.spec["inline_policies"]);
            for action in statements.into_iter().filter(|one| allows(one)).flat_map(|one| texts(&one["Action"])) {
                assert!(!action.contains('*'), "{} may {action}", role.id);
            }
        }
        // Tasks have permissions for their own environment only, and only those that the service needs.
        for task in system.of("ecs.task_definition") {
            let other = if environment(task) == "blue" { "green/" } else { "blue/" };
            let mut may = BTreeSet::new();
            for role in ["execution_role", "task_role"] {
                let statements = system.role_statements(&task.spec[role]);
                assert!(statements.iter().all(|one| system.sources(one).iter().all(|id| !id.0.starts_with(other))));
                may.extend(statements.iter().flat_map(|one| texts(&one["Action"])));
            }
            let has_sessions = task.id.0.contains("/payment-api/");
            assert_eq!(may.contains("dynamodb:PutItem"), has_sessions, "{}", task.id);
            assert_eq!(may.contains("s3:GetObject"), task.id.0.contains("/reporting/"), "{}", task.id);
        }
    }
}

#[tokio::test]
async fn all_resources_must_be_destroyable_no_retain_policies() {
    for system in fargate_postgres().await.each() {
        for step in &system.steps {
            assert_ne!(step.spec["deletion_protection"], true, "{} refuses to be deleted", step.id);
            // Only what other systems of the account may share can stay.
            assert!(!step.shared || step.id.0.starts_with("compliance/"), "{}", step.id);
        }
    }
}

#[tokio::test]
async fn ecs_tasks_must_fetch_secrets_from_secrets_manager() {
    for system in fargate_postgres().await.each() {
        assert_eq!(system.count("secrets.secret"), 0, "the only secrets are those that RDS keeps");
        for task in system.of("ecs.task_definition") {
            for role in ["execution_role", "task_role"] {
                let statements = system.role_statements(&task.spec[role]).into_iter().filter(|one| allows(one));
                let of_secrets: BTreeSet<_> = statements
                    .flat_map(|one| texts(&one["Action"]))
                    .filter(|action| action.starts_with("secretsmanager:"))
                    .collect();
                // ECS reads it to start a task; the task reads it again after a rotation.
                assert_eq!(of_secrets, ["secretsmanager:GetSecretValue"].into(), "{}: {role}", task.id);
            }
            for container in task.spec["containers"].as_array().unwrap() {
                let database = format!("{}/database/cluster", environment(task));
                let secret = reference::token(&database.as_str().into(), "master_secret_arn");
                assert_eq!(container["secrets"]["DB_PASSWORD"], format!("{secret}:password::"), "{}", task.id);
            }
        }
    }
}

#[tokio::test]
async fn lambda_functions_must_use_node_js_18_x_runtime() {
    // AWS no longer accepts Node.js 18: every function must have 18 or newer.
    for system in fargate_postgres().await.each() {
        for function in system.of("lambda.function") {
            let runtime = function.spec["runtime"].as_str().unwrap();
            let version = runtime.strip_prefix("nodejs").and_then(|rest| rest.strip_suffix(".x"));
            let version = version.and_then(|version| version.parse::<u32>().ok());
            assert!(version.is_some_and(|version| version >= 18), "{}: {runtime}", function.id);
        }
    }
}

#[tokio::test]
async fn dynamodb_must_use_on_demand_billing_mode() {
    // The spec has no field for it, so AWS is asked.
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    cli.configure("system = \"fargate-postgres\"\n");
    cli.run(&["apply", "--suffix", SUFFIX, "--module", "tables", "--yes"]).await.ok();
    let modes = sandbox
        .python(
            "import boto3, json\n\
             client = boto3.client('dynamodb', region_name='eu-central-1')\n\
             tables = [client.describe_table(TableName=name)['Table'] for name in client.list_tables()['TableNames']]\n\
             print(json.dumps({table['TableName']: table['BillingModeSummary']['BillingMode'] for table in tables}))",
        )
        .await;
    let names = ["rate-limits", "sessions", "sync-checkpoints"];
    let expected = names.map(|name| (format!("{name}-{SUFFIX}"), json!("PAY_PER_REQUEST")));
    assert_eq!(modes, Value::Object(expected.into_iter().collect()));
}

#[tokio::test]
async fn no_guardduty_resources_in_code() {
    let is_it = |text: &str| text.to_lowercase().contains("guardduty");
    for system in fargate_postgres().await.each() {
        assert!(!system.steps.iter().any(|step| is_it(step.kind) || is_it(&step.spec.to_string())));
    }
    for (kind, actions) in Types::shipped().actions() {
        assert!(!is_it(kind) && !actions.iter().any(|action| is_it(action)), "{kind}");
    }
}
