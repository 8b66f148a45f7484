//! A system's life: applied, looked at, given images, changed by hand, destroyed, applied again.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{PRODUCTION, SERVICES, STAGING, with_images};
use crate::support::account::Account;
use crate::support::cli::{Run, Summary};
use crate::support::standing::{assert_settled, done};
use crate::support::{Cli, Drift, Drifting, Sandbox, Shared, Standing};

/// Where it lives: its own region, and Route 53's.
const REGIONS: [&str; 2] = ["eu-central-1", "us-east-1"];

/// The default configuration. Tests only look at it.
async fn standing() -> Arc<Standing> {
    static STANDING: Shared<Standing> = Shared::new();
    STANDING.get(|| Standing::applied("dev1", Some(PRODUCTION), &REGIONS)).await
}

#[tokio::test]
async fn second_apply_changes_nothing_with_few_calls() {
    standing().await.assert_second_apply_was_idle();
}

#[tokio::test]
async fn plan_of_an_applied_system_is_empty() {
    standing().await.assert_plan_is_empty().await;
}

#[tokio::test]
async fn names_carry_the_suffix() {
    standing().await.assert_names_carry_the_suffix();
}

#[tokio::test]
async fn all_taggable_resources_carry_ownership_and_cost_tags() {
    let standing = standing().await;
    standing.assert_tags("fargate-postgres", "fintech-migration");
    // What the requirement asks to be found in the bills.
    let cluster = standing.account.of(REGIONS[0], "ecs.cluster").into_values().next().expect("a cluster");
    let tags = cluster.tags.expect("a cluster has tags");
    assert_eq!((&*tags["Service"], &*tags["Compliance"]), ("payment-processing", "PCI-DSS"));
}

/// What AWS says of what the outputs name.
const REAL: &str = "
import boto3, json
client = lambda service: boto3.client(service, region_name='eu-central-1')
real = {'dashboards': [one['DashboardName'] for one in client('cloudwatch').list_dashboards()['DashboardEntries']]}
for balancer in client('elbv2').describe_load_balancers()['LoadBalancers']:
    real[balancer['LoadBalancerName']] = balancer['DNSName']
for cluster in client('rds').describe_db_clusters()['DBClusters']:
    name = cluster['DBClusterIdentifier']
    real[name] = cluster['Endpoint']
    real[name + ' reader'] = cluster['ReaderEndpoint']
    real[name + ' secret'] = cluster['MasterUserSecret']['SecretArn']
    real[name + ' login'] = f\"{cluster['MasterUsername']}@{{}}:{cluster['Port']}/{cluster['DatabaseName']}\"
for repository in client('ecr').describe_repositories()['repositories']:
    real[repository['repositoryName']] = repository['repositoryUri']
real['buckets'] = [bucket['Name'] for bucket in client('s3').list_buckets()['Buckets']]
real['clusters'] = [arn.split('/')[-1] for arn in client('ecs').list_clusters()['clusterArns']]
functions = client('lambda').get_paginator('list_functions').paginate()
real['functions'] = [one['FunctionName'] for page in functions for one in page['Functions']]
zones = client('route53').list_hosted_zones()['HostedZones']
records = client('route53').list_resource_record_sets(HostedZoneId=zones[0]['Id'])['ResourceRecordSets']
real['names'] = [record['Name'].rstrip('.') for record in records if record['Type'] == 'CNAME']
print(json.dumps(real))
";

#[tokio::test]
async fn outputs_match_the_resources_in_aws() {
    let standing = standing().await;
    let told = standing.told();
    let real = standing.sandbox.python(REAL).await;
    let is_one_of = |output: &str, things: &str| {
        let all = real[things].as_array().unwrap_or_else(|| panic!("no {things}: {real}"));
        assert!(all.contains(&json!(told[output])), "{output} = {} is none of {all:?}", told[output]);
    };
    for environment in ["blue", "green"] {
        let cluster = format!("aurora-{environment}-dev1");
        let of = |output: &str| &told[&format!("{environment}_{output}")];
        assert_eq!(real[format!("alb-{environment}-dev1")], **of("alb_dns_name"));
        assert_eq!(real[format!("{cluster} secret")], **of("database_secret_arn"));
        for (role, endpoint) in [("", "writer"), ("_reader", "reader")] {
            let host = of(&format!("database_{endpoint}_endpoint"));
            assert_eq!(real[if role.is_empty() { cluster.clone() } else { format!("{cluster} reader") }], **host);
            let login = real[format!("{cluster} login")].as_str().expect("a login").replace("{}", host);
            let connection = format!("postgresql://{login}?sslmode=verify-full");
            assert_eq!(*of(&format!("database{role}_connection")), connection, "whoever connects checks the server");
        }
        is_one_of(&format!("{environment}_cluster"), "clusters");
        is_one_of(&format!("{environment}_migrate_function"), "functions");
    }
    for service in SERVICES {
        assert_eq!(real[format!("{service}-dev1")], *told[&format!("{service}_repository")]);
    }
    is_one_of("sync_function", "functions");
    is_one_of("payment_name", "names");
    is_one_of("transaction_log_bucket", "buckets");
    is_one_of("document_bucket", "buckets");
    let dashboard = real["dashboards"][0].as_str().expect("a dashboard");
    let url = &told["dashboard_url"];
    assert!(url.starts_with("https://") && url.contains("region=eu-central-1"), "{url}");
    assert!(url.ends_with(&format!("#dashboards:name={dashboard}")), "{url}");
}

/// Says which services stand without an image, and how to give them one.
const WITHOUT_IMAGE: &str =
    "no image is configured for payment-api, transaction-processor, reporting in both environments: no tasks run";

#[tokio::test]
async fn services_without_an_image_are_reported() {
    let standing = standing().await;
    assert!(standing.first.stdout.contains(WITHOUT_IMAGE) || standing.first.stderr.contains(WITHOUT_IMAGE));
    standing.run(&["plan"]).await.ok().says(WITHOUT_IMAGE);
    let status =
        standing.run(&["status"]).await.ok().says(WITHOUT_IMAGE).says("no changes: it matches the configuration");
    let steps = standing.steps().len();
    let status = status.says(&format!("{steps} of {steps} resources exist"));
    let told = standing.told();
    told.iter().fold(status, |status, (name, value)| status.says(&format!("{name} = {value}")));
}

/// A system of its own, that lives from nothing to nothing.
struct Life {
    sandbox: Sandbox,
    cli: Cli,
    suffix: &'static str,
    region: &'static str,
    before: Account,
}

impl Life {
    async fn begin(suffix: &'static str, region: &'static str, configuration: &str) -> Self {
        let sandbox = Sandbox::fresh().await;
        let cli = Cli::new(&sandbox);
        cli.configure(configuration);
        let before = sandbox.account(&REGIONS).await;
        let life = Life { sandbox, cli, suffix, region, before };
        let made = life.apply().await;
        assert_eq!((made.failed, done(&made)), (0, [made.created, 0, 0, 0]));
        life
    }

    async fn run(&self, arguments: &[&str]) -> Run {
        self.cli.run(&[arguments, &["--suffix", self.suffix]].concat()).await
    }

    async fn apply(&self) -> Summary {
        self.run(&["apply", "--json"]).await.ok().summary()
    }

    /// Calls a function of `support/python/fargate.py`.
    async fn aws(&self, arguments: &[&str]) -> Value {
        self.sandbox.python_file("fargate.py", &[&[self.region], arguments].concat()).await
    }

    /// Nothing is left, and nothing keeps it from being made again on the same day.
    async fn end_and_begin_again(&self) {
        // Application Auto Scaling has made readers of its own, and takes them away only while it scales.
        for side in ["blue", "green"] {
            let cluster = format!("aurora-{side}-{}", self.suffix);
            let reader = self.aws(&["scale_out", &cluster]).await;
            assert!(self.aws(&["instances"]).await.as_array().expect("instances").contains(&reader));
        }
        assert_settled(&self.cli, self.suffix).await;
        // Somebody stopped it from scaling one of them.
        self.aws(&["stop_scaling", &format!("aurora-blue-{}", self.suffix)]).await;

        self.run(&["destroy", "--yes"])
            .await
            .exits(1)
            .explains("of the customer traffic")
            .says("--yes-take-traffic-down");
        self.run(&["destroy", "--yes", "--yes-take-traffic-down"]).await.ok();
        self.before.assert_same(&self.sandbox.account(&REGIONS).await);
        assert_eq!(self.aws(&["instances"]).await, json!([]));
        // Where nothing was ever made, nothing can be left.
        let regions = self.sandbox.changed_regions();
        assert!(regions.iter().all(|region| REGIONS.contains(&region.as_str())), "{regions:?}");

        let again = self.apply().await;
        assert_eq!((again.failed, done(&again)), (0, [again.created, 0, 0, 0]));
        assert_settled(&self.cli, self.suffix).await;
    }
}

#[tokio::test]
async fn destroy_leaves_nothing_and_reapply_works_at_once() {
    Life::begin("dev2", REGIONS[0], PRODUCTION).await.end_and_begin_again().await;
}

/// What each service of both environments has: tasks that are wanted and that run, healthy targets, limits of its scaling.
fn all_services(suffix: &str, [wanted, healthy, least, most]: [u64; 4]) -> Value {
    let environments = ["blue", "green"].iter();
    let names = environments.flat_map(|side| SERVICES.map(|service| format!("{service}-{side}-{suffix}")));
    let one = json!({"desired": wanted, "running": wanted, "healthy": healthy, "limits": [least, most]});
    json!(names.map(|name| (name, one.clone())).collect::<BTreeMap<_, _>>())
}

#[tokio::test]
async fn services_run_scaled_task_count_only_with_an_image() {
    let life = Life::begin("dev3", REGIONS[1], STAGING).await;
    let again = life.apply().await;
    assert_eq!((again.failed, done(&again)), (0, [0; 4]));
    assert!(again.api_calls * 10 <= again.unchanged * 6, "{} calls", again.api_calls);
    life.sandbox.forget_calls();
    assert_settled(&life.cli, "dev3").await;
    assert_eq!(life.sandbox.changes(), [""; 0]);
    let none = all_services("dev3", [0, 0, 0, 0]);
    assert_eq!(life.aws(&["services"]).await, none);

    life.aws(&["push", "1.0.0"]).await;
    life.cli.configure(&with_images("dev3", "1.0.0"));
    life.apply().await;
    assert_eq!(life.aws(&["services"]).await, all_services("dev3", [1, 1, 1, 2]));
    life.run(&["status"]).await.ok().never_says("no image is configured").says("1 of 1 tasks run");
    assert_settled(&life.cli, "dev3").await;

    // Within its limits the number is scaling's.
    life.aws(&["set_desired", "payment-api-green-dev3", "2"]).await;
    assert_settled(&life.cli, "dev3").await;
    assert_eq!(done(&life.apply().await), [0; 4]);
    let of_service = async |name: &str| life.aws(&["services"]).await[name].clone();
    assert_eq!(of_service("payment-api-green-dev3").await["running"], 2);
    for (wrong, right) in [("3", 2), ("0", 1)] {
        life.aws(&["set_desired", "reporting-blue-dev3", wrong]).await;
        life.run(&["plan"]).await.ok().says("tasks.least");
        assert_eq!(done(&life.apply().await), [0, 1, 0, 0]);
        assert_eq!(of_service("reporting-blue-dev3").await["running"], right, "{wrong} tasks");
    }

    life.cli.configure(STAGING);
    life.apply().await;
    assert_eq!(life.aws(&["services"]).await, none);
    life.end_and_begin_again().await;
}

const DRIFT: [Drift; 17] = [
    Drift {
        step: "blue/services/cluster",
        action: "update",
        fields: &["container_insights"],
        by_hand: "containers.update_cluster_settings(cluster=o['name'], \
                  settings=[{'name': 'containerInsights', 'value': 'disabled'}])",
        reads: "container_cluster(o)['settings']",
    },
    Drift {
        step: "blue/services/payment-api/service",
        action: "update",
        fields: &["tasks.least", "tasks.most"],
        by_hand: "change_service(o, desiredCount=3)",
        reads: "service(o)['desiredCount']",
    },
    Drift {
        step: "green/services/reporting/service",
        action: "update",
        fields: &["minimum_healthy_percent", "rollback"],
        by_hand: "change_service(o, deploymentConfiguration={'minimumHealthyPercent': 50, 'maximumPercent': 200, \
                  'deploymentCircuitBreaker': {'enable': False, 'rollback': False}})",
        reads: "service(o)['deploymentConfiguration']",
    },
    Drift {
        step: "images/payment-api",
        action: "update",
        fields: &["scan_on_push"],
        by_hand: "images.put_image_scanning_configuration(repositoryName=o['name'], \
                  imageScanningConfiguration={'scanOnPush': False})",
        reads: "repository(o)['imageScanningConfiguration']",
    },
    Drift {
        step: "images/reporting",
        action: "update",
        fields: &["immutable_tags"],
        by_hand: "images.put_image_tag_mutability(repositoryName=o['name'], imageTagMutability='MUTABLE')",
        reads: "repository(o)['imageTagMutability']",
    },
    Drift {
        step: "images/transaction-processor",
        action: "update",
        fields: &["keep_untagged"],
        by_hand: "images.put_lifecycle_policy(repositoryName=o['name'], \
                  lifecyclePolicyText=json.dumps(kept_images(o)).replace('50', '5'))",
        reads: "kept_images(o)",
    },
    Drift {
        step: "green/services/payment-api/scaling",
        action: "update",
        fields: &["least", "most"],
        by_hand: "change_scalable(o, MinCapacity=1, MaxCapacity=99)",
        reads: "[scalable(o)['MinCapacity'], scalable(o)['MaxCapacity']]",
    },
    Drift {
        step: "green/database/reader-scaling",
        action: "update",
        fields: &["most"],
        by_hand: "change_scalable(o, MaxCapacity=15)",
        reads: "scalable(o)['MaxCapacity']",
    },
    Drift {
        step: "blue/services/reporting/scaling-cpu",
        action: "update",
        fields: &["target_value"],
        by_hand: "change_aim(o, 95.0)",
        reads: "aim(o)",
    },
    Drift {
        step: "blue/database/reader-scaling-cpu",
        action: "update",
        fields: &["target_value"],
        by_hand: "change_aim(o, 5.0)",
        reads: "aim(o)",
    },
    Drift {
        step: "tables/sessions",
        action: "update",
        fields: &["global_indexes.by-user"],
        by_hand: "tables.update_table(TableName=o['name'], \
                  GlobalSecondaryIndexUpdates=[{'Delete': {'IndexName': 'by-user'}}])",
        reads: "indexes(o)",
    },
    Drift {
        step: "tables/rate-limits",
        action: "update",
        fields: &["time_to_live"],
        by_hand: "tables.update_time_to_live(TableName=o['name'], \
                  TimeToLiveSpecification={'Enabled': False, 'AttributeName': 'expires_at'})",
        reads: "table(o)['TimeToLive']",
    },
    Drift {
        step: "tables/sync-checkpoints",
        action: "update",
        fields: &["point_in_time_recovery"],
        by_hand: "tables.update_continuous_backups(TableName=o['name'], \
                  PointInTimeRecoverySpecification={'PointInTimeRecoveryEnabled': False})",
        reads: "recovery(o)",
    },
    Drift {
        step: "blue/database/secret-rotation",
        action: "update",
        fields: &["every_days"],
        by_hand: "secrets.rotate_secret(SecretId=o['secret'], RotateImmediately=False, \
                  RotationRules={'AutomaticallyAfterDays': 365})",
        reads: "secrets.describe_secret(SecretId=o['secret'])['RotationRules']",
    },
    Drift {
        step: "green/network/network-acl-data",
        action: "update",
        fields: &["ingress.99"],
        by_hand: "cloud.create_network_acl_entry(NetworkAclId=o['network_acl_id'], RuleNumber=99, Protocol='-1', \
                  RuleAction='allow', Egress=False, CidrBlock='0.0.0.0/0')",
        reads: "acl_entries(o)",
    },
    Drift {
        step: "dns/green/live",
        action: "update",
        fields: &["target.values.ttl_seconds"],
        by_hand: "change_record(o, TTL=3600)",
        reads: "record(o)['TTL']",
    },
    Drift {
        step: "green/sync/schedule",
        action: "update",
        fields: &["schedule"],
        by_hand: "now = rules.describe_rule(Name=o['name'])\n\
                  rules.put_rule(Name=o['name'], ScheduleExpression='rate(1 day)', State='ENABLED', \
                  Description=now['Description'])",
        reads: "rules.describe_rule(Name=o['name'])['ScheduleExpression']",
    },
];

#[tokio::test]
async fn manual_changes_are_planned_and_reverted_except_weights() {
    let system = Drifting::applied("dev1", REGIONS[0], Some(PRODUCTION)).await;
    let names = ["dns/blue/live", "dns/green/live"];
    system.by_hand(names.into_iter().zip(["change_record(o, Weight=40)", "change_record(o, Weight=60)"])).await;
    let shifted = json!({"dns/blue/live": 40, "dns/green/live": 60});
    assert_eq!(system.weights(&names).await, shifted);
    assert_eq!(system.plan().await, BTreeMap::new(), "weights are AWS's truth");
    assert_eq!(system.live().await["dns/green/live"], "traffic: 60 % (weight 60 of 100)");

    system.assert_put_back(&DRIFT, &[]).await;
    assert_eq!(system.weights(&names).await, shifted, "apply left the traffic where it was");

    // A revision can't be brought back: there is a new one, and the service runs it.
    let definition = "blue/services/reporting/task-definition";
    let deregister = "containers.deregister_task_definition(taskDefinition=o['arn'])";
    system.by_hand([(definition, deregister)].into_iter()).await;
    let plan = system.plan().await;
    let actions = |(step, (action, fields)): (&String, &(String, BTreeMap<String, Value>))| {
        format!("{action} {step}: {}", fields.keys().cloned().collect::<Vec<_>>().join(", "))
    };
    let service = "update blue/services/reporting/service: task_definition";
    let expected = [service.to_owned(), format!("create {definition}: ")];
    assert_eq!(plan.iter().map(actions).collect::<Vec<_>>(), expected);
    system.cli.run(&["apply", "--suffix", "dev1"]).await.ok();
    assert_eq!(system.plan().await, BTreeMap::new(), "all is as it should be");
}
