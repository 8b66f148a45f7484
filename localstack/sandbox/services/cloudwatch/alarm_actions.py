"""The effects of an alarm's state change: its actions, and the event on the default bus."""

from __future__ import annotations

import json
import logging
import uuid
from datetime import datetime

from moto.core.exceptions import ServiceException

from ...functions import destinations
from ...functions.policies import may_invoke
from ..events import deliveries
from .alarm_descriptions import CompositeAlarm, queries

log = logging.getLogger(__name__)

INVOKER = "lambda.alarms.cloudwatch.amazonaws.com"


def put_event(account: str, alarm, previous: dict) -> None:
    """Puts the state change event on the default bus. `previous` is the earlier state."""
    detail = {
        "alarmName": alarm.name,
        "state": state_of(alarm),
        "previousState": previous,
        "configuration": _configuration(alarm),
    }
    deliveries.emit(
        account, alarm.region_name, "aws.cloudwatch", "CloudWatch Alarm State Change", [alarm.alarm_arn], detail
    )


def state_of(alarm) -> dict:
    state = {
        "value": alarm.state_value,
        "reason": alarm.state_reason,
        "reasonData": alarm.state_reason_data,
        "timestamp": _time(alarm.state_updated_timestamp),
    }
    if getattr(alarm, "suppressed_by", None):
        state["actionsSuppressedBy"] = alarm.suppressed_by
    return {key: value for key, value in state.items() if value not in (None, "{}")}


def run_action(sandbox, account: str, alarm, arn: str, previous: dict) -> bool:
    """Runs one action. Returns whether it succeeded."""
    try:
        if ":lambda:" in arn:
            return _invoke(sandbox, account, alarm, arn, previous)
        destinations.send(arn, json.dumps(_notification(account, alarm, previous)), subject=_subject(alarm))
    except (ServiceException, destinations.NoDestination) as error:
        log.warning("alarm %s, action %s: %s", alarm.name, arn, error)
        return False
    return True


def _invoke(sandbox, account: str, alarm, arn: str, previous: dict) -> bool:
    function = sandbox.invoker.find(arn)
    if not may_invoke(function, INVOKER, alarm.alarm_arn):
        log.warning("alarm %s can't invoke %s: the function's policy doesn't allow it", alarm.name, arn)
        return False
    event = {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.alarm_arn,
        "accountId": account,
        "time": _time(alarm.state_updated_timestamp),
        "region": alarm.region_name,
        "alarmData": {
            "alarmName": alarm.name,
            "state": state_of(alarm),
            "previousState": previous,
            "configuration": _configuration(alarm),
        },
    }
    sandbox.invoker.invoke_later(function, json.dumps(event), arn)
    return True


def _subject(alarm) -> str:
    return f'{alarm.state_value}: "{alarm.name}" in {alarm.region_name}'[:100]


def _notification(account: str, alarm, previous: dict) -> dict:
    message = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": _time(alarm.configuration_updated_timestamp),
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": _time(alarm.state_updated_timestamp),
        "Region": alarm.region_name,
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": previous.get("value"),
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
    }
    if isinstance(alarm, CompositeAlarm):
        return message | {"AlarmRule": alarm.rule}
    return message | {"Trigger": _trigger(alarm)}


def _trigger(alarm) -> dict:
    trigger = {
        "Period": alarm.period,
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm,
        "ComparisonOperator": alarm.comparison_operator,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.treat_missing_data,
    }
    if alarm.metric_data_queries:
        return trigger | {"Metrics": queries(alarm)}
    return trigger | {
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        "StatisticType": "ExtendedStatistic" if alarm.extended_statistic else "Statistic",
        "Statistic": (alarm.extended_statistic or alarm.statistic or "").upper(),
        "Unit": alarm.unit,
        "Dimensions": [{"name": dimension.name, "value": dimension.value} for dimension in alarm.dimensions],
    }


def _configuration(alarm) -> dict:
    description = {"description": alarm.description} if alarm.description else {}
    if isinstance(alarm, CompositeAlarm):
        suppression = {"actionsSuppressor": alarm.suppressor} if alarm.suppressor else {}
        return description | {"alarmRule": alarm.rule} | suppression
    return description | {"metrics": [_event_query(alarm, query) for query in queries(alarm)]}


def _event_query(alarm, query: dict) -> dict:
    # An alarm on a single metric has no query id; AWS generates one.
    shown = {
        "id": query["Id"] if alarm.metric_data_queries else str(uuid.uuid4()),
        "returnData": query.get("ReturnData", True),
    }
    if stat := query.get("MetricStat"):
        metric = stat["Metric"]
        shown["metricStat"] = {
            "metric": {
                "namespace": metric["Namespace"],
                "name": metric["MetricName"],
                "dimensions": {d["Name"]: d["Value"] for d in metric["Dimensions"]},
            },
            "period": stat["Period"],
            "stat": stat["Stat"],
        }
    if query.get("Expression"):
        shown["expression"] = query["Expression"]
    if query.get("Label"):
        shown["label"] = query["Label"]
    return shown


def _time(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}+0000"
