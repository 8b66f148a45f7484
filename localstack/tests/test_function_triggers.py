"""Invocations of functions by queues, topics and rules."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter

import pytest
from live import ACCOUNT, REGION, eventually


class TestSources:
    def test_failed_messages_are_retried_then_dead_lettered(self, cloud):
        sqs, lambda_ = cloud.client("sqs"), cloud.client("lambda")
        dead = sqs.create_queue(QueueName="esm-dead")["QueueUrl"]
        redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:esm-dead", "maxReceiveCount": 3}
        queue = sqs.create_queue(QueueName="esm", Attributes={"RedrivePolicy": json.dumps(redrive)})["QueueUrl"]
        name = cloud.function(
            """export const handler = async (event) => {
                console.log('GOT ' + JSON.stringify(event));
                const bad = event.Records.filter((record) => record.body === 'bad');
                return { batchItemFailures: bad.map((record) => ({ itemIdentifier: record.messageId })) };
            };"""
        )
        lambda_.create_event_source_mapping(
            FunctionName=name,
            EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:esm",
            BatchSize=10,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
        attributes = {"kind": {"DataType": "String", "StringValue": "card"}}
        sqs.send_message(QueueUrl=queue, MessageBody="good", MessageAttributes=attributes)
        bad = sqs.send_message(QueueUrl=queue, MessageBody="bad")["MessageId"]
        found = eventually(lambda: sqs.receive_message(QueueUrl=dead).get("Messages"))
        assert [message["MessageId"] for message in found] == [bad]
        records = [record for event in cloud.events(name) for record in event["Records"]]
        assert Counter(record["body"] for record in records) == {"good": 1, "bad": 3}
        counts = [r["attributes"]["ApproximateReceiveCount"] for r in records if r["body"] == "bad"]
        assert counts == ["1", "2", "3"]
        good = next(record for record in records if record["body"] == "good")
        assert good["messageAttributes"]["kind"]["stringValue"] == "card"
        assert good["eventSourceARN"].endswith(":esm") and good["awsRegion"] == REGION
        counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        assert counts["ApproximateNumberOfMessages"] == counts["ApproximateNumberOfMessagesNotVisible"] == "0"

    @pytest.mark.parametrize(
        "result", ["{ batchItemFailures: [{ wrong: 1 }] }", "'text'", "{ batchItemFailures: [{ itemIdentifier: '' }] }"]
    )
    def test_malformed_batch_response_fails_the_whole_batch(self, cloud, result):
        sqs = cloud.client("sqs")
        suffix = uuid.uuid4().hex[:6]
        dead = sqs.create_queue(QueueName=f"dead-{suffix}")["QueueUrl"]
        redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead-{suffix}", "maxReceiveCount": 1}
        queue = sqs.create_queue(QueueName=f"q-{suffix}", Attributes={"RedrivePolicy": json.dumps(redrive)})["QueueUrl"]
        name, _ = cloud.recorder(answer=result)
        cloud.client("lambda").create_event_source_mapping(
            FunctionName=name,
            EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:q-{suffix}",
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
        sqs.send_message(QueueUrl=queue, MessageBody="x")
        assert eventually(lambda: sqs.receive_message(QueueUrl=dead).get("Messages"))

    def test_event_rules_deliver_to_functions_queues_and_topics(self, cloud):
        events, sqs = cloud.client("events"), cloud.client("sqs")
        name, arn = cloud.recorder("events.amazonaws.com")
        queue = sqs.create_queue(QueueName="rule-queue")["QueueUrl"]
        events.put_rule(
            Name="orders", EventPattern=json.dumps({"source": ["shop"], "detail": {"total": [{"numeric": [">", 5]}]}})
        )
        transformer = {
            "InputPathsMap": {"id": "$.detail.id", "n": "$.detail.total"},
            "InputTemplate": '{"order": <id>, "text": "no. <id>: <n>"}',
        }
        events.put_targets(
            Rule="orders",
            Targets=[
                {"Id": "f", "Arn": arn},
                {"Id": "q", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:rule-queue", "InputTransformer": transformer},
            ],
        )
        entry = {"Source": "shop", "DetailType": "Order", "Detail": json.dumps({"id": "o1", "total": 9})}
        other = {**entry, "Detail": json.dumps({"id": "o2", "total": 1})}
        assert events.put_events(Entries=[entry, other])["FailedEntryCount"] == 0
        got = eventually(lambda: cloud.events(name))
        assert [event["detail"]["id"] for event in got] == ["o1"]
        assert got[0]["detail-type"] == "Order" and got[0]["time"].endswith("Z")
        message = eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))[0]
        assert json.loads(message["Body"]) == {"order": "o1", "text": "no. o1: 9"}

    def test_disabled_rule_or_missing_permission_delivers_nothing(self, cloud):
        events = cloud.client("events")
        forbidden, forbidden_arn = cloud.recorder()
        allowed, allowed_arn = cloud.recorder("events.amazonaws.com")
        events.put_rule(Name="forbidden", EventPattern=json.dumps({"source": ["quiet"]}))
        events.put_targets(Rule="forbidden", Targets=[{"Id": "f", "Arn": forbidden_arn}])
        events.put_rule(Name="disabled", EventPattern=json.dumps({"source": ["quiet"]}), State="DISABLED")
        events.put_targets(Rule="disabled", Targets=[{"Id": "f", "Arn": allowed_arn}])
        events.put_events(Entries=[{"Source": "quiet", "DetailType": "x", "Detail": "{}"}])
        time.sleep(1)
        assert cloud.events(forbidden) == cloud.events(allowed) == []

    def test_topics_deliver_to_functions_and_queues(self, cloud):
        sns, sqs = cloud.client("sns"), cloud.client("sqs")
        topic = sns.create_topic(Name="news")["TopicArn"]
        name, arn = cloud.recorder("sns.amazonaws.com")
        queue = sqs.create_queue(QueueName="news-queue")["QueueUrl"]
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
        sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:news-queue",
            Attributes={"RawMessageDelivery": "false"},
        )
        sent = sns.publish(TopicArn=topic, Subject="S", Message="M")["MessageId"]
        record = eventually(lambda: cloud.events(name))[0]["Records"][0]
        assert record["EventSource"] == "aws:sns"
        assert (record["Sns"]["Message"], record["Sns"]["Subject"], record["Sns"]["MessageId"]) == ("M", "S", sent)
        body = json.loads(eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))[0]["Body"])
        assert (body["Message"], body["TopicArn"]) == ("M", topic)
