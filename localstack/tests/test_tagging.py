"""The tagging API finds all tagged resources."""

import io
import json
import zipfile
from contextlib import contextmanager

from sandbox.services.tagging import resources
from support import TAGS, tagged, two_subnets
from test_load_balancers import a_certificate, web_acl
from test_rds import VERSION

FILTER = [{"Key": "Suffix", "Values": ["t1"]}]


def found(aws, region="us-east-1", **more):
    pages = aws("resourcegroupstaggingapi", region).get_paginator("get_resources").paginate(TagFilters=FILTER, **more)
    resources = [one for page in pages for one in page["ResourceTagMappingList"]]
    assert all(one["Tags"] == TAGS or len(one["Tags"]) == 2 for one in resources)
    arns = [one["ResourceARN"] for one in resources]
    assert len(arns) == len(set(arns))
    return set(arns)


def ec2_arn(kind, id_):
    return f"arn:aws:ec2:us-east-1:123456789012:{kind}/{id_}"


def make_network(aws):
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", TagSpecifications=tagged("subnet"))["Subnet"][
        "SubnetId"
    ]
    yield ec2_arn("vpc", vpc)
    yield ec2_arn("subnet", subnet)
    yield ec2_arn(
        "internet-gateway",
        ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))["InternetGateway"][
            "InternetGatewayId"
        ],
    )
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"]
    yield ec2_arn("elastic-ip", address)
    yield ec2_arn(
        "natgateway",
        ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, TagSpecifications=tagged("natgateway"))[
            "NatGateway"
        ]["NatGatewayId"],
    )
    yield ec2_arn(
        "route-table",
        ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table"))["RouteTable"]["RouteTableId"],
    )
    group = ec2.create_security_group(
        GroupName="g", Description="d", VpcId=vpc, TagSpecifications=tagged("security-group")
    )["GroupId"]
    yield ec2_arn("security-group", group)
    rule = ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}],
        TagSpecifications=tagged("security-group-rule"),
    )["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    yield ec2_arn("security-group-rule", rule)
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc,
        VpcEndpointType="Gateway",
        ServiceName="com.amazonaws.us-east-1.s3",
        TagSpecifications=tagged("vpc-endpoint"),
    )
    yield ec2_arn("vpc-endpoint", endpoint["VpcEndpoint"]["VpcEndpointId"])
    gateway = ec2.create_transit_gateway(TagSpecifications=tagged("transit-gateway"))["TransitGateway"][
        "TransitGatewayId"
    ]
    yield ec2_arn("transit-gateway", gateway)
    attachment = ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=gateway, VpcId=vpc, SubnetIds=[subnet], TagSpecifications=tagged("transit-gateway-attachment")
    )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    yield ec2_arn("transit-gateway-attachment", attachment)
    table = ec2.create_transit_gateway_route_table(
        TransitGatewayId=gateway, TagSpecifications=tagged("transit-gateway-route-table")
    )
    yield ec2_arn("transit-gateway-route-table", table["TransitGatewayRouteTable"]["TransitGatewayRouteTableId"])
    logs = ec2.create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogGroupName="/f",
        DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/r",
        TagSpecifications=tagged("vpc-flow-log"),
    )["FlowLogIds"][0]
    yield ec2_arn("vpc-flow-log", logs)


def test_network(aws):
    expected = set(make_network(aws))
    assert found(aws) == expected
    assert found(aws, ResourceTypeFilters=["ec2:vpc"]) == {arn for arn in expected if ":vpc/" in arn}
    assert found(aws, ResourcesPerPage=3) == expected
    assert not found(aws, "us-east-2")
    ec2 = aws("ec2")
    flow = next(arn for arn in expected if "flow-log" in arn)
    ec2.delete_flow_logs(FlowLogIds=[flow.rpartition("/")[2]])
    assert found(aws) == expected - {flow}


def make_data(aws):
    rds = aws("rds")
    _, one, two = two_subnets(aws("ec2"))
    yield rds.create_db_subnet_group(
        DBSubnetGroupName="g", DBSubnetGroupDescription="d", SubnetIds=[one, two], Tags=TAGS
    )["DBSubnetGroup"]["DBSubnetGroupArn"]
    yield rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName="p", DBParameterGroupFamily="aurora-mysql8.0", Description="d", Tags=TAGS
    )["DBClusterParameterGroup"]["DBClusterParameterGroupArn"]
    yield rds.create_db_parameter_group(
        DBParameterGroupName="i", DBParameterGroupFamily="aurora-mysql8.0", Description="d", Tags=TAGS
    )["DBParameterGroup"]["DBParameterGroupArn"]
    cluster = rds.create_db_cluster(
        DBClusterIdentifier="c",
        Engine="aurora-mysql",
        EngineVersion=VERSION,
        MasterUsername="m",
        MasterUserPassword="verysecret",
        DBSubnetGroupName="g",
        Tags=TAGS,
    )["DBCluster"]["DBClusterArn"]
    yield cluster
    yield rds.create_db_instance(
        DBInstanceIdentifier="c-1",
        DBInstanceClass="db.serverless",
        Engine="aurora-mysql",
        DBClusterIdentifier="c",
        Tags=TAGS,
    )["DBInstance"]["DBInstanceArn"]
    yield rds.create_global_cluster(GlobalClusterIdentifier="gl", SourceDBClusterIdentifier=cluster, Tags=TAGS)[
        "GlobalCluster"
    ]["GlobalClusterArn"]
    yield rds.create_event_subscription(
        SubscriptionName="s", SnsTopicArn="arn:aws:sns:us-east-1:123456789012:t", SourceType="db-cluster", Tags=TAGS
    )["EventSubscription"]["EventSubscriptionArn"]
    key = aws("kms").create_key(Tags=[{"TagKey": t["Key"], "TagValue": t["Value"]} for t in TAGS])["KeyMetadata"]["Arn"]
    yield key
    yield aws("secretsmanager").create_secret(Name="s", SecretString="x", Tags=TAGS)["ARN"]
    aws("ssm").put_parameter(Name="/a/b", Value="x", Type="String", Tags=TAGS)
    yield "arn:aws:ssm:us-east-1:123456789012:parameter/a/b"
    aws("s3").create_bucket(Bucket="tagged-bucket")
    aws("s3").put_bucket_tagging(Bucket="tagged-bucket", Tagging={"TagSet": TAGS})
    yield "arn:aws:s3:::tagged-bucket"


def test_data(aws):
    expected = set(make_data(aws))
    assert found(aws) == expected


def make_rest(aws):
    tag_map = {t["Key"]: t["Value"] for t in TAGS}
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName="q", tags=tag_map)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    yield queue
    yield aws("sns").create_topic(Name="t", Tags=TAGS)["TopicArn"]
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    role = aws("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust), Tags=TAGS)["Role"]["Arn"]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.js", "exports.handler = async () => 1")
    lambda_ = aws("lambda")
    yield lambda_.create_function(
        FunctionName="f",
        Runtime="nodejs22.x",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": buffer.getvalue()},
        Tags=tag_map,
    )["FunctionArn"]
    yield lambda_.create_event_source_mapping(FunctionName="f", EventSourceArn=queue, Enabled=False, Tags=tag_map)[
        "EventSourceMappingArn"
    ]
    aws("logs").create_log_group(logGroupName="/l", tags=tag_map)
    yield "arn:aws:logs:us-east-1:123456789012:log-group:/l"
    cloudwatch = aws("cloudwatch")
    alarm = {
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "MetricName": "m",
        "Namespace": "n",
        "Period": 60,
        "Statistic": "Sum",
        "Threshold": 1,
    }
    cloudwatch.put_metric_alarm(AlarmName="metric", Tags=TAGS, **alarm)
    yield "arn:aws:cloudwatch:us-east-1:123456789012:alarm:metric"
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule="ALARM(metric)", Tags=TAGS)
    yield "arn:aws:cloudwatch:us-east-1:123456789012:alarm:both"
    yield aws("events").put_rule(Name="r", ScheduleExpression="rate(1 day)", Tags=TAGS)["RuleArn"]
    yield aws("acm").import_certificate(Tags=TAGS, **a_certificate(aws))["CertificateArn"]
    yield aws("wafv2").create_web_acl(Name="a", Scope="REGIONAL", Tags=TAGS, **web_acl())["Summary"]["ARN"]
    route53 = aws("route53")
    zone = route53.create_hosted_zone(Name="pay.test", CallerReference="1")["HostedZone"]["Id"].rpartition("/")[2]
    route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone, AddTags=TAGS)
    yield f"arn:aws:route53:::hostedzone/{zone}"
    check = route53.create_health_check(
        CallerReference="1", HealthCheckConfig={"Type": "HTTPS", "FullyQualifiedDomainName": "pay.test"}
    )["HealthCheck"]["Id"]
    route53.change_tags_for_resource(ResourceType="healthcheck", ResourceId=check, AddTags=TAGS)
    yield f"arn:aws:route53:::healthcheck/{check}"
    config = aws("config")
    config.put_configuration_recorder(
        ConfigurationRecorder={
            "name": "default",
            "roleARN": role,
            "recordingGroup": {"allSupported": True, "includeGlobalResourceTypes": True},
        }
    )
    config.put_config_rule(
        ConfigRule={"ConfigRuleName": "rule", "Source": {"Owner": "AWS", "SourceIdentifier": "ENCRYPTED_VOLUMES"}},
        Tags=TAGS,
    )
    yield config.describe_config_rules()["ConfigRules"][0]["ConfigRuleArn"]
    backup = aws("backup")
    yield backup.create_backup_vault(BackupVaultName="v", BackupVaultTags=tag_map)["BackupVaultArn"]
    yield backup.create_backup_plan(
        BackupPlan={
            "BackupPlanName": "p",
            "Rules": [{"RuleName": "r", "TargetBackupVaultName": "v", "ScheduleExpression": "cron(0 5 * * ? *)"}],
        },
        BackupPlanTags=tag_map,
    )["BackupPlanArn"]


def test_rest(aws):
    expected = set(make_rest(aws))
    assert found(aws) == expected
    elsewhere = found(aws, "us-west-2")
    assert not elsewhere


def test_balancers(aws):
    elb = aws("elbv2")
    vpc, subnet, other = two_subnets(aws("ec2"))
    balancer = elb.create_load_balancer(Name="lb", Subnets=[subnet, other], Tags=TAGS)["LoadBalancers"][0][
        "LoadBalancerArn"
    ]
    group = elb.create_target_group(Name="tg", TargetType="lambda", Tags=TAGS)["TargetGroups"][0]["TargetGroupArn"]
    action = [{"Type": "forward", "TargetGroupArn": group}]
    listener = elb.create_listener(
        LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=action, Tags=TAGS
    )["Listeners"][0]["ListenerArn"]
    rule = elb.create_rule(
        ListenerArn=listener,
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/x"]}],
        Actions=action,
        Tags=TAGS,
    )["Rules"][0]["RuleArn"]
    expected = {balancer, group, listener, rule}
    assert found(aws) == expected
    assert found(aws, ResourceTypeFilters=["elasticloadbalancing:loadbalancer"]) == {balancer}
    assert found(aws, ResourceTypeFilters=["elasticloadbalancing:listener-rule"]) == {rule}
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    elb.delete_target_group(TargetGroupArn=group)
    assert not found(aws)


class Locks:
    """Stands for a sandbox, and knows which services are locked."""

    def __init__(self):
        self.locked = []

    @contextmanager
    def lock(self, service):
        self.locked.append(service)
        yield
        self.locked.remove(service)


def test_resources_are_collected_with_the_lock_of_their_service(monkeypatch):
    sandbox, locked = Locks(), {}

    def collector(service):
        def collect(_region):
            locked[service] = list(sandbox.locked)
            yield f"arn:aws:{service}:::{service}", {}

        return collect

    services = ("ssm", "elasticloadbalancing")
    monkeypatch.setattr(resources, "COLLECTORS", {service: collector(service) for service in services})
    assert len(list(resources._collected(sandbox, "us-east-1"))) == 2
    assert locked == {"ssm": ["ssm"], "elasticloadbalancing": ["elbv2"]}
