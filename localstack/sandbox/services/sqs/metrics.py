"""The metrics that SQS publishes, only for queues that an alarm watches."""

from __future__ import annotations

import time

from moto.cloudwatch.models import cloudwatch_backends
from moto.sqs.models import sqs_backends

from ...background import repeat
from ..cloudwatch.alarm_descriptions import queries
from ..cloudwatch.minute_metrics import publish

INTERVAL = 2.0  # seconds
NAMESPACE = "AWS/SQS"


def install(sandbox) -> None:
    repeat("queue metrics", INTERVAL, lambda: _publish_watched(sandbox.account))


def _publish_watched(account: str) -> None:
    for region, backend in list(cloudwatch_backends[account].items()):
        for name in _watched(backend):
            queue = sqs_backends[account][region].queues.get(name)
            if queue is None:
                continue
            for metric, value in _gauges(queue).items():
                publish(account, region, NAMESPACE, metric, {"QueueName": name}, value)


def _watched(backend) -> set[str]:
    return {
        dimension["Value"]
        for alarm in list(backend.alarms.values())
        for query in queries(alarm)
        if (metric := (query.get("MetricStat") or {}).get("Metric")) and metric["Namespace"] == NAMESPACE
        for dimension in metric["Dimensions"]
        if dimension["Name"] == "QueueName"
    }


def _gauges(queue) -> dict[str, float]:
    messages = list(queue._messages)
    sent = [message.sent_timestamp for message in messages if message.sent_timestamp]
    oldest = max(0.0, time.time() - min(sent) / 1000) if sent else 0.0
    return {
        "ApproximateNumberOfMessagesVisible": float(queue.approximate_number_of_messages),
        "ApproximateNumberOfMessagesNotVisible": float(queue.approximate_number_of_messages_not_visible),
        "ApproximateNumberOfMessagesDelayed": float(queue.approximate_number_of_messages_delayed),
        "ApproximateAgeOfOldestMessage": oldest,
    }
