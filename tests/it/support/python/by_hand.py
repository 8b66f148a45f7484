"""Manual changes to a system, and reads of them: `o` holds the outputs of a step, `outputs` those of all steps."""

import json
import sys

import boto3
from botocore.exceptions import ClientError

outputs = json.load(open(sys.argv[1]))


def client(name):
    return boto3.client(name, region_name=sys.argv[2])


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


def queue_exists(o):
    try:
        return bool(queues.get_queue_url(QueueName=o['name']))
    except ClientError as error:
        return error.response['Error']['Code']


def weights(o):
    if 'arn' not in o:
        return record(o)['Weight']
    groups = listener(o)['DefaultActions'][0]['ForwardConfig']['TargetGroups']
    return {'blue' if one['TargetGroupArn'] == o['blue'] else 'green': one['Weight'] for one in groups}


tables, images, containers, scaling = client('dynamodb'), client('ecr'), client('ecs'), client('application-autoscaling')


def table(o):
    found = tables.describe_table(TableName=o['name'])['Table']
    found['TimeToLive'] = tables.describe_time_to_live(TableName=o['name'])['TimeToLiveDescription']
    return found


def indexes(o):
    return sorted(one['IndexName'] for one in table(o).get('GlobalSecondaryIndexes', []))


def recovery(o):
    found = tables.describe_continuous_backups(TableName=o['name'])['ContinuousBackupsDescription']
    return found['PointInTimeRecoveryDescription']['PointInTimeRecoveryStatus']


def repository(o):
    (found,) = images.describe_repositories(repositoryNames=[o['name']])['repositories']
    return found


def kept_images(o):
    return json.loads(images.get_lifecycle_policy(repositoryName=o['name'])['lifecyclePolicyText'])


def container_cluster(o):
    (found,) = containers.describe_clusters(clusters=[o['name']], include=['SETTINGS'])['clusters']
    return found


def service(o):
    (found,) = containers.describe_services(cluster=o['arn'].split('/')[1], services=[o['name']])['services']
    return found


def change_service(o, **to):
    containers.update_service(cluster=o['arn'].split('/')[1], service=o['name'], **to)


def scalable(o):
    namespace = 'rds' if o['resource'].startswith('cluster:') else 'ecs'
    found = scaling.describe_scalable_targets(ServiceNamespace=namespace, ResourceIds=[o['resource']])
    return found['ScalableTargets'][0]


def change_scalable(o, **to):
    now = scalable(o)
    place = {name: now[name] for name in ('ServiceNamespace', 'ResourceId', 'ScalableDimension')}
    scaling.register_scalable_target(**place, **to)


def scaling_policy(o):
    namespace = 'rds' if ':resource/rds/' in o['arn'] else 'ecs'
    found = scaling.describe_scaling_policies(ServiceNamespace=namespace)['ScalingPolicies']
    return next(one for one in found if one['PolicyARN'] == o['arn'])


def target_value(o):
    return scaling_policy(o)['TargetTrackingScalingPolicyConfiguration']['TargetValue']


def change_target_value(o, value):
    now = scaling_policy(o)
    names = ('PolicyName', 'ServiceNamespace', 'ResourceId', 'ScalableDimension', 'PolicyType')
    tracking = {**now['TargetTrackingScalingPolicyConfiguration'], 'TargetValue': value}
    place = {name: now[name] for name in names}
    scaling.put_scaling_policy(**place, TargetTrackingScalingPolicyConfiguration=tracking)
