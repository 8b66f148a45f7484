"""Lists databases, functions, containers, queues, keys, IAM, DNS and buckets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError
from inventory import GLOBAL_KINDS, Item, Things, kind, pages, thing


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
