//! `lambda-mysql` as the tests apply it.

use super::{System, Traffic};
use crate::support::{Drift, Shared};

/// `dev1` without a configuration file, so with the defaults.
pub static SYSTEM: System = System {
    name: "lambda-mysql",
    suffix: "dev1",
    configuration: None,
    regions: &["us-east-1", "us-east-2"],
    cost_center: "payments",
    tags: &[("Service", "payment-processing"), ("Compliance", "PCI-DSS")],
    note: "self-signed certificate: clients can't verify it",
    traffic: Traffic {
        moved_by_hand: &MOVED_BY_HAND,
        weights: r#"{
            "blue/edge/https": {"blue": 70, "green": 30}, "green/edge/https": {"blue": 0, "green": 100},
            "dns/blue/live": 60, "dns/green/live": 40
        }"#,
        live: &[
            ("blue/edge/https", "traffic: blue 70 %, green 30 %"),
            ("green/edge/https", "traffic: blue 0 %, green 100 %"),
            ("dns/blue/live", "traffic: 60 % (weight 60 of 100)"),
            ("dns/green/live", "traffic: 40 % (weight 40 of 100)"),
        ],
        green_serves_at_first: false,
    },
    drift: &DRIFT,
    unknown_until_applied: &[
        "failback/alarms/failback-dead-letters",
        "failback/function",
        "failback/role",
        "failback/target",
    ],
    scaled_clusters: &[],
    life: [FIRST, REPLACED],
    kill_seeds: &[1, 2],
    applied: Shared::new(),
};

/// The configuration of the first apply.
pub const FIRST: &str = r#"
[notifications]
emails = ["operations@example.com", "night@example.com"]
"#;

macro_rules! changed {
    () => {
        r#"
[network]
nat = "single"

[database]
min_acu = 1
max_acu = 32

[logs]
retention_days = 90

[alarms]
queue_depth = 4000

[notifications]
emails = ["operations@example.com", "day@example.com"]
"#
    };
}

/// Changes [`FIRST`] in place, and deletes some of it.
pub const CHANGED: &str = changed!();
/// [`CHANGED`] with the name of a zone, which AWS can't change in place.
pub const REPLACED: &str = concat!("dns.zone = \"cards-{suffix}.internal\"\n", changed!());

const DRIFT: [Drift; 31] = [
    Drift {
        step: "blue/database/from-migrate",
        action: "update",
        fields: &["ports.from", "ports.to"],
        by_hand: "change_rule(o, FromPort=3300, ToPort=3400)",
        reads: "[rule(o)['FromPort'], rule(o)['ToPort']]",
    },
    Drift {
        step: "green/database/from-rotate-secret",
        action: "update",
        fields: &["description"],
        by_hand: "change_rule(o, Description='whatever')",
        reads: "rule(o)['Description']",
    },
    Drift {
        step: "blue/network/security-group-rule-endpoints-https",
        action: "replace",
        fields: &["peer.cidr"],
        by_hand: "change_rule(o, CidrIpv4='10.0.0.0/8')",
        reads: "cidrs(o)",
    },
    Drift {
        step: "blue/network/default-security-group",
        action: "update",
        fields: &["rules"],
        by_hand: "cloud.authorize_security_group_ingress(GroupId=o['security_group_id'], IpProtocol='tcp', FromPort=22, \
                  ToPort=22, CidrIp='0.0.0.0/0')",
        reads: "cidrs(o)",
    },
    Drift {
        step: "green/network/network-acl-private",
        action: "update",
        fields: &["ingress.99"],
        by_hand: "cloud.create_network_acl_entry(NetworkAclId=o['network_acl_id'], RuleNumber=99, Protocol='-1', \
                  RuleAction='allow', Egress=False, CidrBlock='0.0.0.0/0')",
        reads: "acl_entries(o)",
    },
    Drift {
        step: "green/network/route-private-a-internet",
        action: "create",
        fields: &[],
        by_hand: "cloud.delete_route(RouteTableId=o['route_table_id'], DestinationCidrBlock='0.0.0.0/0')",
        reads: "routes(o)",
    },
    Drift {
        step: "blue/network/vpc",
        action: "update",
        fields: &["tags.CostCenter"],
        by_hand: "cloud.create_tags(Resources=[o['vpc_id']], Tags=[{'Key': 'CostCenter', 'Value': 'nobody'}])",
        reads: "tag(cloud.describe_vpcs(VpcIds=[o['vpc_id']])['Vpcs'][0]['Tags'], 'CostCenter')",
    },
    Drift {
        step: "green/queues/payments-queue",
        action: "update",
        fields: &["tags.Project"],
        by_hand: "queues.untag_queue(QueueUrl=o['url'], TagKeys=['Project'])",
        reads: "queues.list_queue_tags(QueueUrl=o['url'])['Tags'].get('Project')",
    },
    Drift {
        step: "blue/queues/payments-queue",
        action: "update",
        fields: &["retention_seconds"],
        by_hand: "queues.set_queue_attributes(QueueUrl=o['url'], Attributes={'MessageRetentionPeriod': '60'})",
        reads: "queue(o, 'MessageRetentionPeriod')",
    },
    Drift {
        step: "topics/alerts/topic",
        action: "update",
        fields: &["display_name"],
        by_hand: "topics.set_topic_attributes(TopicArn=o['arn'], AttributeName='DisplayName', AttributeValue='Spam')",
        reads: "topics.get_topic_attributes(TopicArn=o['arn'])['Attributes']['DisplayName']",
    },
    Drift {
        step: "green/alarms/queue-depth",
        action: "update",
        fields: &["threshold"],
        by_hand: "change_alarm(o, Threshold=1000000.0)",
        reads: "alarm(o)['Threshold']",
    },
    Drift {
        step: "green-unhealthy",
        action: "update",
        fields: &["actions_enabled"],
        by_hand: "alarms.disable_alarm_actions(AlarmNames=[o['name']])",
        reads: "alarm(o)['ActionsEnabled']",
    },
    Drift {
        step: "failback/rule",
        action: "update",
        fields: &["enabled"],
        by_hand: "rules.disable_rule(Name=o['name'])",
        reads: "rules.describe_rule(Name=o['name'])['State']",
    },
    Drift {
        step: "blue/parameters/functions-log-level",
        action: "update",
        fields: &["value"],
        by_hand: "parameters.put_parameter(Name=o['name'], Value='DEBUG', Overwrite=True)",
        reads: "parameters.get_parameter(Name=o['name'])['Parameter']['Value']",
    },
    Drift {
        step: "firewall/web-acl",
        action: "update",
        fields: &["rules[0].rate.limit"],
        by_hand: "change_limit(o, 2000000000)",
        reads: "[one['Statement']['RateBasedStatement']['Limit'] for one in acl(o)['WebACL']['Rules'] \
                if 'RateBasedStatement' in one['Statement']]",
    },
    Drift {
        step: "blue/functions/payment-api/function",
        action: "update",
        fields: &["environment.LOG_LEVEL"],
        by_hand: "now = functions.get_function_configuration(FunctionName=o['name'])['Environment']['Variables']\n\
                  functions.update_function_configuration(FunctionName=o['name'], \
                  Environment={'Variables': {**now, 'LOG_LEVEL': 'DEBUG'}})",
        reads: "functions.get_function_configuration(FunctionName=o['name'])['Environment']['Variables']",
    },
    Drift {
        step: "blue/functions/payment-processor/source",
        action: "update",
        fields: &["batch_size"],
        by_hand: "functions.update_event_source_mapping(UUID=o['uuid'], BatchSize=1)",
        reads: "functions.get_event_source_mapping(UUID=o['uuid'])['BatchSize']",
    },
    Drift {
        step: "green/functions/payment-processor/role",
        action: "update",
        fields: &["inline_policies.function.Statement[0].Action"],
        by_hand: "change_policy(o)",
        reads: "policy(o)",
    },
    Drift {
        step: "blue/edge/alb-logs/policy",
        action: "update",
        fields: &["policy.Statement[1].Condition.NumericLessThan.s3:TlsVersion"],
        by_hand: "change_bucket_policy(o)",
        reads: "bucket_policy(o)",
    },
    Drift {
        step: "green/edge/alb-logs/bucket",
        action: "update",
        fields: &["block_public_access"],
        by_hand: "buckets.delete_public_access_block(Bucket=o['name'])",
        reads: "public_access(o)",
    },
    Drift {
        step: "green/edge/to-green/target-group",
        action: "update",
        fields: &["multi_value_headers"],
        by_hand: "balancers.modify_target_group_attributes(TargetGroupArn=o['arn'], \
                  Attributes=[{'Key': 'lambda.multi_value_headers.enabled', 'Value': 'false'}])",
        reads: "attribute(o, 'lambda.multi_value_headers.enabled')",
    },
    Drift {
        step: "blue/edge/to-green/target-group",
        action: "update",
        fields: &["health_check.path"],
        by_hand: "balancers.modify_target_group(TargetGroupArn=o['arn'], HealthCheckPath='/')",
        reads: "group(o)['HealthCheckPath']",
    },
    Drift {
        step: "blue/edge/load-balancer",
        action: "update",
        fields: &["drop_invalid_headers"],
        by_hand: "balancers.modify_load_balancer_attributes(LoadBalancerArn=o['arn'], \
                  Attributes=[{'Key': 'routing.http.drop_invalid_header_fields.enabled', 'Value': 'false'}])",
        reads: "attribute(o, 'routing.http.drop_invalid_header_fields.enabled')",
    },
    Drift {
        step: "blue/edge/https",
        action: "update",
        fields: &["tls.policy"],
        by_hand: "balancers.modify_listener(ListenerArn=o['arn'], SslPolicy='ELBSecurityPolicy-2016-08')",
        reads: "listener(o)['SslPolicy']",
    },
    Drift {
        step: "blue/database/audit-log",
        action: "update",
        fields: &["retention_days"],
        by_hand: "logs.put_retention_policy(logGroupName=o['name'], retentionInDays=1)",
        reads: "log_group(o)['retentionInDays']",
    },
    Drift {
        step: "green/key/key",
        action: "update",
        fields: &["rotation"],
        by_hand: "keys.disable_key_rotation(KeyId=o['key_id'])",
        reads: "keys.get_key_rotation_status(KeyId=o['key_id'])['KeyRotationEnabled']",
    },
    Drift {
        step: "green/database/cluster",
        action: "update",
        fields: &["max_acu"],
        by_hand: "databases.modify_db_cluster(DBClusterIdentifier=o['identifier'], ApplyImmediately=True, \
                  ServerlessV2ScalingConfiguration={'MinCapacity': 0.5, 'MaxCapacity': 128})",
        reads: "cluster(o)['ServerlessV2ScalingConfiguration']['MaxCapacity']",
    },
    Drift {
        step: "blue/database/instance-2",
        action: "update",
        fields: &["auto_minor_version_upgrade"],
        by_hand: "databases.modify_db_instance(DBInstanceIdentifier=o['identifier'], AutoMinorVersionUpgrade=False, \
                  ApplyImmediately=True)",
        reads: "instance(o)['AutoMinorVersionUpgrade']",
    },
    Drift {
        step: "green/database/cluster-parameter-group",
        action: "update",
        fields: &["parameters.require_secure_transport"],
        by_hand: "databases.modify_db_cluster_parameter_group(DBClusterParameterGroupName=o['name'], \
                  Parameters=[{'ParameterName': 'require_secure_transport', 'ParameterValue': 'OFF', \
                  'ApplyMethod': 'immediate'}])",
        reads: "database_parameter(o, 'require_secure_transport')",
    },
    Drift {
        step: "dns/green/live",
        action: "update",
        fields: &["health_check"],
        by_hand: "change_record(o, HealthCheckId=None)",
        reads: "record(o).get('HealthCheckId')",
    },
    Drift {
        step: "failback/failback-dead-letters",
        action: "create",
        fields: &[],
        by_hand: "queues.delete_queue(QueueUrl=o['url'])",
        reads: "queue_exists(o)",
    },
];

/// A shift of traffic without provisioner. Two of these steps drift in other fields as well.
const MOVED_BY_HAND: [(&str, &str); 4] = [
    (
        "blue/edge/https",
        "groups = [{'TargetGroupArn': o['blue'], 'Weight': 70}, {'TargetGroupArn': o['green'], 'Weight': 30}]\n\
         balancers.modify_listener(ListenerArn=o['arn'], \
         DefaultActions=[{'Type': 'forward', 'ForwardConfig': {'TargetGroups': groups}}])",
    ),
    (
        "green/edge/https",
        "groups = [{'TargetGroupArn': o['green'], 'Weight': 100}, {'TargetGroupArn': o['blue'], 'Weight': 0}]\n\
         balancers.modify_listener(ListenerArn=o['arn'], \
         DefaultActions=[{'Type': 'forward', 'ForwardConfig': {'TargetGroups': groups}}])",
    ),
    ("dns/blue/live", "change_record(o, Weight=60)"),
    ("dns/green/live", "change_record(o, Weight=40)"),
];
