//! Changes made behind the tool's back: plan names each field, apply puts all of it back, and live weights are nobody's
//! drift.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Value, json};

use crate::support::{Cli, Sandbox};

const SUFFIX: &str = "drift1";

/// Something that somebody does by hand.
struct Drift {
    /// The step that it touches.
    step: &'static str,
    /// What plan wants to do about it.
    action: &'static str,
    /// All fields that plan names.
    fields: &'static [&'static str],
    /// Does it, in Python; `o` holds the step's outputs.
    by_hand: &'static str,
    /// Reads what it changes, a Python expression.
    reads: &'static str,
}

/// Python with a client of each service, and what several changes need.
const PRELUDE: &str = r#"
import boto3, json, sys
from botocore.exceptions import ClientError
outputs = json.load(open(sys.argv[1]))
def client(name, region='us-east-1'):
    return boto3.client(name, region_name=region)
alarms, cloud, functions, roles = client('cloudwatch'), client('ec2'), client('lambda'), client('iam')
balancers, dns, queues, topics = client('elbv2'), client('route53'), client('sqs'), client('sns')
keys, logs, databases, rules = client('kms'), client('logs'), client('rds'), client('events')
buckets, parameters, waf, secrets = client('s3'), client('ssm'), client('wafv2'), client('secretsmanager')

def rule(o):
    return cloud.describe_security_group_rules(SecurityGroupRuleIds=[o['security_group_rule_id']])['SecurityGroupRules'][0]

def change_rule(o, **to):
    now = rule(o)
    new = {'IpProtocol': now['IpProtocol'], 'FromPort': now['FromPort'], 'ToPort': now['ToPort']}
    new['Description'] = now.get('Description', '')
    if 'ReferencedGroupInfo' in now:
        new['ReferencedGroupId'] = now['ReferencedGroupInfo']['GroupId']
    else:
        new['CidrIpv4'] = now['CidrIpv4']
    one = {'SecurityGroupRuleId': o['security_group_rule_id'], 'SecurityGroupRule': {**new, **to}}
    cloud.modify_security_group_rules(GroupId=o['security_group_id'], SecurityGroupRules=[one])

def cidrs(o):
    found = cloud.describe_security_group_rules(Filters=[{'Name': 'group-id', 'Values': [o['security_group_id']]}])
    return sorted(one['CidrIpv4'] for one in found['SecurityGroupRules'] if 'CidrIpv4' in one)

def queue(o, name):
    return queues.get_queue_attributes(QueueUrl=o['url'], AttributeNames=['All'])['Attributes'][name]

def alarm(o):
    found = alarms.describe_alarms(AlarmNames=[o['name']], AlarmTypes=['MetricAlarm', 'CompositeAlarm'])
    return (found['MetricAlarms'] + found['CompositeAlarms'])[0]

def change_alarm(o, **to):
    known = 'AlarmName AlarmDescription ActionsEnabled OKActions AlarmActions InsufficientDataActions MetricName'
    known += ' Namespace Statistic ExtendedStatistic Dimensions Period EvaluationPeriods DatapointsToAlarm Threshold'
    known += ' ComparisonOperator TreatMissingData Metrics'
    now = {name: value for name, value in alarm(o).items() if name in known.split()}
    alarms.put_metric_alarm(**{**now, **to})

def acl(o):
    return waf.get_web_acl(Name=o['name'], Scope='REGIONAL', Id=o['id'])

def change_limit(o, limit):
    now = acl(o)
    new = {name: now['WebACL'][name] for name in ('DefaultAction', 'Rules', 'VisibilityConfig')}
    for one in new['Rules']:
        if 'RateBasedStatement' in one['Statement']:
            one['Statement']['RateBasedStatement']['Limit'] = limit
    waf.update_web_acl(Name=o['name'], Scope='REGIONAL', Id=o['id'], LockToken=now['LockToken'], **new)

def policy(o):
    return roles.get_role_policy(RoleName=o['name'], PolicyName='function')['PolicyDocument']

def change_policy(o):
    document = policy(o)
    document['Statement'][0]['Action'] = ['logs:CreateLogStream', 'logs:DeleteLogStream', 'logs:PutLogEvents']
    roles.put_role_policy(RoleName=o['name'], PolicyName='function', PolicyDocument=json.dumps(document))

def bucket_policy(o):
    return json.loads(buckets.get_bucket_policy(Bucket=o['bucket'])['Policy'])

def change_bucket_policy(o):
    document = bucket_policy(o)
    document['Statement'][1]['Condition']['NumericLessThan']['s3:TlsVersion'] = '1.0'
    buckets.put_bucket_policy(Bucket=o['bucket'], Policy=json.dumps(document))

def attribute(o, name):
    if 'targetgroup/' in o['arn']:
        found = balancers.describe_target_group_attributes(TargetGroupArn=o['arn'])
    else:
        found = balancers.describe_load_balancer_attributes(LoadBalancerArn=o['arn'])
    return {one['Key']: one['Value'] for one in found['Attributes']}[name]

def group(o):
    return balancers.describe_target_groups(TargetGroupArns=[o['arn']])['TargetGroups'][0]

def tag(found, key):
    return {one['Key']: one['Value'] for one in found}.get(key)

def listener(o):
    return balancers.describe_listeners(ListenerArns=[o['arn']])['Listeners'][0]

def routes(o):
    table = cloud.describe_route_tables(RouteTableIds=[o['route_table_id']])['RouteTables'][0]
    return sorted(one['DestinationCidrBlock'] for one in table['Routes'] if 'DestinationCidrBlock' in one)

def log_group(o):
    return logs.describe_log_groups(logGroupNamePrefix=o['name'])['logGroups'][0]

def cluster(o):
    return databases.describe_db_clusters(DBClusterIdentifier=o['identifier'])['DBClusters'][0]

def instance(o):
    return databases.describe_db_instances(DBInstanceIdentifier=o['identifier'])['DBInstances'][0]

def database_parameter(o, name):
    pages = databases.get_paginator('describe_db_cluster_parameters').paginate(DBClusterParameterGroupName=o['name'])
    found = {one['ParameterName']: one.get('ParameterValue') for page in pages for one in page['Parameters']}
    return found.get(name)

def record(o):
    sets = dns.list_resource_record_sets(HostedZoneId=o['hosted_zone_id'])['ResourceRecordSets']
    own = lambda one: one['Name'].rstrip('.') == o['name'] and one.get('SetIdentifier') == o['set_identifier']
    return next(one for one in sets if own(one))

def change_record(o, **to):
    new = {name: value for name, value in {**record(o), **to}.items() if value is not None}
    batch = {'Changes': [{'Action': 'UPSERT', 'ResourceRecordSet': new}]}
    dns.change_resource_record_sets(HostedZoneId=o['hosted_zone_id'], ChangeBatch=batch)

def acl_entries(o):
    found = cloud.describe_network_acls(NetworkAclIds=[o['network_acl_id']])['NetworkAcls'][0]
    return sorted((one['Egress'], one['RuleNumber']) for one in found['Entries'])

def public_access(o):
    try:
        return buckets.get_public_access_block(Bucket=o['name'])['PublicAccessBlockConfiguration']
    except ClientError as error:
        return error.response['Error']['Code']

def queue_stands(o):
    try:
        return bool(queues.get_queue_url(QueueName=o['name']))
    except ClientError as error:
        return error.response['Error']['Code']

def weights(o):
    if 'arn' not in o:
        return record(o)['Weight']
    groups = listener(o)['DefaultActions'][0]['ForwardConfig']['TargetGroups']
    return {'blue' if one['TargetGroupArn'] == o['blue'] else 'green': one['Weight'] for one in groups}
"#;

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
        reads: "queue_stands(o)",
    },
];

/// What somebody does who moves traffic by hand. Two of these steps drift in other fields as well.
const SHIFT: [(&str, &str); 4] = [
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

/// An account with a system in it.
struct Account {
    sandbox: Sandbox,
    cli: Cli,
}

impl Account {
    async fn applied() -> Self {
        let sandbox = Sandbox::fresh().await;
        let cli = Cli::new(&sandbox);
        cli.run(&["apply", "--suffix", SUFFIX, "--json"]).await.ok();
        let account = Account { sandbox, cli };
        let outputs: BTreeMap<String, Value> = {
            let state = account.cli.state(SUFFIX);
            let steps = state["steps"].as_object().expect("a state has steps").clone();
            steps.into_iter().map(|(id, record)| (id, record["outputs"].clone())).collect()
        };
        std::fs::write(account.outputs(), json!(outputs).to_string()).expect("the outputs can be written");
        account
    }

    /// The outputs of all steps as they were at first: people know them by heart.
    fn outputs(&self) -> String {
        self.cli.folder().join("outputs.json").display().to_string()
    }

    /// Runs Python after the prelude.
    async fn python(&self, code: &str) -> Value {
        let file = self.cli.folder().join("by_hand.py");
        std::fs::write(&file, format!("{PRELUDE}\n{code}\n")).expect("the script can be written");
        self.sandbox.python_file(file.to_str().unwrap(), &[&self.outputs()]).await
    }

    async fn by_hand(&self, changes: impl Iterator<Item = (&str, &str)>) {
        let mut code = String::new();
        for (step, change) in changes {
            let _ = writeln!(code, "o = outputs[{step:?}]\n{change}");
        }
        self.python(&code).await;
    }

    /// What stands of all that drifts, by step.
    async fn look(&self) -> BTreeMap<String, Value> {
        let mut code = "found = {}\n".to_owned();
        for Drift { step, reads, .. } in &DRIFT {
            let _ = writeln!(code, "o = outputs[{step:?}]\nfound[{step:?}] = {reads}");
        }
        code.push_str("print(json.dumps(found))");
        serde_json::from_value(self.python(&code).await).expect("a value by step")
    }

    async fn weights(&self) -> Value {
        let steps: Vec<&str> = SHIFT.iter().map(|(step, _)| *step).collect();
        self.python(&format!("print(json.dumps({{step: weights(outputs[step]) for step in {steps:?}}}))")).await
    }

    /// What plan says: step, action, and the fields with what they are to become.
    async fn plan(&self) -> BTreeMap<String, (String, BTreeMap<String, Value>)> {
        let plan = self.cli.run(&["plan", "--suffix", SUFFIX, "--json"]).await.ok();
        assert_eq!(plan.summary().failed, 0, "{}", plan.stdout);
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let planned = plan.events().into_iter().filter(|event| event["type"] == "planned");
        let planned = planned.map(|event| {
            let changes = event["changes"].as_array().expect("changes").iter();
            let fields = changes.map(|change| (text(&change["field"]), change["new"].clone())).collect();
            (text(&event["step"]), (text(&event["action"]), fields))
        });
        planned.collect()
    }

    async fn live(&self) -> BTreeMap<String, String> {
        let status = self.cli.run(&["status", "--suffix", SUFFIX, "--json"]).await.ok();
        let summary = status.events().pop().expect("a summary");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let live = summary["live"].as_array().expect("what is live").iter();
        live.map(|one| (text(&one["step"]), text(&one["live"]))).collect()
    }
}

#[tokio::test]
async fn what_was_changed_by_hand_is_named_field_by_field_and_put_back_while_live_weights_stay() {
    let account = Account::applied().await;
    assert!(account.plan().await.is_empty(), "nothing has changed yet");
    let before = account.look().await;

    // A shift alone is no drift.
    account.by_hand(SHIFT.into_iter()).await;
    let shifted = account.weights().await;
    let shares = json!({
        "blue/edge/https": {"blue": 70, "green": 30}, "green/edge/https": {"blue": 0, "green": 100},
        "dns/blue/live": 60, "dns/green/live": 40,
    });
    assert_eq!(shifted, shares);
    assert_eq!(account.plan().await, BTreeMap::new(), "weights are AWS's truth");
    let live = account.live().await;
    for (step, share) in [
        ("blue/edge/https", "traffic: blue 70 %, green 30 %"),
        ("green/edge/https", "traffic: blue 0 %, green 100 %"),
        ("dns/blue/live", "traffic: 60 % (weight 60 of 100)"),
        ("dns/green/live", "traffic: 40 % (weight 40 of 100)"),
    ] {
        assert_eq!(live.get(step).map(String::as_str), Some(share), "{step}");
    }

    account.by_hand(DRIFT.iter().map(|drift| (drift.step, drift.by_hand))).await;
    let drifted = account.look().await;
    for Drift { step, .. } in &DRIFT {
        assert_ne!(before[*step], drifted[*step], "{step} was not changed at all");
    }

    // What needs the queue that is gone has a field that isn't known before it stands again; all else is named exactly.
    let mut plan = account.plan().await;
    let unknown = |fields: &BTreeMap<String, Value>| {
        let waits = |new: &Value| new.as_str().is_some_and(|new| new.contains("(known after apply)"));
        !fields.is_empty() && fields.values().all(waits)
    };
    let waiting: BTreeSet<String> =
        plan.iter().filter(|(_, (_, fields))| unknown(fields)).map(|(step, _)| step.clone()).collect();
    let of_queue = ["failback/function", "failback/role", "failback/target"].map(str::to_owned);
    assert_eq!(waiting, BTreeSet::from(of_queue));
    plan.retain(|step, _| !waiting.contains(step));
    let named: BTreeSet<_> = plan
        .into_iter()
        .map(|(step, (action, fields))| format!("{action} {step}: {:?}", fields.keys().collect::<Vec<_>>()))
        .collect();
    let expected = DRIFT.iter().map(|drift| format!("{} {}: {:?}", drift.action, drift.step, drift.fields)).collect();
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| one.difference(other).cloned().collect::<Vec<_>>();
    assert_eq!((only(&named, &expected), only(&expected, &named)), (vec![], vec![]), "(too much, too little)");
    assert_eq!(account.look().await, drifted, "plan changes nothing");

    let apply = account.cli.run(&["apply", "--suffix", SUFFIX, "--json"]).await.ok().summary();
    let actions = |action: &str| DRIFT.iter().filter(|drift| drift.action == action).count() as u64;
    let done = [apply.created, apply.updated, apply.replaced, apply.deleted];
    assert_eq!(done, [actions("create"), actions("update"), actions("replace"), 0], "{apply:?}");
    let after = account.look().await;
    for Drift { step, .. } in &DRIFT {
        assert_eq!(before[*step], after[*step], "{step} is not as it was");
    }
    assert_eq!(account.weights().await, shifted, "apply left the traffic where it was");
    assert_eq!(account.plan().await, BTreeMap::new(), "all is as it should be");
    assert_eq!(account.live().await["blue/edge/https"], "traffic: blue 70 %, green 30 %");
}

/// Somebody changes a queue, then deletes one.
const QUEUES: &str = "
import boto3
sqs = boto3.client('sqs')
url = lambda name: sqs.get_queue_url(QueueName=name)['QueueUrl']
sqs.set_queue_attributes(QueueUrl=url('payments-queue-blue-drift2'), Attributes={'VisibilityTimeout': '7'})
sqs.delete_queue(QueueUrl=url('payments-queue-green-drift2'))
";

#[tokio::test]
async fn what_is_other_than_it_was_left_is_told_whatever_is_wanted_by_now() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    let on = async |arguments: &[&str]| cli.run(&[arguments, &["--suffix", "drift2"]].concat()).await;
    let drift = ["plan", "--refresh-only", "--detailed-exitcode", "--json"];
    on(&drift).await.exits(1).explains("there is no state").explains("provisioner recover");
    on(&["apply", "--module", "blue/queues", "--module", "green/queues"]).await.ok();
    on(&drift).await.ok();

    // What the configuration wants is no drift, and what AWS has is.
    cli.configure("[tags]\nCostCenter = \"77\"\n");
    let told = on(&drift).await.ok().events();
    assert!(told.iter().all(|line| line["type"] != "drift"), "{told:?}");
    sandbox.python(QUEUES).await;
    sandbox.forget_calls();
    let told: Vec<_> = on(&drift).await.exits(2).events();
    let drifted: Vec<_> = told.iter().filter(|line| line["type"] == "drift").collect();
    assert_eq!(drifted.len(), 2, "{drifted:?}");
    let fields = json!([{"field": "visibility_timeout_seconds", "left": "360", "stands": "7"}]);
    let queue = |environment: &str| format!("{environment}/queues/payments-queue");
    assert_eq!((&drifted[0]["step"], &drifted[0]["changes"]), (&json!(queue("blue")), &fields));
    assert_eq!((&drifted[1]["step"], &drifted[1]["gone"]), (&json!(queue("green")), &json!(true)));
    assert_eq!(told.last().unwrap()["drifted"], 2);
    let people = on(&["plan", "--refresh-only", "--module", "green"]).await.ok();
    people.says("green/queues/payments-queue [sqs.queue] is gone from AWS").says("Drift: 1 step other than left");
    assert_eq!(sandbox.changes(), [""; 0]);
    on(&["plan", "--refresh-only", "--out", "file"]).await.exits(2).explains("--out");
}
