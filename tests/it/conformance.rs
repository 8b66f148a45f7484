//! What every system must pass. A new system is judged by a line in [`judge!`] and its configuration in
//! [`systems`](crate::systems).

use std::collections::BTreeSet;

use provisioner::systems::Systems;
use serde_json::Value;

use crate::support::applied_twice::{assert_settled, done};
use crate::support::composition::{Composition, compose, name};
use crate::support::lint::assert_lints;
use crate::support::{Applied, Cli, Sandbox};
use crate::systems::System;

macro_rules! judge {
    ($($system:ident,)*) => {
        $(mod $system {
            use crate::systems::$system::SYSTEM;

            #[tokio::test]
            async fn second_apply_changes_nothing_with_few_calls() {
                SYSTEM.applied().await.assert_second_apply_was_idle();
            }

            #[tokio::test]
            async fn plan_of_an_applied_system_is_empty() {
                SYSTEM.applied().await.assert_plan_is_empty().await;
            }

            #[tokio::test]
            async fn status_shows_all_resources_outputs_and_notes() {
                SYSTEM.applied().await.assert_status_is_complete().await;
            }

            #[tokio::test]
            async fn names_carry_the_suffix() {
                SYSTEM.applied().await.assert_names_carry_the_suffix();
            }

            #[tokio::test]
            async fn names_fit_into_aws_limits_and_differ_by_suffix() {
                super::assert_names_fit_and_differ(&SYSTEM).await;
            }

            #[tokio::test]
            async fn taggable_resources_carry_ownership_and_cost_tags() {
                SYSTEM.applied().await.assert_tags();
            }

            #[tokio::test]
            async fn destroy_leaves_nothing_and_reapply_works_at_once() {
                super::assert_destroyed_to_nothing(&SYSTEM).await;
            }

            #[tokio::test]
            async fn manual_changes_are_planned_and_reverted() {
                super::assert_drift_is_reverted(&SYSTEM).await;
            }

            #[tokio::test]
            async fn lifecycle_survives_repeated_kills() {
                crate::kill_matrix::assert_survives_kills(&SYSTEM).await;
            }

            #[tokio::test]
            async fn linter_accepts_the_exported_templates() {
                super::assert_templates_pass_the_linter(&SYSTEM).await;
            }
        })*

        const JUDGED: &[&System] = &[$(&crate::systems::$system::SYSTEM),*];
    };
}

judge! {
    lambda_mysql,
    fargate_postgres,
}

#[test]
fn every_shipped_system_is_judged() {
    let judged: Vec<&str> = JUDGED.iter().map(|system| system.name).collect();
    for name in Systems::shipped().names() {
        assert!(judged.contains(&name), "add {name} to `judge!`");
    }
}

/// The longest suffix, beside which names still have to fit.
const LONGEST_SUFFIX: &str = "parallel-test-16";

/// The longest name that AWS takes, by resource type.
const NAME_LIMITS: [(&str, usize); 19] = [
    ("backup.vault", 50),
    ("cloudwatch.alarm", 255),
    ("cloudwatch.composite_alarm", 255),
    ("cloudwatch.dashboard", 255),
    ("config.config_rule", 128),
    ("dynamodb.table", 255),
    ("ecr.repository", 256),
    ("ecs.cluster", 255),
    ("ecs.service", 255),
    ("elb.load_balancer", 32),
    ("elb.target_group", 32),
    ("events.rule", 64),
    ("iam.role", 64),
    ("lambda.function", 64),
    ("rds.db_cluster", 63),
    ("rds.db_instance", 63),
    ("s3.bucket", 63),
    ("sns.topic", 256),
    ("sqs.queue", 80),
];

/// Names of the longest suffix are within AWS's limits, and two suffixes have no name in common.
async fn assert_names_fit_and_differ(system: &System) {
    let sandbox = Sandbox::fresh().await;
    let configuration = system.configuration.unwrap_or_default();
    let one = compose(&sandbox, system.suffix, configuration).await;
    let other = compose(&sandbox, LONGEST_SUFFIX, configuration).await;
    for (kind, limit) in NAME_LIMITS {
        for name in other.any(kind).into_iter().filter_map(name) {
            assert!(name.len() <= limit, "{name} has {} characters, a {kind} takes {limit}", name.len());
        }
    }
    let [one, other] = [&one, &other].map(names);
    let both: Vec<_> = one.intersection(&other).collect();
    assert!(both.is_empty(), "two suffixes share {both:?}");
    assert_eq!(one.len(), other.len());
}

fn names(composition: &Composition) -> BTreeSet<(&str, &str, &str)> {
    let steps = composition.steps.iter();
    steps.filter_map(|step| Some((step.kind, step.region.as_str(), name(step)?))).collect()
}

/// Stores more object versions than one call lists or deletes, delete markers, and unfinished uploads; prints how many
/// buckets there are.
const FILL_BUCKETS: &str = "
import boto3, json
from concurrent.futures import ThreadPoolExecutor
s3 = boto3.client('s3')
buckets = [bucket['Name'] for bucket in s3.list_buckets()['Buckets']]
for bucket in buckets:
    for version in range(3): s3.put_object(Bucket=bucket, Key='logs/one', Body=str(version))
    s3.delete_object(Bucket=bucket, Key='logs/one')
    s3.delete_object(Bucket=bucket, Key='never existed')
    s3.create_multipart_upload(Bucket=bucket, Key='half')
with ThreadPoolExecutor(4) as pool:
    list(pool.map(lambda number: s3.put_object(Bucket=buckets[0], Key=f'many/{number}', Body=b''), range(1010)))
print(json.dumps(len(buckets)))
";

async fn assert_destroyed_to_nothing(system: &System) {
    let applied = system.copy().await;
    let buckets = applied.sandbox.account(&[]).await.of("global", "s3.bucket").len();
    assert_eq!(applied.sandbox.python(FILL_BUCKETS).await, buckets);
    assert!(buckets >= 4, "{buckets} buckets");
    assert_destroyed_and_reapplied(system, &applied, system.suffix, system.region()).await;
}

/// Destroys a system with readers that Application Auto Scaling has created. Nothing is left, and nothing prevents it from
/// being applied again at once.
pub async fn assert_destroyed_and_reapplied(system: &System, applied: &Applied, suffix: &str, region: &str) {
    let Applied { sandbox, cli, changed_regions, .. } = applied;
    let run = async |arguments: &[&str]| cli.run(&[arguments, &["--suffix", suffix]].concat()).await;
    let clusters: Vec<String> = system.scaled_clusters.iter().map(|cluster| format!("{cluster}-{suffix}")).collect();
    let aws = async |arguments: &[&str]| sandbox.python_file("fargate.py", &[&[region], arguments].concat()).await;
    for cluster in &clusters {
        // It deletes its readers only while it scales.
        let reader = aws(&["scale_out", cluster]).await;
        assert!(aws(&["instances"]).await.as_array().expect("instances").contains(&reader));
    }
    assert_settled(cli, suffix).await;
    if let Some(cluster) = clusters.first() {
        aws(&["stop_scaling", cluster]).await;
    }

    if system.traffic.green_serves_at_first {
        let refused = run(&["destroy", "--yes"]).await.exits(1);
        refused.explains("of the customer traffic").says("--yes-take-traffic-down");
        run(&["destroy", "--yes", "--yes-take-traffic-down"]).await.ok();
    } else {
        run(&["destroy"]).await.exits(1).explains("set --yes");
        run(&["destroy", "--yes"]).await.ok();
    }
    // Resources can only be left in regions where something was changed.
    let changed = changed_regions.iter().chain(&sandbox.changed_regions()).cloned().collect::<BTreeSet<_>>();
    assert!(changed.iter().all(|region| system.regions.contains(&region.as_str())), "{changed:?}");
    sandbox.account(system.regions).await.assert_empty();

    let again = run(&["apply", "--json"]).await.ok().summary();
    assert_eq!((again.failed, done(&again)), (0, [again.created, 0, 0, 0]));
    assert_settled(cli, suffix).await;
}

async fn assert_drift_is_reverted(system: &System) {
    let drifted = system.drifted().await;
    assert!(drifted.plan().await.is_empty(), "nothing has changed yet");

    // Weights that differ from the configuration are no drift.
    let traffic = &system.traffic;
    drifted.change(traffic.moved_by_hand.iter().copied()).await;
    let levers: Vec<&str> = traffic.moved_by_hand.iter().map(|(step, _)| *step).collect();
    let weights: Value = serde_json::from_str(traffic.weights).expect("JSON");
    assert_eq!(drifted.weights(&levers).await, weights);
    assert!(drifted.plan().await.is_empty(), "plan must keep the weights that AWS has");
    let live = async || {
        let live = drifted.live().await;
        for (step, shown) in traffic.live {
            assert_eq!(live.get(*step).map(String::as_str), Some(*shown), "{step}");
        }
    };
    live().await;

    drifted.assert_reverted(system.drift, system.unknown_until_applied).await;
    assert_eq!(drifted.weights(&levers).await, weights, "apply changed the weights");
    live().await;
}

async fn assert_templates_pass_the_linter(system: &System) {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    cli.run(&["init", "--system", system.name]).await.ok();
    let mut regions = vec!["us-east-1".to_owned()];
    while let Some(region) = regions.pop() {
        let file = format!("{region}.json");
        let arguments = ["export", "--format", "cloudformation", "--suffix", "dev1", "--json", "--region", &region];
        let run = cli.run(&[&arguments[..], &["--out", &file]].concat()).await.ok();
        let summary = run.events().pop().expect("a summary");
        let template = cli.folder().join(&file);
        let resources = summary["resources"].as_u64().expect("a number");
        assert!((1..=600).contains(&resources), "{resources} resources in {region}");
        // A stack takes 500 resources: a larger template is for linters, and to be divided.
        assert_lints(std::slice::from_ref(&template), if resources > 500 { &["E3010"] } else { &[] }).await;
        let text = std::fs::read_to_string(&template).expect("a template");
        assert!(!text.contains('⟦'), "a reference is left in the template of {region}");
        let body: Value = serde_json::from_str(&text).expect("JSON");
        let not_expressed = &body["Metadata"]["NotExpressed"];
        assert_eq!(not_expressed.as_array().map(Vec::len), summary["not_expressed"].as_array().map(Vec::len));
        if region == "us-east-1" {
            let elsewhere = summary["elsewhere"].as_array().into_iter().flatten();
            regions.extend(elsewhere.filter_map(Value::as_str).map(str::to_owned));
        }
    }
}
