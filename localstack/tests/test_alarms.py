"""Alarms change state by metrics, and run their actions."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone

import pytest
from live import ACCOUNT, REGION, alarm_state, call_in_cbor, eventually, forward, read_metric


class TestAlarms:
    def put(self, cloud, name: str, metric: str, **settings) -> None:
        defaults = {
            "Namespace": "Test",
            "MetricName": metric,
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 5,
            "ComparisonOperator": "GreaterThanThreshold",
        }
        cloud.client("cloudwatch").put_metric_alarm(AlarmName=name, **{**defaults, **settings})

    def datum(self, cloud, metric: str, value: float, minutes_ago: int = 0, **extra) -> None:
        when = datetime.now(timezone.utc) - timedelta(minutes=minutes_ago)
        data = [{"MetricName": metric, "Value": value, "Timestamp": when, **extra}]
        cloud.client("cloudwatch").put_metric_data(Namespace="Test", MetricData=data)

    def test_front_door_errors_trigger_the_failback(self, cloud):
        """From a failing target to an event in a function, as for the failback of a migration."""
        cloudwatch, events, elb = cloud.client("cloudwatch"), cloud.client("events"), cloud.client("elbv2")
        failing = cloud.function("export const handler = async () => ({ statusCode: 500, body: 'broken' });")
        cloud.permit(failing, "elasticloadbalancing.amazonaws.com")
        arn, host = cloud.balancer()
        group = cloud.group(failing)
        elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=forward((group, 1)))
        dimensions = [
            {"Name": "LoadBalancer", "Value": arn.split("loadbalancer/")[1]},
            {"Name": "TargetGroup", "Value": group.split(":")[-1]},
        ]
        self.put(
            cloud,
            "errors",
            "HTTPCode_Target_5XX_Count",
            Namespace="AWS/ApplicationELB",
            Dimensions=dimensions,
            TreatMissingData="notBreaching",
        )
        cloudwatch.put_composite_alarm(AlarmName="green-unhealthy", AlarmRule='ALARM("errors") OR FALSE')
        eventually(lambda: alarm_state(cloud, "errors") == "OK")
        name, failback = cloud.recorder("events.amazonaws.com")
        pattern = {
            "source": ["aws.cloudwatch"],
            "detail-type": ["CloudWatch Alarm State Change"],
            "resources": [{"suffix": ":alarm:green-unhealthy"}],
            "detail": {"state": {"value": ["ALARM"]}},
        }
        events.put_rule(Name="failback", EventPattern=json.dumps(pattern))
        events.put_targets(Rule="failback", Targets=[{"Id": "f", "Arn": failback}])
        for _ in range(10):
            assert cloud.request(host, X_Sandbox_Listener="80").status == 500
        event = eventually(lambda: cloud.events(name))[0]
        assert event["detail"]["alarmName"] == "green-unhealthy"
        assert event["detail"]["previousState"]["value"] == "OK"
        assert event["detail"]["configuration"]["alarmRule"] == 'ALARM("errors") OR FALSE'
        assert alarm_state(cloud, "errors") == alarm_state(cloud, "green-unhealthy") == "ALARM"
        assert (
            read_metric(
                cloud, "AWS/ApplicationELB", "RequestCount", {dimensions[0]["Name"]: dimensions[0]["Value"]}, "Sum"
            )
            == 10
        )
        items = cloudwatch.describe_alarm_history(AlarmName="green-unhealthy", HistoryItemType="StateUpdate")[
            "AlarmHistoryItems"
        ]
        assert items[0]["HistorySummary"] == "Alarm updated from OK to ALARM"

    def test_composite_alarms_read_back_and_are_suppressed(self, cloud):
        cloudwatch, sqs, sns = cloud.client("cloudwatch"), cloud.client("sqs"), cloud.client("sns")
        topic = sns.create_topic(Name="alerts")["TopicArn"]
        queue = sqs.create_queue(QueueName="alerts")["QueueUrl"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:alerts")
        for name in ("a", "b", "maintenance"):
            self.put(cloud, name, f"metric-{name}", AlarmActions=[topic] if name == "a" else [])
        with pytest.raises(cloudwatch.exceptions.ClientError, match="do not exist"):
            cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(nobody)")
        cloudwatch.put_composite_alarm(
            AlarmName="c",
            AlarmRule='ALARM("a") AND NOT ALARM(b)',
            AlarmActions=[topic],
            ActionsSuppressor="maintenance",
            ActionsSuppressorWaitPeriod=10,
            ActionsSuppressorExtensionPeriod=20,
            Tags=[{"Key": "k", "Value": "v"}],
        )
        assert cloudwatch.describe_alarms(AlarmNames=["c"])["CompositeAlarms"] == []
        found = cloudwatch.describe_alarms(AlarmNames=["c"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]
        assert (
            found["ActionsSuppressor"],
            found["ActionsSuppressorWaitPeriod"],
            found["ActionsSuppressorExtensionPeriod"],
        ) == ("maintenance", 10, 20)
        assert cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"] == [{"Key": "k", "Value": "v"}]
        cloudwatch.tag_resource(ResourceARN=found["AlarmArn"], Tags=[{"Key": "l", "Value": "w"}])
        cloudwatch.set_alarm_state(AlarmName="maintenance", StateValue="ALARM", StateReason="now")
        cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="by hand")
        assert alarm_state(cloud, "c") == "ALARM"
        # The one message is that of a; that of c was suppressed.
        body = json.loads(
            eventually(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"))[0]["Body"]
        )
        assert json.loads(body["Message"])["AlarmName"] == "a" and body["Subject"].startswith('ALARM: "a"')
        assert sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages") is None
        cloudwatch.set_alarm_state(AlarmName="b", StateValue="ALARM", StateReason="by hand")
        assert alarm_state(cloud, "c") == "OK"
        cloudwatch.delete_alarms(AlarmNames=["c"])
        assert cloudwatch.describe_alarms(AlarmNames=["c"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"] == []

    def test_queue_metrics_of_a_watched_queue_trigger_an_alarm(self, cloud):
        queue = cloud.client("sqs").create_queue(QueueName="watched")["QueueUrl"]
        self.put(
            cloud,
            "dead-letters",
            "ApproximateNumberOfMessagesVisible",
            Namespace="AWS/SQS",
            Dimensions=[{"Name": "QueueName", "Value": "watched"}],
            Statistic="Maximum",
            Threshold=0,
        )
        eventually(lambda: alarm_state(cloud, "dead-letters") == "OK")
        cloud.client("sqs").send_message(QueueUrl=queue, MessageBody="x")
        eventually(lambda: alarm_state(cloud, "dead-letters") == "ALARM")

    def test_composite_alarms_in_cbor(self, cloud):
        """The Rust SDK calls CloudWatch in CBOR."""
        self.put(cloud, "leaf", "cbor-metric")
        call_in_cbor(cloud, "PutCompositeAlarm", {"AlarmName": "tree", "AlarmRule": "NOT ALARM(leaf)"})
        params = {"AlarmNames": ["tree"], "AlarmTypes": ["CompositeAlarm"]}
        found = call_in_cbor(cloud, "DescribeAlarms", params)["CompositeAlarms"][0]
        assert (found["StateValue"], found["AlarmRule"]) == ("ALARM", "NOT ALARM(leaf)")
        self.datum(cloud, "cbor-metric", 4)
        now = datetime.now(timezone.utc)
        stat = {"Metric": {"Namespace": "Test", "MetricName": "cbor-metric"}, "Period": 60, "Stat": "Sum"}
        queries = [{"Id": "m", "MetricStat": stat, "ReturnData": False}, {"Id": "x", "Expression": "m * 2"}]
        span = {"StartTime": now - timedelta(minutes=5), "EndTime": now + timedelta(minutes=1)}
        results = call_in_cbor(cloud, "GetMetricData", {"MetricDataQueries": queries, **span})["MetricDataResults"]
        assert [(result["Id"], result["Values"]) for result in results] == [("x", [8.0])]
        call_in_cbor(cloud, "SetAlarmState", {"AlarmName": "leaf", "StateValue": "ALARM", "StateReason": "test"})
        assert alarm_state(cloud, "tree") == "OK"

    def test_set_alarm_state_lasts_until_new_data(self, cloud):
        cloudwatch = cloud.client("cloudwatch")
        self.put(cloud, "set", "set-metric", TreatMissingData="notBreaching")
        eventually(lambda: alarm_state(cloud, "set") == "OK")
        cloudwatch.set_alarm_state(AlarmName="set", StateValue="ALARM", StateReason="drill")
        time.sleep(2.5)
        assert alarm_state(cloud, "set") == "ALARM"
        self.datum(cloud, "set-metric", 1)
        eventually(lambda: alarm_state(cloud, "set") == "OK")

    def test_missing_data_and_datapoints_to_alarm(self, cloud):
        self.put(cloud, "unknown", "never", Statistic="Average")
        self.put(cloud, "breach", "never", TreatMissingData="breaching")
        self.put(cloud, "two-of-three", "counts", EvaluationPeriods=3, DatapointsToAlarm=2)
        for minutes_ago, value in ((3, 9), (2, 1), (1, 9)):
            self.datum(cloud, "counts", value, minutes_ago)
        eventually(lambda: alarm_state(cloud, "breach") == "ALARM")
        eventually(lambda: alarm_state(cloud, "two-of-three") == "ALARM")
        assert alarm_state(cloud, "unknown") == "INSUFFICIENT_DATA"

    def test_metric_math_and_percentiles(self, cloud):
        cloudwatch = cloud.client("cloudwatch")
        for value in range(1, 101):
            self.datum(cloud, "latency", float(value))
        self.datum(cloud, "errors", 3)
        self.datum(cloud, "requests", 50)

        def stat(id_: str, metric: str, shown: bool = False) -> dict:
            stat = {"Metric": {"Namespace": "Test", "MetricName": metric}, "Period": 60, "Stat": "Sum"}
            return {"Id": id_, "MetricStat": stat, "ReturnData": shown}

        rate = {"Id": "rate", "Expression": "IF(r > 10, 100 * e / r, 0)", "ReturnData": True}
        queries = [rate, stat("e", "errors"), stat("r", "requests")]
        now = datetime.now(timezone.utc)
        span = {"StartTime": now - timedelta(minutes=5), "EndTime": now + timedelta(minutes=1)}
        results = cloudwatch.get_metric_data(MetricDataQueries=queries, **span)["MetricDataResults"]
        assert [(result["Id"], result["Values"]) for result in results] == [("rate", [6.0])]
        cloudwatch.put_metric_alarm(
            AlarmName="rate",
            Metrics=queries,
            EvaluationPeriods=1,
            Threshold=5,
            ComparisonOperator="GreaterThanThreshold",
        )
        cloudwatch.put_metric_alarm(
            AlarmName="p99",
            Namespace="Test",
            MetricName="latency",
            ExtendedStatistic="p99",
            Period=60,
            EvaluationPeriods=1,
            Threshold=98,
            ComparisonOperator="GreaterThanThreshold",
        )
        eventually(lambda: alarm_state(cloud, "rate") == "ALARM")
        eventually(lambda: alarm_state(cloud, "p99") == "ALARM")
        shown = cloudwatch.describe_alarms(AlarmNames=["rate"])["MetricAlarms"][0]
        assert [query["Id"] for query in shown["Metrics"]] == ["rate", "e", "r"]
