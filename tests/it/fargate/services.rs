//! Fargate services: outputs, images and tasks of an applied system, revisions of task definitions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{SERVICES, STAGING, with_images};
use crate::conformance::assert_destroyed_and_reapplied;
use crate::support::Applied;
use crate::support::applied_twice::{assert_settled, done};
use crate::support::cli::{Run, Summary};
use crate::systems::fargate_postgres::SYSTEM;
use crate::traffic::SUFFIX;

/// Reads from AWS what the outputs name.
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
    let system = SYSTEM.applied().await;
    let outputs = system.outputs();
    let real = system.sandbox.python(REAL).await;
    let is_one_of = |output: &str, things: &str| {
        let all = real[things].as_array().unwrap_or_else(|| panic!("no {things}: {real}"));
        assert!(all.contains(&json!(outputs[output])), "{output} = {} is none of {all:?}", outputs[output]);
    };
    for environment in ["blue", "green"] {
        let cluster = format!("aurora-{environment}-dev1");
        let of = |output: &str| &outputs[&format!("{environment}_{output}")];
        assert_eq!(real[format!("alb-{environment}-dev1")], **of("alb_dns_name"));
        assert_eq!(real[format!("{cluster} secret")], **of("database_secret_arn"));
        for (role, endpoint) in [("", "writer"), ("_reader", "reader")] {
            let host = of(&format!("database_{endpoint}_endpoint"));
            assert_eq!(real[if role.is_empty() { cluster.clone() } else { format!("{cluster} reader") }], **host);
            let login = real[format!("{cluster} login")].as_str().expect("a login").replace("{}", host);
            let connection = format!("postgresql://{login}?sslmode=verify-full");
            assert_eq!(*of(&format!("database{role}_connection")), connection, "clients verify the server");
        }
        is_one_of(&format!("{environment}_cluster"), "clusters");
        is_one_of(&format!("{environment}_migrate_function"), "functions");
    }
    for service in SERVICES {
        assert_eq!(real[format!("{service}-dev1")], *outputs[&format!("{service}_repository")]);
    }
    is_one_of("sync_function", "functions");
    is_one_of("payment_name", "names");
    is_one_of("transaction_log_bucket", "buckets");
    is_one_of("document_bucket", "buckets");
    let dashboard = real["dashboards"][0].as_str().expect("a dashboard");
    let url = &outputs["dashboard_url"];
    assert!(url.starts_with("https://") && url.contains("region=eu-central-1"), "{url}");
    assert!(url.ends_with(&format!("#dashboards:name={dashboard}")), "{url}");
}

/// What each service of both environments has: desired and running tasks, healthy targets, the limits of its scaling.
fn all_services(suffix: &str, [desired, healthy, min, max]: [u64; 4]) -> Value {
    let environments = ["blue", "green"].iter();
    let names = environments.flat_map(|side| SERVICES.map(|service| format!("{service}-{side}-{suffix}")));
    let one = json!({"desired": desired, "running": desired, "healthy": healthy, "limits": [min, max]});
    json!(names.map(|name| (name, one.clone())).collect::<BTreeMap<_, _>>())
}

/// A copy of the staging system.
struct Staging(Applied);

impl Staging {
    async fn run(&self, arguments: &[&str]) -> Run {
        self.0.cli.run(&[arguments, &["--suffix", SUFFIX]].concat()).await
    }

    async fn apply(&self) -> Summary {
        self.run(&["apply", "--json"]).await.ok().summary()
    }

    /// Calls a function of `support/python/fargate.py`.
    async fn aws(&self, arguments: &[&str]) -> Value {
        self.0.sandbox.python_file("fargate.py", &[&["us-east-1"], arguments].concat()).await
    }

    async fn service(&self, name: &str) -> Value {
        self.aws(&["services"]).await[format!("{name}-{SUFFIX}")].clone()
    }

    async fn set_tasks(&self, name: &str, count: &str) {
        self.aws(&["set_desired", &format!("{name}-{SUFFIX}"), count]).await;
    }
}

#[tokio::test]
async fn services_run_scaled_task_count_only_with_an_image() {
    let staging = Staging(Applied::with(SUFFIX, Some(STAGING)).await);
    let Applied { sandbox, cli, .. } = &staging.0;
    let again = staging.apply().await;
    assert_eq!((again.failed, done(&again)), (0, [0; 4]));
    assert!(again.api_calls * 10 <= again.unchanged * 6, "{} calls", again.api_calls);
    sandbox.forget_calls();
    assert_settled(cli, SUFFIX).await;
    assert_eq!(sandbox.changes(), [""; 0]);
    let none = all_services(SUFFIX, [0, 0, 0, 0]);
    assert_eq!(staging.aws(&["services"]).await, none);

    staging.aws(&["push", "1.0.0"]).await;
    cli.configure(&with_images(SUFFIX, "1.0.0"));
    staging.apply().await;
    assert_eq!(staging.aws(&["services"]).await, all_services(SUFFIX, [1, 1, 1, 2]));
    staging.run(&["status"]).await.ok().never_says("no image is configured").says("1 of 1 tasks run");
    assert_settled(cli, SUFFIX).await;

    // Within the limits, Application Auto Scaling sets the number of tasks.
    staging.set_tasks("payment-api-green", "2").await;
    assert_settled(cli, SUFFIX).await;
    assert_eq!(done(&staging.apply().await), [0; 4]);
    assert_eq!(staging.service("payment-api-green").await["running"], 2);
    for (wrong, right) in [("3", 2), ("0", 1)] {
        staging.set_tasks("reporting-blue", wrong).await;
        staging.run(&["plan"]).await.ok().says("tasks.least");
        assert_eq!(done(&staging.apply().await), [0, 1, 0, 0]);
        assert_eq!(staging.service("reporting-blue").await["running"], right, "{wrong} tasks");
    }

    cli.configure(STAGING);
    staging.apply().await;
    assert_eq!(staging.aws(&["services"]).await, none);
    assert_destroyed_and_reapplied(&SYSTEM, &staging.0, SUFFIX, "us-east-1").await;
}

#[tokio::test]
async fn deregistered_task_definition_is_replaced() {
    let system = SYSTEM.drifted().await;
    let definition = "blue/services/reporting/task-definition";
    let deregister = "containers.deregister_task_definition(taskDefinition=o['arn'])";
    system.change([(definition, deregister)].into_iter()).await;
    let plan = system.plan().await;
    let actions = |(step, (action, fields)): (&String, &(String, BTreeMap<String, Value>))| {
        format!("{action} {step}: {}", fields.keys().cloned().collect::<Vec<_>>().join(", "))
    };
    let service = "update blue/services/reporting/service: task_definition";
    let expected = [service.to_owned(), format!("replace {definition}: family")];
    assert_eq!(plan.iter().map(actions).collect::<Vec<_>>(), expected);
    system.cli.run(&["apply", "--suffix", SYSTEM.suffix]).await.ok();
    assert!(system.plan().await.is_empty(), "a second plan isn't empty");
    let inactive = "print(json.dumps(containers.list_task_definitions(status='INACTIVE')['taskDefinitionArns']))";
    assert_eq!(system.python(inactive).await, json!([]), "the deregistered revision isn't deleted");
}

/// A destroy that is killed after it has deregistered a revision.
#[tokio::test]
async fn destroy_deletes_a_deregistered_task_definition() {
    let system = SYSTEM.drifted().await;
    let definition = "blue/services/reporting/task-definition";
    let deregister = "containers.deregister_task_definition(taskDefinition=o['arn'])";
    system.change([(definition, deregister)].into_iter()).await;
    let destroy = ["destroy", "--suffix", SYSTEM.suffix, "--yes", "--yes-take-traffic-down", "--target", definition];
    system.cli.run(&destroy).await.ok();
    let left = "print(json.dumps(containers.list_task_definitions(status='INACTIVE')['taskDefinitionArns']))";
    assert_eq!(system.python(left).await, json!([]));
}
