//! `fargate-postgres` as the tests apply it.

use super::{System, Traffic};
use crate::fargate::{PRODUCTION, STAGING};
use crate::support::{Drift, Shared};

/// `dev1` with the default configuration.
pub static SYSTEM: System = System {
    name: "fargate-postgres",
    suffix: "dev1",
    configuration: Some(PRODUCTION),
    // Its own region, and that of Route 53.
    regions: &["eu-central-1", "us-east-1"],
    cost_center: "fintech-migration",
    tags: &[("Service", "payment-processing"), ("Compliance", "PCI-DSS")],
    note: "no image is configured for payment-api, transaction-processor, reporting in both environments: no tasks run",
    traffic: Traffic {
        moved_by_hand: &[
            ("dns/blue/live", "change_record(o, Weight=40)"),
            ("dns/green/live", "change_record(o, Weight=60)"),
        ],
        weights: r#"{"dns/blue/live": 40, "dns/green/live": 60}"#,
        live: &[
            ("dns/blue/live", "traffic: 40 % (weight 40 of 100)"),
            ("dns/green/live", "traffic: 60 % (weight 60 of 100)"),
        ],
        green_serves_at_first: true,
    },
    drift: &DRIFT,
    unknown_until_applied: &[],
    scaled_clusters: &["aurora-blue", "aurora-green"],
    life: [STAGING, STAGING_CHANGED],
    kill_seeds: &[1],
    applied: Shared::new(),
};

/// [`STAGING`] with changes in place, and the name of a zone, which AWS can't change in place.
const STAGING_CHANGED: &str = concat!(
    "dns.zone = \"cards-{suffix}.internal\"\n",
    include_str!("../../../docs/examples/fargate-postgres-staging.toml"),
    "[database]\nmax_acu = 4\n[alarms]\nerror_percent = 2\n[scaling]\ncpu_percent = 50\n",
);

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
        by_hand: "change_target_value(o, 95.0)",
        reads: "target_value(o)",
    },
    Drift {
        step: "blue/database/reader-scaling-cpu",
        action: "update",
        fields: &["target_value"],
        by_hand: "change_target_value(o, 5.0)",
        reads: "target_value(o)",
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
