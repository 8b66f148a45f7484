"""Logs, alarms and dashboards (in CBOR, the protocol of current SDKs), event rules, Config."""

import json
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.parsers import RpcV2CBORParser
from botocore.serialize import RpcV2CBORSerializer
from botocore.session import Session
from support import TAGS, assert_contains, refused

ALARM = {
    "AlarmName": "errors",
    "AlarmDescription": "too many",
    "ActionsEnabled": True,
    "OKActions": ["arn:aws:sns:us-east-1:123456789012:t"],
    "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:t"],
    "InsufficientDataActions": [],
    "MetricName": "Errors",
    "Namespace": "AWS/Lambda",
    "Statistic": "Sum",
    "Dimensions": [{"Name": "FunctionName", "Value": "fn"}],
    "Period": 60,
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 2,
    "Threshold": 1.5,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "notBreaching",
}


class CborCloudWatch:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self.model = Session().get_service_model("cloudwatch")

    def call(self, operation, **params):
        model = self.model.operation_model(operation)
        written = RpcV2CBORSerializer().serialize_to_request(params, model)
        request = AWSRequest("POST", self.url + written["url_path"], headers=written["headers"], data=written["body"])
        SigV4Auth(Credentials("test", "test"), "monitoring", "us-east-1").add_auth(request)
        prepared = request.prepare()
        plain = urllib.request.Request(
            prepared.url, data=prepared.body or b"", headers=dict(prepared.headers), method="POST"
        )
        try:
            with urllib.request.urlopen(plain) as answer:
                return self._read(answer, answer.status, model)
        except urllib.error.HTTPError as error:
            return self._read(error, error.code, model)

    def _read(self, answer, status, model):
        headers = {k.lower(): v for k, v in answer.headers.items()}
        assert headers["smithy-protocol"] == "rpc-v2-cbor" and headers["content-type"] == "application/cbor"
        assert headers["x-amzn-requestid"]
        body = answer.read()
        return RpcV2CBORParser().parse({"body": body, "headers": headers, "status_code": status}, model.output_shape)


@pytest.fixture
def cbor(sandbox):
    return CborCloudWatch(sandbox.port)


def test_cbor_alarms(cbor):
    assert cbor.call("DescribeAlarms")["MetricAlarms"] == []
    cbor.call("PutMetricAlarm", Tags=TAGS, **ALARM)
    read = cbor.call("DescribeAlarms", AlarmNames=["errors"])["MetricAlarms"][0]
    assert_contains(read, ALARM)
    assert isinstance(read["AlarmConfigurationUpdatedTimestamp"], datetime)
    arn = read["AlarmArn"]
    assert cbor.call("ListTagsForResource", ResourceARN=arn)["Tags"] == TAGS
    cbor.call("TagResource", ResourceARN=arn, Tags=[{"Key": "More", "Value": "x"}])
    assert len(cbor.call("ListTagsForResource", ResourceARN=arn)["Tags"]) == 3
    cbor.call("SetAlarmState", AlarmName="errors", StateValue="ALARM", StateReason="test")
    assert cbor.call("DescribeAlarms", AlarmNames=["errors"])["MetricAlarms"][0]["StateValue"] == "ALARM"
    composite = {
        "AlarmName": "unhealthy",
        "AlarmRule": "ALARM(errors)",
        "AlarmDescription": "green",
        "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:t"],
        "ActionsEnabled": True,
    }
    cbor.call("PutCompositeAlarm", Tags=TAGS, **composite)
    read = cbor.call("DescribeAlarms", AlarmNames=["unhealthy"], AlarmTypes=["CompositeAlarm"])
    assert_contains(read["CompositeAlarms"], [composite])
    cbor.call("DeleteAlarms", AlarmNames=["errors", "unhealthy"])
    assert cbor.call("DescribeAlarms").get("MetricAlarms") == []


def test_metric_alarm_with_expression(aws):
    cloudwatch = aws("cloudwatch")
    stat = {
        "Metric": {"Namespace": "N", "MetricName": "M", "Dimensions": [{"Name": "a", "Value": "b"}]},
        "Period": 60,
        "Stat": "Sum",
    }
    metrics = [
        {"Id": "rate", "Expression": "100*errors/all", "Label": "rate", "ReturnData": True},
        {"Id": "errors", "MetricStat": stat, "ReturnData": False},
        {"Id": "all", "MetricStat": stat, "ReturnData": False},
    ]
    settings = {
        k: v for k, v in ALARM.items() if k not in ("MetricName", "Namespace", "Statistic", "Dimensions", "Period")
    }
    cloudwatch.put_metric_alarm(Metrics=metrics, **settings)
    read = cloudwatch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"][0]
    assert_contains(read, settings | {"Metrics": metrics})
    by_statistic = {k: v for k, v in ALARM.items() if k != "Statistic"}
    cloudwatch.put_metric_alarm(**{**by_statistic, "AlarmName": "p99", "ExtendedStatistic": "p99"})
    assert cloudwatch.describe_alarms(AlarmNames=["p99"])["MetricAlarms"][0]["ExtendedStatistic"] == "p99"


def test_cbor_dashboards_and_metrics(cbor):
    body = json.dumps(
        {"widgets": [{"type": "text", "x": 0, "y": 0, "width": 6, "height": 3, "properties": {"markdown": "#"}}]}
    )
    assert cbor.call("PutDashboard", DashboardName="d", DashboardBody=body)["DashboardValidationMessages"] == []
    assert json.loads(cbor.call("GetDashboard", DashboardName="d")["DashboardBody"]) == json.loads(body)
    assert [d["DashboardName"] for d in cbor.call("ListDashboards")["DashboardEntries"]] == ["d"]
    error = cbor.call("GetDashboard", DashboardName="none")
    assert error["Error"]["Code"] in ("ResourceNotFound", "DashboardNotFoundError")
    now = datetime.now(timezone.utc)
    cbor.call(
        "PutMetricData",
        Namespace="N",
        MetricData=[{"MetricName": "M", "Value": 2.5, "Timestamp": now - timedelta(minutes=2), "Unit": "Count"}],
    )
    query = {"Id": "m", "MetricStat": {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": 60, "Stat": "Sum"}}
    read = cbor.call("GetMetricData", MetricDataQueries=[query], StartTime=now - timedelta(minutes=10), EndTime=now)
    assert read["MetricDataResults"][0]["Values"] == [2.5]
    assert isinstance(read["MetricDataResults"][0]["Timestamps"][0], datetime)


def test_faults_in_cbor_and_others(sandbox, cbor, aws):
    sandbox.control(
        "POST",
        "faults",
        {"service": "cloudwatch", "operation": "DescribeAlarms", "code": "ThrottlingException", "message": "slow"},
    )
    assert cbor.call("DescribeAlarms")["Error"]["Code"] == "ThrottlingException"
    assert "Error" not in cbor.call("DescribeAlarms")
    faults = {
        ("ec2", "DescribeVpcs"): lambda: aws("ec2").describe_vpcs(),
        ("rds", "DescribeDBClusters"): lambda: aws("rds").describe_db_clusters(),
        ("lambda", "ListFunctions"): lambda: aws("lambda").list_functions(),
        ("s3", "ListBuckets"): lambda: aws("s3").list_buckets(),
        ("sqs", "ListQueues"): lambda: aws("sqs").list_queues(),
        ("route53", "ListHostedZones"): lambda: aws("route53").list_hosted_zones(),
        ("sns", "ListTopics"): lambda: aws("sns").list_topics(),
        ("kms", "ListKeys"): lambda: aws("kms").list_keys(),
    }
    for (service, operation), call in faults.items():
        sandbox.control(
            "POST",
            "faults",
            {"service": service, "operation": operation, "code": "Injected", "message": "m", "status": 503},
        )
        with refused("Injected"):
            call()
        call()
    sandbox.control(
        "POST",
        "faults",
        {"service": "ec2", "operation": "DescribeVpcs", "code": "Injected", "times": -1, "match": "vpc-7"},
    )
    aws("ec2").describe_vpcs()
    for _ in range(2):
        with refused("Injected"):
            aws("ec2").describe_vpcs(Filters=[{"Name": "vpc-id", "Values": ["vpc-7"]}])
    sandbox.control("DELETE", "faults")
    calls = sandbox.control("GET", "calls")
    assert {
        "service": "ec2",
        "operation": "DescribeVpcs",
        "region": "us-east-1",
        "status": 503,
        "code": "Injected",
    } in calls
    sandbox.control("DELETE", "calls")
    assert sandbox.control("GET", "status")["calls"] == 0


def test_log_groups(aws):
    logs = aws("logs")
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    logs.create_log_group(logGroupName="/l", kmsKeyId=key, tags={"Suffix": "t1"})
    with refused("ResourceAlreadyExistsException"):
        logs.create_log_group(logGroupName="/l")
    logs.put_retention_policy(logGroupName="/l", retentionInDays=365)
    group = logs.describe_log_groups(logGroupNamePrefix="/l")["logGroups"][0]
    assert_contains(group, {"retentionInDays": 365, "kmsKeyId": key})
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:/l"
    assert group["arn"] == f"{arn}:*"
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"Suffix": "t1"}
    logs.tag_resource(resourceArn=arn, tags={"More": "x"})
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"Suffix": "t1", "More": "x"}
    with refused("InvalidParameterException"):
        logs.put_retention_policy(logGroupName="/l", retentionInDays=11)
    transformation = [{"metricName": "M", "metricNamespace": "N", "metricValue": "1", "defaultValue": 0.0}]
    logs.put_metric_filter(
        logGroupName="/l", filterName="f", filterPattern='{ $.level = "error" }', metricTransformations=transformation
    )
    assert_contains(
        logs.describe_metric_filters(logGroupName="/l")["metricFilters"],
        [{"filterName": "f", "filterPattern": '{ $.level = "error" }', "metricTransformations": transformation}],
    )
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    logs.put_resource_policy(policyName="p", policyDocument=policy)
    assert_contains(
        logs.describe_resource_policies()["resourcePolicies"], [{"policyName": "p", "policyDocument": policy}]
    )
    logs.disassociate_kms_key(logGroupName="/l")
    assert "kmsKeyId" not in logs.describe_log_groups(logGroupNamePrefix="/l")["logGroups"][0]


def test_event_rule(aws):
    events = aws("events")
    pattern = {
        "source": ["aws.cloudwatch"],
        "detail-type": ["CloudWatch Alarm State Change"],
        "detail": {"state": {"value": ["ALARM"]}},
    }
    arn = events.put_rule(Name="r", EventPattern=json.dumps(pattern), Description="d", State="ENABLED", Tags=TAGS)[
        "RuleArn"
    ]
    target = {
        "Id": "1",
        "Arn": "arn:aws:lambda:us-east-1:123456789012:function:fn",
        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 300},
        "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:123456789012:dead"},
    }
    events.put_targets(Rule="r", Targets=[target])
    read = events.describe_rule(Name="r")
    assert json.loads(read["EventPattern"]) == pattern
    assert_contains(read, {"Description": "d", "State": "ENABLED", "Arn": arn})
    assert_contains(events.list_targets_by_rule(Rule="r")["Targets"], [target])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == TAGS
    with refused("ValidationException"):
        events.delete_rule(Name="r")
    events.remove_targets(Rule="r", Ids=["1"])
    events.delete_rule(Name="r")
    with refused("ResourceNotFoundException"):
        events.describe_rule(Name="r")


def test_config(aws):
    config = aws("config")
    role = "arn:aws:iam::123456789012:role/config"
    group = {"allSupported": True, "includeGlobalResourceTypes": True}
    config.put_configuration_recorder(
        ConfigurationRecorder={"name": "default", "roleARN": role, "recordingGroup": group}
    )
    assert_contains(
        config.describe_configuration_recorders()["ConfigurationRecorders"],
        [{"name": "default", "roleARN": role, "recordingGroup": group}],
    )
    aws("s3").create_bucket(Bucket="config-bucket")
    channel = {
        "name": "default",
        "s3BucketName": "config-bucket",
        "configSnapshotDeliveryProperties": {"deliveryFrequency": "TwentyFour_Hours"},
    }
    config.put_delivery_channel(DeliveryChannel=channel)
    assert_contains(config.describe_delivery_channels()["DeliveryChannels"], [channel])
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    assert config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"][0]["recording"] is True
    rule = {
        "ConfigRuleName": "encrypted",
        "Description": "d",
        "Source": {"Owner": "AWS", "SourceIdentifier": "RDS_STORAGE_ENCRYPTED"},
        "Scope": {"ComplianceResourceTypes": ["AWS::RDS::DBInstance"]},
    }
    config.put_config_rule(ConfigRule=rule, Tags=TAGS)
    read = config.describe_config_rules(ConfigRuleNames=["encrypted"])["ConfigRules"]
    assert_contains(read, [{**rule, "ConfigRuleState": "ACTIVE"}])
    assert_contains(config.list_tags_for_resource(ResourceArn=read[0]["ConfigRuleArn"])["Tags"], TAGS)
    with refused("NoSuchConfigRuleException"):
        config.describe_config_rules(ConfigRuleNames=["none"])
    assert_contains(
        config.describe_compliance_by_config_rule(ConfigRuleNames=["encrypted"])["ComplianceByConfigRules"],
        [{"ConfigRuleName": "encrypted"}],
    )
    with refused("LastDeliveryChannelDeleteFailedException"):
        config.delete_delivery_channel(DeliveryChannelName="default")
    config.stop_configuration_recorder(ConfigurationRecorderName="default")
    config.delete_delivery_channel(DeliveryChannelName="default")
    config.delete_config_rule(ConfigRuleName="encrypted")
    config.delete_configuration_recorder(ConfigurationRecorderName="default")
