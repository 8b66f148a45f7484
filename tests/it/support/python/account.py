"""Every resource in an account, as JSON: region, kind, id, {"name", "tags"}.

    python account.py us-east-1 us-east-2
    python account.py --kinds    # the kinds that are listed

Kinds have the names of provisioner's resource types. What every account has from the start is left out, and what AWS
creates and deletes along with a listed resource (a VPC's main route table). Tags are None where AWS has none.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.exceptions import ClientError

Item = dict[str, Any]
GLOBAL = "global"
HOME = "us-east-1"


def pages(client: Any, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    """All items of a list call, through its pages where it has any."""
    if client.can_paginate(operation):
        for page in client.get_paginator(operation).paginate(**arguments):
            yield from page.get(key) or []
        return
    answer = getattr(client, operation)(**arguments)
    yield from answer.get(key) or []
    while answer.get("NextToken"):
        answer = getattr(client, operation)(**arguments, NextToken=answer["NextToken"])
        yield from answer.get(key) or []


def as_tags(tags: Any) -> dict[str, str] | None:
    """Tags in any of the shapes that AWS has."""
    if tags is None or isinstance(tags, dict):
        return tags
    return {tag.get("Key", tag.get("TagKey", tag.get("key"))): tag.get("Value", tag.get("TagValue", tag.get("value"))) for tag in tags}


def thing(identifier: str, name: str | None = None, tags: Any = None) -> tuple[str, Item]:
    return identifier, {"name": name, "tags": as_tags(tags)}


Things = Iterator[tuple[str, Item]]
KINDS: dict[str, Callable[[Any], Things]] = {}
GLOBAL_KINDS: dict[str, Callable[[Any], Things]] = {}
# Resource types that AWS lists together with another kind.
ALSO_LISTED: set[str] = set()
# boto3's names of the services whose resource types have another prefix.
SERVICES = {
    "application_autoscaling": "application-autoscaling",
    "elb": "elbv2",
    "secrets": "secretsmanager",
    "waf": "wafv2",
}


def kind(name: str, kinds: dict[str, Callable[[Any], Things]] = KINDS, also: tuple[str, ...] = ()) -> Callable[[Any], Any]:
    """Registers the function that lists a kind; `also` names the types that the same call lists."""
    ALSO_LISTED.update(also)

    def register(function: Callable[[Any], Things]) -> Callable[[Any], Things]:
        kinds[name] = function
        return function

    return register


# EC2: tags come with every description


def ec2(
    name: str,
    operation: str,
    key: str,
    identifier: str,
    leave_out: Callable[[Item], bool] = lambda _: False,
    also: tuple[str, ...] = (),
) -> None:
    @kind(f"ec2.{name}", also=also)
    def list_them(client: Any) -> Things:
        for item in pages(client, operation, key):
            if not leave_out(item) and str(item.get("State", "")) not in ("deleted", "terminated"):
                yield thing(item[identifier], item.get("GroupName"), item.get("Tags", []))


def is_main(table: Item) -> bool:
    return any(association.get("Main") for association in table["Associations"])


ec2("vpc", "describe_vpcs", "Vpcs", "VpcId", lambda vpc: vpc["IsDefault"])
ec2("subnet", "describe_subnets", "Subnets", "SubnetId", lambda subnet: subnet["DefaultForAz"])
ec2("nat_gateway", "describe_nat_gateways", "NatGateways", "NatGatewayId")
ec2("elastic_ip", "describe_addresses", "Addresses", "AllocationId")
ec2("route_table", "describe_route_tables", "RouteTables", "RouteTableId", is_main)
ec2("network_acl", "describe_network_acls", "NetworkAcls", "NetworkAclId", lambda acl: acl["IsDefault"])
ec2("network_interface", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId")
ec2("security_group", "describe_security_groups", "SecurityGroups", "GroupId", lambda group: group["GroupName"] == "default")
ec2("interface_endpoint", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", also=("ec2.gateway_endpoint",))
ec2("vpc_peering_connection", "describe_vpc_peering_connections", "VpcPeeringConnections", "VpcPeeringConnectionId")
ec2("flow_log", "describe_flow_logs", "FlowLogs", "FlowLogId")
ec2("transit_gateway", "describe_transit_gateways", "TransitGateways", "TransitGatewayId")
ec2(
    "transit_gateway_vpc_attachment",
    "describe_transit_gateway_attachments",
    "TransitGatewayAttachments",
    "TransitGatewayAttachmentId",
)
ec2(
    "transit_gateway_route_table",
    "describe_transit_gateway_route_tables",
    "TransitGatewayRouteTables",
    "TransitGatewayRouteTableId",
    lambda table: table.get("DefaultAssociationRouteTable"),
)


@kind("ec2.internet_gateway")
def internet_gateways(client: Any) -> Things:
    defaults = {vpc["VpcId"] for vpc in pages(client, "describe_vpcs", "Vpcs") if vpc["IsDefault"]}
    for gateway in pages(client, "describe_internet_gateways", "InternetGateways"):
        if not any(attachment["VpcId"] in defaults for attachment in gateway["Attachments"]):
            yield thing(gateway["InternetGatewayId"], None, gateway.get("Tags", []))


@kind("ec2.instance")
def instances(client: Any) -> Things:
    for reservation in pages(client, "describe_instances", "Reservations"):
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] != "terminated":
                yield thing(instance["InstanceId"], None, instance.get("Tags", []))


# Elastic Load Balancing


def elb_tags(client: Any, arn: str) -> Any:
    return client.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]


@kind("elb.load_balancer")
def load_balancers(client: Any) -> Things:
    for balancer in pages(client, "describe_load_balancers", "LoadBalancers"):
        arn = balancer["LoadBalancerArn"]
        yield thing(arn, balancer["LoadBalancerName"], elb_tags(client, arn))


@kind("elb.target_group")
def target_groups(client: Any) -> Things:
    for group in pages(client, "describe_target_groups", "TargetGroups"):
        arn = group["TargetGroupArn"]
        yield thing(arn, group["TargetGroupName"], elb_tags(client, arn))


def listener_arns(client: Any) -> Iterator[str]:
    for balancer in pages(client, "describe_load_balancers", "LoadBalancers"):
        for listener in pages(client, "describe_listeners", "Listeners", LoadBalancerArn=balancer["LoadBalancerArn"]):
            yield listener["ListenerArn"]


@kind("elb.listener")
def listeners(client: Any) -> Things:
    for arn in listener_arns(client):
        yield thing(arn, None, elb_tags(client, arn))


@kind("elb.listener_rule")
def rules(client: Any) -> Things:
    for arn in listener_arns(client):
        for rule in client.describe_rules(ListenerArn=arn)["Rules"]:
            if not rule["IsDefault"]:
                yield thing(rule["RuleArn"], None, elb_tags(client, rule["RuleArn"]))


# RDS


def rds(name: str, operation: str, key: str, identifier: str, arn: str, leave_out: Callable[[Item], bool] = lambda _: False) -> None:
    @kind(f"rds.{name}")
    def list_them(client: Any) -> Things:
        for item in pages(client, operation, key):
            if not leave_out(item):
                yield thing(item[identifier], None, client.list_tags_for_resource(ResourceName=item[arn])["TagList"])


rds("db_cluster", "describe_db_clusters", "DBClusters", "DBClusterIdentifier", "DBClusterArn")
rds("db_instance", "describe_db_instances", "DBInstances", "DBInstanceIdentifier", "DBInstanceArn")
rds("global_cluster", "describe_global_clusters", "GlobalClusters", "GlobalClusterIdentifier", "GlobalClusterArn")
rds(
    "db_subnet_group",
    "describe_db_subnet_groups",
    "DBSubnetGroups",
    "DBSubnetGroupName",
    "DBSubnetGroupArn",
    lambda group: group["DBSubnetGroupName"] == "default",
)
rds(
    "db_cluster_parameter_group",
    "describe_db_cluster_parameter_groups",
    "DBClusterParameterGroups",
    "DBClusterParameterGroupName",
    "DBClusterParameterGroupArn",
    lambda group: group["DBClusterParameterGroupName"].startswith("default."),
)
rds(
    "db_parameter_group",
    "describe_db_parameter_groups",
    "DBParameterGroups",
    "DBParameterGroupName",
    "DBParameterGroupArn",
    lambda group: group["DBParameterGroupName"].startswith("default."),
)
rds(
    "db_cluster_snapshot",
    "describe_db_cluster_snapshots",
    "DBClusterSnapshots",
    "DBClusterSnapshotIdentifier",
    "DBClusterSnapshotArn",
    lambda snapshot: snapshot["SnapshotType"] == "automated",
)
rds(
    "event_subscription",
    "describe_event_subscriptions",
    "EventSubscriptionsList",
    "CustSubscriptionId",
    "EventSubscriptionArn",
)


# Lambda, SQS, SNS


@kind("lambda.function")
def functions(client: Any) -> Things:
    for function in pages(client, "list_functions", "Functions"):
        yield thing(function["FunctionName"], None, client.list_tags(Resource=function["FunctionArn"])["Tags"])


@kind("lambda.event_source_mapping")
def event_source_mappings(client: Any) -> Things:
    for mapping in pages(client, "list_event_source_mappings", "EventSourceMappings"):
        yield thing(mapping["UUID"])


@kind("sqs.queue")
def queues(client: Any) -> Things:
    for url in pages(client, "list_queues", "QueueUrls"):
        yield thing(url, url.rsplit("/", 1)[-1], client.list_queue_tags(QueueUrl=url).get("Tags", {}))


@kind("sns.topic")
def topics(client: Any) -> Things:
    for topic in pages(client, "list_topics", "Topics"):
        arn = topic["TopicArn"]
        yield thing(arn, arn.rsplit(":", 1)[-1], client.list_tags_for_resource(ResourceArn=arn)["Tags"])


@kind("sns.subscription")
def subscriptions(client: Any) -> Things:
    for subscription in pages(client, "list_subscriptions", "Subscriptions"):
        yield thing(f"{subscription['TopicArn']} {subscription['Protocol']} {subscription['Endpoint']}")


# CloudWatch, Logs, EventBridge


@kind("cloudwatch.alarm", also=("cloudwatch.composite_alarm",))
def alarms(client: Any) -> Things:
    for key in ("MetricAlarms", "CompositeAlarms"):
        for alarm in pages(client, "describe_alarms", key, AlarmTypes=["MetricAlarm", "CompositeAlarm"]):
            yield thing(alarm["AlarmName"], None, client.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"])


@kind("cloudwatch.dashboard")
def dashboards(client: Any) -> Things:
    for dashboard in pages(client, "list_dashboards", "DashboardEntries"):
        yield thing(dashboard["DashboardName"])


@kind("logs.log_group")
def log_groups(client: Any) -> Things:
    for group in pages(client, "describe_log_groups", "logGroups"):
        arn = group["arn"].removesuffix(":*")
        yield thing(group["logGroupName"], None, client.list_tags_for_resource(resourceArn=arn)["tags"])


@kind("logs.metric_filter")
def metric_filters(client: Any) -> Things:
    for found in pages(client, "describe_metric_filters", "metricFilters"):
        yield thing(f"{found['logGroupName']} {found['filterName']}")


@kind("logs.resource_policy")
def log_policies(client: Any) -> Things:
    for policy in pages(client, "describe_resource_policies", "resourcePolicies"):
        yield thing(policy["policyName"])


@kind("events.bus")
def buses(client: Any) -> Things:
    for bus in pages(client, "list_event_buses", "EventBuses"):
        if bus["Name"] != "default":
            yield thing(bus["Name"], None, client.list_tags_for_resource(ResourceARN=bus["Arn"])["Tags"])


@kind("events.rule")
def event_rules(client: Any) -> Things:
    for bus in pages(client, "list_event_buses", "EventBuses"):
        for rule in pages(client, "list_rules", "Rules", EventBusName=bus["Name"]):
            yield thing(rule["Arn"], rule["Name"], client.list_tags_for_resource(ResourceARN=rule["Arn"])["Tags"])


# DynamoDB


@kind("dynamodb.table")
def tables(client: Any) -> Things:
    for name in pages(client, "list_tables", "TableNames"):
        arn = client.describe_table(TableName=name)["Table"]["TableArn"]
        yield thing(arn, name, client.list_tags_of_resource(ResourceArn=arn)["Tags"])


# Containers


@kind("ecr.repository")
def repositories(client: Any) -> Things:
    for repository in pages(client, "describe_repositories", "repositories"):
        arn = repository["repositoryArn"]
        yield thing(arn, repository["repositoryName"], client.list_tags_for_resource(resourceArn=arn)["tags"])


@kind("ecs.cluster")
def clusters(client: Any) -> Things:
    for arn in pages(client, "list_clusters", "clusterArns"):
        cluster = client.describe_clusters(clusters=[arn], include=["TAGS"])["clusters"][0]
        yield thing(arn, cluster["clusterName"], cluster["tags"])


@kind("ecs.service")
def services(client: Any) -> Things:
    for cluster in pages(client, "list_clusters", "clusterArns"):
        for arn in pages(client, "list_services", "serviceArns", cluster=cluster):
            service = client.describe_services(cluster=cluster, services=[arn], include=["TAGS"])["services"][0]
            yield thing(arn, service["serviceName"], service.get("tags", []))


@kind("ecs.task_definition")
def task_definitions(client: Any) -> Things:
    for status in ("ACTIVE", "INACTIVE"):
        for arn in pages(client, "list_task_definitions", "taskDefinitionArns", status=status):
            yield thing(arn, None, client.list_tags_for_resource(resourceArn=arn)["tags"])


@kind("application_autoscaling.scalable_target")
def scalable_targets(client: Any) -> Things:
    for namespace in ("ecs", "rds"):
        for target in pages(client, "describe_scalable_targets", "ScalableTargets", ServiceNamespace=namespace):
            tags = client.list_tags_for_resource(ResourceARN=target["ScalableTargetARN"])["Tags"]
            yield thing(target["ResourceId"], None, tags)


@kind("application_autoscaling.scaling_policy")
def scaling_policies(client: Any) -> Things:
    for namespace in ("ecs", "rds"):
        for policy in pages(client, "describe_scaling_policies", "ScalingPolicies", ServiceNamespace=namespace):
            yield thing(f"{policy['ResourceId']} {policy['PolicyName']}")


# Systems Manager, Secrets Manager, KMS, Certificate Manager


@kind("ssm.parameter")
def parameters(client: Any) -> Things:
    for parameter in pages(client, "describe_parameters", "Parameters"):
        name = parameter["Name"]
        if not name.startswith("/aws/"):
            tags = client.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
            yield thing(name, None, tags)


@kind("secrets.secret")
def secrets(client: Any) -> Things:
    for secret in pages(client, "list_secrets", "SecretList"):
        yield thing(secret["ARN"], secret["Name"], secret.get("Tags", []))


@kind("kms.key", also=("kms.replica_key",))
def keys(client: Any) -> Things:
    for key in pages(client, "list_keys", "Keys"):
        known = client.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
        if known["KeyManager"] == "CUSTOMER" and known["KeyState"] not in ("PendingDeletion", "PendingReplicaDeletion"):
            yield thing(key["KeyId"], None, client.list_resource_tags(KeyId=key["KeyId"])["Tags"])


@kind("kms.alias")
def aliases(client: Any) -> Things:
    for alias in pages(client, "list_aliases", "Aliases"):
        if not alias["AliasName"].startswith("alias/aws/"):
            yield thing(alias["AliasName"])


@kind("acm.certificate", also=("acm.imported_certificate",))
def certificates(client: Any) -> Things:
    for certificate in pages(client, "list_certificates", "CertificateSummaryList"):
        arn = certificate["CertificateArn"]
        yield thing(arn, certificate["DomainName"], client.list_tags_for_certificate(CertificateArn=arn)["Tags"])


# WAF, Config, Backup


def waf(name: str, operation: str, key: str) -> None:
    @kind(f"waf.{name}")
    def list_them(client: Any) -> Things:
        for item in pages(client, operation, key, Scope="REGIONAL"):
            tags = client.list_tags_for_resource(ResourceARN=item["ARN"])["TagInfoForResource"]["TagList"]
            yield thing(item["ARN"], item["Name"], tags)


waf("web_acl", "list_web_acls", "WebACLs")
waf("ip_set", "list_ip_sets", "IPSets")
waf("rule_group", "list_rule_groups", "RuleGroups")


@kind("waf.logging_configuration")
def waf_logging(client: Any) -> Things:
    for found in pages(client, "list_logging_configurations", "LoggingConfigurations", Scope="REGIONAL"):
        yield thing(found["ResourceArn"])


@kind("config.configuration_recorder")
def recorders(client: Any) -> Things:
    for recorder in client.describe_configuration_recorders()["ConfigurationRecorders"]:
        yield thing(recorder["name"])


@kind("config.delivery_channel")
def channels(client: Any) -> Things:
    for channel in client.describe_delivery_channels()["DeliveryChannels"]:
        yield thing(channel["name"])


@kind("config.config_rule")
def config_rules(client: Any) -> Things:
    for rule in pages(client, "describe_config_rules", "ConfigRules"):
        tags = client.list_tags_for_resource(ResourceArn=rule["ConfigRuleArn"])["Tags"]
        yield thing(rule["ConfigRuleName"], None, tags)


@kind("backup.vault")
def vaults(client: Any) -> Things:
    for vault in pages(client, "list_backup_vaults", "BackupVaultList"):
        if vault["BackupVaultName"] not in ("Default", "aws/efs/automatic-backup-vault"):
            yield thing(vault["BackupVaultName"], None, client.list_tags(ResourceArn=vault["BackupVaultArn"])["Tags"])


@kind("backup.plan")
def plans(client: Any) -> Things:
    for plan in pages(client, "list_backup_plans", "BackupPlansList"):
        yield thing(plan["BackupPlanId"], plan["BackupPlanName"], client.list_tags(ResourceArn=plan["BackupPlanArn"])["Tags"])


# What all regions share


@kind("iam.role", GLOBAL_KINDS)
def roles(client: Any) -> Things:
    for role in pages(client, "list_roles", "Roles"):
        if not role["Path"].startswith("/aws-service-role/"):
            yield thing(role["RoleName"], None, client.list_role_tags(RoleName=role["RoleName"])["Tags"])


@kind("iam.policy", GLOBAL_KINDS)
def policies(client: Any) -> Things:
    for policy in pages(client, "list_policies", "Policies", Scope="Local"):
        yield thing(policy["Arn"], policy["PolicyName"], client.list_policy_tags(PolicyArn=policy["Arn"])["Tags"])


@kind("iam.user", GLOBAL_KINDS)
def users(client: Any) -> Things:
    for user in pages(client, "list_users", "Users"):
        yield thing(user["UserName"], None, client.list_user_tags(UserName=user["UserName"])["Tags"])


def route53_tags(client: Any, resource: str, identifier: str) -> Any:
    answer = client.list_tags_for_resource(ResourceType=resource, ResourceId=identifier)
    return answer["ResourceTagSet"]["Tags"]


def zone_ids(client: Any) -> Iterator[tuple[str, str]]:
    for zone in pages(client, "list_hosted_zones", "HostedZones"):
        yield zone["Id"].rsplit("/", 1)[-1], zone["Name"]


@kind("route53.hosted_zone", GLOBAL_KINDS)
def zones(client: Any) -> Things:
    for identifier, name in zone_ids(client):
        yield thing(identifier, name, route53_tags(client, "hostedzone", identifier))


@kind("route53.record", GLOBAL_KINDS)
def records(client: Any) -> Things:
    for identifier, zone in zone_ids(client):
        for record in pages(client, "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=identifier):
            if record["Name"] != zone or record["Type"] not in ("NS", "SOA"):
                yield thing(" ".join([record["Name"], record["Type"], record.get("SetIdentifier", "")]).strip())


@kind("route53.health_check", GLOBAL_KINDS)
def health_checks(client: Any) -> Things:
    for check in pages(client, "list_health_checks", "HealthChecks"):
        yield thing(check["Id"], None, route53_tags(client, "healthcheck", check["Id"]))


@kind("route53.query_logging_config", GLOBAL_KINDS)
def query_logging(client: Any) -> Things:
    for found in pages(client, "list_query_logging_configs", "QueryLoggingConfigs"):
        yield thing(found["Id"])


@kind("s3.bucket", GLOBAL_KINDS)
def buckets(client: Any) -> Things:
    for bucket in client.list_buckets()["Buckets"]:
        try:
            tags = client.get_bucket_tagging(Bucket=bucket["Name"])["TagSet"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchTagSet":
                raise
            tags = []
        yield thing(bucket["Name"], None, tags)


def listed(region: str, kinds: dict[str, Callable[[Any], Things]]) -> dict[str, dict[str, Item]]:
    clients: dict[str, Any] = {}
    found = {}
    for name, list_them in kinds.items():
        service = name.partition(".")[0]
        if service not in clients:
            region_name = HOME if region == GLOBAL else region
            clients[service] = boto3.client(SERVICES.get(service, service), region_name=region_name)
        things = dict(list_them(clients[service]))
        if things:
            found[name] = things
    return found


def main(regions: list[str]) -> None:
    if regions == ["--kinds"]:
        print(json.dumps(sorted({*KINDS, *GLOBAL_KINDS, *ALSO_LISTED})))
        return
    kinds_of = {GLOBAL: GLOBAL_KINDS, **{region: KINDS for region in regions}}
    with ThreadPoolExecutor(len(kinds_of)) as pool:
        found = dict(zip(kinds_of, pool.map(listed, kinds_of, kinds_of.values())))
    print(json.dumps({region: kinds for region, kinds in found.items() if kinds}, sort_keys=True))


if __name__ == "__main__":
    main(sys.argv[1:])
