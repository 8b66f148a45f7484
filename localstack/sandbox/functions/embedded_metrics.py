"""Publishes metrics from log lines in CloudWatch's embedded metric format, as CloudWatch Logs does.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json

from ..services.cloudwatch.minute_metrics import publish


def extract(account: str, region: str, lines: list[str]) -> None:
    for line in lines:
        if '"CloudWatchMetrics"' not in line:
            continue
        try:
            # In Lambda's text format the JSON follows the time, request id and level.
            document = json.loads(line[line.index("{") :])
            # In the JSON format it is the message.
            inner = document if "_aws" in document else document["message"]
            document = json.loads(inner) if isinstance(inner, str) else inner
            for directive in document["_aws"]["CloudWatchMetrics"]:
                _publish(account, region, directive, document)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # an ordinary log line


def _publish(account: str, region: str, directive: dict, document: dict) -> None:
    for names in directive.get("Dimensions") or [[]]:
        dimensions = {name: str(document[name]) for name in names}
        for metric in directive["Metrics"]:
            values = document[metric["Name"]]
            for value in values if isinstance(values, list) else [values]:
                unit = metric.get("Unit", "None")
                publish(account, region, directive["Namespace"], metric["Name"], dimensions, float(value), unit)
