//! "Core Requirements" 1 to 7, one test each. Staging has the same steps, so each test includes it.

use std::collections::BTreeSet;

use provisioner::engine::{Step, StepId, reference};
use serde_json::{Value, json};

use super::SERVICES;
use crate::support::composition::{
    ACCOUNT, Composition, ENVIRONMENTS, SUFFIX, allows, denies_plain_text, documents, environment as environment_of,
    texts,
};
use crate::support::compositions::fargate_postgres;

/// The three zones of the system's region.
fn zones(system: &Composition) -> BTreeSet<String> {
    ["a", "b", "c"].map(|zone| format!("{}{zone}", system.region)).into()
}

/// A field of a step that is a text.
fn text<'a>(step: &'a Step, field: &str) -> &'a str {
    step.spec[field].as_str().unwrap_or_else(|| panic!("{}: {field} is {}", step.id, step.spec[field]))
}

/// The route tables of an environment's subnets of a kind: `private`, `data`, `public`.
fn route_tables(system: &Composition, environment: &str, kind: &str) -> BTreeSet<StepId> {
    let start = format!("{environment}/network/subnet-{kind}-");
    let associations = system.of("ec2.subnet_route_table_association").into_iter();
    let of_kind = associations.filter(|one| system.source(&one.spec["subnet_id"]).id.0.starts_with(&start));
    of_kind.map(|one| system.source(&one.spec["route_table_id"]).id.clone()).collect()
}

/// The routes of a route table.
fn routes<'a>(system: &'a Composition, table: &StepId) -> Vec<&'a Step> {
    system.of("ec2.route").into_iter().filter(|one| system.source(&one.spec["route_table_id"]).id == *table).collect()
}

#[tokio::test]
async fn network_architecture() {
    for system in fargate_postgres().await.each() {
        assert_eq!(system.count("ec2.vpc"), 2, "one for blue, one for green");
        let gateway = system.step("transit/transit-gateway");
        let table = system.step("transit/transit-gateway-route-table");
        for (environment, other) in [("blue", "green"), ("green", "blue")] {
            let vpc = system.at(environment, "network/vpc");
            let there = system.at(other, "network/vpc");
            for kind in ["private", "data", "public"] {
                let start = format!("{environment}/network/subnet-{kind}-");
                let subnets = system.of("ec2.subnet").into_iter().filter(|subnet| subnet.id.0.starts_with(&start));
                let own = subnets.filter(|subnet| system.source(&subnet.spec["vpc_id"]).id == vpc.id);
                let in_zones: BTreeSet<_> = own.map(|subnet| text(subnet, "availability_zone").to_owned()).collect();
                assert_eq!(in_zones, zones(system), "{environment}'s {kind} subnets");
            }

            let attachment = system.at(environment, "transit-gateway-attachment");
            assert_eq!(system.source(&attachment.spec["vpc_id"]).id, vpc.id);
            assert_eq!(system.source(&attachment.spec["transit_gateway_id"]).id, gateway.id);
            let attached = system.sources(&attachment.spec["subnet_ids"]);
            let attached: BTreeSet<_> =
                attached.iter().map(|id| text(system.step(&id.0), "availability_zone").to_owned()).collect();
            assert_eq!(attached, zones(system), "{environment} is attached in every zone");
            for joined in ["transit-gateway-association", "transit-gateway-propagation"] {
                let joined = &system.at(environment, joined).spec;
                assert_eq!(system.source(&joined["transit_gateway_attachment_id"]).id, attachment.id);
                assert_eq!(system.source(&joined["transit_gateway_route_table_id"]).id, table.id);
            }

            let (private, data) =
                (route_tables(system, environment, "private"), route_tables(system, environment, "data"));
            assert!(!private.is_empty() && !data.is_empty());
            for table in private.union(&data) {
                let routes = routes(system, table);
                let over = |route: &&Step| {
                    route.spec["destination"] == json!({"cidr": there.spec["cidr"]})
                        && route.spec["target"]
                            .get("transit_gateway")
                            .is_some_and(|to| system.source(to).id == gateway.id)
                };
                assert!(routes.iter().any(over), "no way from {table} to {other}");
                let out = routes.iter().find(|route| route.spec["target"].get("internet_gateway").is_some());
                assert!(out.is_none(), "{table} of the inner subnets leads to the internet");
            }
            for service in ["s3", "dynamodb"] {
                let endpoint = system.at(environment, &format!("network/endpoint-{service}"));
                assert_eq!(endpoint.kind, "ec2.gateway_endpoint");
                assert_eq!(endpoint.spec["service_name"], format!("com.amazonaws.{}.{service}", system.region));
                assert_eq!(system.source(&endpoint.spec["vpc_id"]).id, vpc.id);
                assert_eq!(system.sources(&endpoint.spec["route_table_ids"]), private, "{}", endpoint.id);
            }
        }

        let inner = |step: &Step, subnets: &Value, kind: &str| {
            let (found, start) = (system.sources(subnets), format!("{}/network/subnet-{kind}-", environment_of(step)));
            assert_eq!(found.len(), 3, "{} is in {found:?}", step.id);
            assert!(found.iter().all(|subnet| subnet.0.starts_with(&start)), "{} is in {found:?}", step.id);
        };
        for service in system.of("ecs.service") {
            inner(service, &service.spec["subnets"], "private");
            assert_eq!(service.spec["public_ip"], false, "{}", service.id);
        }
        for group in system.of("rds.db_subnet_group") {
            inner(group, &group.spec["subnets"], "data");
        }
        let inside = system.of("lambda.function").into_iter().filter(|function| !function.spec["vpc"].is_null());
        for function in inside {
            inner(function, &function.spec["vpc"]["subnets"], "private");
        }
    }
}

#[tokio::test]
async fn database_layer() {
    for system in fargate_postgres().await.each() {
        for environment in ENVIRONMENTS {
            let cluster = system.at(environment, "database/cluster");
            assert_eq!(cluster.spec["engine"], "aurora-postgresql");
            let version = cluster.spec["engine_version"].as_str().unwrap();
            assert!(version.starts_with("14."), "{version}");
            // If AWS no longer offers 14.6, a note says so.
            let noted = system.notes.iter().any(|note| note.contains("14.6 isn't offered") && note.contains(version));
            assert!(version == "14.6" || noted, "{version}: {:?}", system.notes);
            assert_eq!(
                system.source(&cluster.spec["subnet_group"]).id.0,
                format!("{environment}/database/subnet-group")
            );
            assert_eq!(system.source(&cluster.spec["kms_key"]).id.0, format!("{environment}/key/key"));
            assert!(
                cluster.spec["backup_retention_days"].as_i64().unwrap() >= 7,
                "any moment of a week can be restored"
            );

            let instances = system.of("rds.db_instance").into_iter();
            let own: Vec<_> = instances.filter(|one| system.source(&one.spec["cluster"]).id == cluster.id).collect();
            assert_eq!(own.len(), 3, "a writer and two readers");
            let places: BTreeSet<_> = own.iter().map(|one| text(one, "availability_zone").to_owned()).collect();
            assert_eq!(places, zones(system), "what takes over is in another zone");
            let tiers: BTreeSet<_> = own.iter().map(|one| one.spec["promotion_tier"].as_i64().unwrap()).collect();
            assert_eq!(tiers, BTreeSet::from([0, 1, 2]), "it is settled who takes over");
            assert!(own.iter().all(|one| one.spec["publicly_accessible"] == false));

            let scaling = system.at(environment, "database/reader-scaling");
            assert_eq!(scaling.spec["dimension"], "aurora_readers");
            assert_eq!(system.sources(&scaling.spec["resource"]), [cluster.id.clone()].into());
            assert_eq!((&scaling.spec["least"], &scaling.spec["suspended"]), (&json!(2), &json!(false)));
            let policy = system.at(environment, "database/reader-scaling-cpu");
            assert_eq!(system.source(&policy.spec["resource"]).id, scaling.id);
            assert_eq!(policy.spec["metric"], "aurora_reader_cpu");
            assert!(policy.spec["target_value"].as_f64().is_some_and(|percent| (1.0..100.0).contains(&percent)));
        }
    }
    let most = |system: &Composition| system.step("green/database/reader-scaling").spec["most"].as_i64().unwrap();
    let systems = fargate_postgres().await;
    assert_eq!((most(&systems.default), most(&systems.staging)), (4, 2), "production gets more readers under load");
}

#[tokio::test]
async fn application_services() {
    let systems = fargate_postgres().await;
    for system in systems.each() {
        assert_eq!(system.count("ecs.service"), 6);
        for (environment, name) in ENVIRONMENTS.into_iter().flat_map(|one| SERVICES.map(|name| (one, name))) {
            let service = system.at(environment, &format!("services/{name}/service"));
            assert_eq!(system.source(&service.spec["cluster"]).id.0, format!("{environment}/services/cluster"));
            let task = system.source(&service.spec["task_definition"]);
            assert_eq!((task.kind, environment), ("ecs.task_definition", environment_of(task)));

            let target = system.at(environment, &format!("services/{name}/scaling"));
            assert!(system.sources(&target.spec["resource"]).contains(&service.id));
            for side in ["least", "most"] {
                assert_eq!(target.spec[side], service.spec["tasks"][side], "{}: {side}", target.id);
            }
            for (leaf, metric) in [("scaling-cpu", "ecs_cpu"), ("scaling-memory", "ecs_memory")] {
                let policy = system.at(environment, &format!("services/{name}/{leaf}"));
                assert_eq!((&policy.spec["metric"], &policy.spec["dimension"]), (&json!(metric), &json!("ecs_tasks")));
                assert_eq!(system.source(&policy.spec["resource"]).id, target.id);
                assert!(policy.spec["target_value"].as_f64().is_some_and(|percent| (1.0..100.0).contains(&percent)));
            }

            let container = &task.spec["containers"][0];
            let said: BTreeSet<_> = container["environment"].as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(
                said,
                BTreeSet::from(["DB_SECRET_ARN", "ENVIRONMENT", "PORT", "SERVICE"]),
                "what the task itself is, and where its secret is kept"
            );
            let secret =
                reference::token(&format!("{environment}/database/cluster").as_str().into(), "master_secret_arn");
            assert_eq!(container["environment"]["DB_SECRET_ARN"], secret.as_str());
            let read = container["secrets"].as_object().unwrap();
            for (variable, from) in read {
                let key = match variable.as_str() {
                    "DB_USERNAME" => "username",
                    "DB_PASSWORD" => "password",
                    _ => {
                        let parameter = system.source(from);
                        assert_eq!((parameter.kind, &parameter.spec["kind"]), ("ssm.parameter", &json!("String")));
                        let path = format!("/payments/{SUFFIX}/{environment}/");
                        assert!(parameter.spec["name"].as_str().unwrap().starts_with(&path), "{variable}");
                        continue;
                    }
                };
                assert_eq!(from, &json!(format!("{secret}:{key}::")), "{variable} of {}", task.id);
            }
            for variable in ["DB_USERNAME", "DB_PASSWORD", "DB_HOST", "DB_READER_HOST", "SESSION_TABLE", "LOG_LEVEL"] {
                assert!(read.contains_key(variable), "{} has no {variable}", task.id);
            }
            let may: Vec<_> =
                system.role_statements(&task.spec["execution_role"]).into_iter().filter(|one| allows(one)).collect();
            let on = |action: &str| -> Vec<&str> {
                let with = may.iter().filter(|one| texts(&one["Action"]).contains(&action));
                with.flat_map(|one| texts(&one["Resource"])).collect()
            };
            let parameters =
                format!("arn:aws:ssm:{}:{ACCOUNT}:parameter/payments/{SUFFIX}/{environment}/*", system.region);
            assert_eq!(on("ssm:GetParameters"), [parameters]);
            assert_eq!(on("secretsmanager:GetSecretValue"), [&*secret]);
            assert_eq!(on("kms:Decrypt"), [reference::token(&format!("{environment}/key/key").as_str().into(), "arn")]);

            let rotation = system.at(environment, "database/secret-rotation");
            assert_eq!(rotation.spec["secret"], secret.as_str());
            assert_eq!(rotation.spec["every_days"], 30);
        }
    }
    // A service without an image has no task; one with an image runs and scales.
    let tasks = |system: &Composition| -> BTreeSet<(i64, i64)> {
        let of = |service: &&Step| ["least", "most"].map(|side| service.spec["tasks"][side].as_i64().unwrap()).into();
        system.of("ecs.service").iter().map(of).collect()
    };
    assert_eq!((tasks(&systems.default), tasks(&systems.complete)), ([(0, 0)].into(), [(2, 10)].into()));
}

#[tokio::test]
async fn load_balancing_and_routing() {
    for system in fargate_postgres().await.each() {
        let acl = system.step("firewall/web-acl");
        let rules = acl.spec["rules"].as_array().unwrap();
        let managed: BTreeSet<_> = rules.iter().filter_map(|rule| rule["managed"]["group"].as_str()).collect();
        // AWS's rules against cross-site scripting are in the common set.
        assert!(managed.is_superset(&["AWSManagedRulesSQLiRuleSet", "AWSManagedRulesCommonRuleSet"].into()));
        assert_eq!(system.count("elb.load_balancer"), 2);
        for environment in ENVIRONMENTS {
            let balancer = system.at(environment, "edge/load-balancer");
            assert_eq!(system.sources(&balancer.spec["subnets"]).len(), 3);
            let guard = &system.at(environment, "edge/firewall").spec;
            assert_eq!(system.source(&guard["load_balancer"]).id, balancer.id);
            assert_eq!(system.source(&guard["web_acl"]).id, acl.id);

            let listener = system.at(environment, "edge/https");
            assert_eq!(system.source(&listener.spec["load_balancer"]).id, balancer.id);
            let to = |action: &Value| system.source(&action["forward"]["target_group"]).id.0.clone();
            let group = |service: &str| format!("{environment}/edge/to-{service}/target-group");
            assert_eq!(to(&listener.spec["action"]), group("payment-api"), "what no path is for");
            for (service, path) in [("transaction-processor", "/transactions"), ("reporting", "/reports")] {
                let rule = &system.at(environment, &format!("edge/to-{service}/rule")).spec;
                assert_eq!(system.source(&rule["listener"]).id, listener.id);
                assert_eq!(to(&rule["action"]), group(service));
                assert_eq!(texts(&rule["conditions"]["paths"]), [path.to_owned(), format!("{path}/*")]);
            }
            for service in SERVICES {
                let behind = &system.at(environment, &format!("services/{service}/service")).spec["behind"];
                let target_group = system.source(&behind["target_group"]);
                assert_eq!(target_group.id.0, group(service));
                let check = &target_group.spec["health_check"];
                let number = |field: &str| check[field].as_u64().unwrap();
                assert_eq!((&check["path"], &check["healthy_codes"]), (&json!("/health"), &json!("200")));
                assert!(
                    (2..=3).contains(&number("unhealthy_threshold")) && (2..=5).contains(&number("healthy_threshold"))
                );
                assert!(number("timeout_seconds") < number("interval_seconds"));
                assert!(number("unhealthy_threshold") * number("interval_seconds") <= 60, "found out within a minute");
                let draining = target_group.spec["deregistration_delay_seconds"].as_u64().unwrap();
                assert!((30..=300).contains(&draining), "{}: {draining} s", target_group.id);
                // A task that leaves is not killed while the load balancer still lets it finish.
                let task = system.at(environment, &format!("services/{service}/task-definition"));
                assert!(task.spec["containers"][0]["stop_timeout_seconds"].as_u64().unwrap() >= draining);
            }
        }
    }
}

#[tokio::test]
async fn data_storage() {
    for system in fargate_postgres().await.each() {
        for (name, days) in [("transaction-logs", 2555), ("compliance-documents", 3653)] {
            let bucket = system.step(&format!("buckets/{name}/bucket"));
            assert_eq!(bucket.spec["versioning"], true);
            assert_eq!(bucket.spec["encryption"], "s3", "the requirement asks for SSE-S3");
            let rules = bucket.spec["lifecycle"].as_object().unwrap();
            let to_glacier = rules.values().filter_map(|rule| rule["transitions"]["GLACIER"].as_i64()).min().unwrap();
            let expiry = rules.values().filter_map(|rule| rule["expire_days"].as_i64()).min().unwrap();
            assert_eq!((to_glacier, expiry), (90, days), "{}", bucket.id);
            assert!(rules.values().all(|rule| rule["prefix"] == ""), "all objects");
        }
        for bucket in system.of("s3.bucket") {
            let policies = system.of("s3.bucket_policy");
            let policy = policies.iter().find(|policy| system.source(&policy.spec["bucket"]).id == bucket.id).unwrap();
            let plain = documents(&policy.spec).into_iter().find(|one| denies_plain_text(one));
            let plain = plain.unwrap_or_else(|| panic!("{} takes plain text", bucket.id));
            let name = bucket.spec["name"].as_str().unwrap();
            let all = ["", "/*"].map(|objects| format!("arn:aws:s3:::{name}{objects}"));
            assert_eq!((texts(&plain["Action"]), texts(&plain["Resource"])), (vec!["s3:*"], vec![&*all[0], &*all[1]]));
        }
    }
}

#[tokio::test]
async fn session_management_and_rate_limiting() {
    for system in fargate_postgres().await.each() {
        for (name, key) in [("sessions", "session_id"), ("rate-limits", "client_id")] {
            let table = &system.step(&format!("tables/{name}")).spec;
            assert_eq!(table["partition_key"], json!({"name": key, "of": "string"}));
            let indexes = table["global_indexes"].as_object().unwrap();
            assert!(!indexes.is_empty(), "{name} is found by its key only");
            assert!(indexes.values().all(|index| index["partition_key"]["name"] != key));
            assert_eq!(table["time_to_live"], "expires_at");
            assert_eq!(table["stream"], "new_and_old_images");
        }
        assert!(system.of("dynamodb.table").iter().all(|table| table.spec["point_in_time_recovery"] == true));
        for field in ["billing_mode", "read_capacity", "write_capacity"] {
            assert!(system.of("dynamodb.table").iter().all(|table| table.spec.get(field).is_none()), "on demand only");
        }
    }
}

/// The functions exist and have the permissions. The migration test runs them with real databases.
#[tokio::test]
async fn data_migration() {
    for system in fargate_postgres().await.each() {
        let function = system.step("green/sync/data-sync/function");
        let variables = &function.spec["environment"];
        let role = system.role_statements(&function.spec["role"]);
        let allowed = |action: &str, resource: &Value| {
            let resource = resource.as_str().unwrap();
            let may = role.iter().filter(|one| allows(one) && texts(&one["Action"]).contains(&action));
            may.into_iter().any(|one| texts(&one["Resource"]).contains(&resource))
        };
        for (side, prefix) in [("blue", "BLUE"), ("green", "GREEN")] {
            let cluster = system.at(side, "database/cluster");
            let variable = |what: &str| &variables[format!("{prefix}_DB_{what}")];
            assert_eq!(variable("HOST"), &json!(reference::token(&cluster.id, "endpoint")));
            assert_eq!(variable("SECRET_ARN"), &json!(reference::token(&cluster.id, "master_secret_arn")));
            assert!(allowed("secretsmanager:GetSecretValue", variable("SECRET_ARN")), "{side}'s credentials");
            let key = json!(reference::token(&system.at(side, "key/key").id, "arn"));
            assert!(allowed("kms:Decrypt", &key), "{side}'s key");
        }
        // It copies only rows changed since its checkpoint.
        let checkpoints = system.source(&variables["CHECKPOINT_TABLE"]);
        assert_eq!(checkpoints.id.0, "tables/sync-checkpoints");
        let table = json!(reference::token(&checkpoints.id, "arn"));
        for action in ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"] {
            assert!(allowed(action, &table), "{action}");
        }
        let target = &system.step("green/sync/target").spec;
        assert_eq!(system.source(&target["arn"]).id, function.id);
        let rule = system.source(&target["rule"]);
        assert_eq!((&rule.spec["schedule"], &rule.spec["enabled"]), (&json!("rate(1 minute)"), &json!(true)));
        assert_eq!(system.source(&target["dead_letters"]).kind, "sqs.queue");

        // Security groups allow it to connect to both databases.
        let cidrs: BTreeSet<_> = system
            .of("ec2.security_group_rule")
            .into_iter()
            .filter(|rule| rule.id.0.starts_with("blue/database/from-data-sync-"))
            .map(|rule| {
                assert_eq!(system.source(&rule.spec["security_group_id"]).id.0, "blue/database/security-group");
                assert_eq!(rule.spec["ports"], json!({"from": 5432, "to": 5432}));
                rule.spec["peer"]["cidr"].as_str().expect("a block")
            })
            .collect();
        let subnets = system.sources(&function.spec["vpc"]["subnets"]);
        assert_eq!(cidrs, subnets.iter().map(|id| text(system.step(&id.0), "cidr")).collect());
        let out = &system.step("green/sync/data-sync/out-blue-database").spec["peer"]["cidr"];
        assert_eq!(out, &system.step("blue/network/vpc").spec["cidr"]);

        let functions =
            ["green/sync/data-sync/function", "blue/functions/migrate/function", "green/functions/migrate/function"];
        for function in functions.map(|id| system.step(id)) {
            assert_eq!(system.source(&function.spec["logging"]["log_group"]).kind, "logs.log_group");
            assert_eq!(function.spec["logging"]["format"], "JSON", "{}", function.id);
        }
        assert_eq!(variables["METRICS_NAMESPACE"], format!("Payments/{SUFFIX}"));
    }
}
