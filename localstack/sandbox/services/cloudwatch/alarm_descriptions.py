"""Descriptions of alarms, and composite alarms, which moto lacks."""

from __future__ import annotations

from datetime import datetime, timezone

from moto.cloudwatch.models import Alarm

from .composite_rules import parse


class CompositeAlarm(Alarm):
    """Stored among moto's alarms, so that moto lists, tags and deletes it like any other."""

    def __init__(self, account: str, region: str, params: dict):
        super().__init__(
            account_id=account,
            region_name=region,
            name=params["AlarmName"],
            namespace="",
            metric_name="",
            metric_data_queries=None,
            comparison_operator="",
            evaluation_periods=0,
            datapoints_to_alarm=None,
            period=0,
            threshold=0,
            statistic="",
            extended_statistic=None,
            description=params.get("AlarmDescription"),
            dimensions=[],
            alarm_actions=params.get("AlarmActions") or [],
            ok_actions=params.get("OKActions"),
            insufficient_data_actions=params.get("InsufficientDataActions"),
            unit=None,
            actions_enabled=params.get("ActionsEnabled", True),
            treat_missing_data=None,
            evaluate_low_sample_count_percentile=None,
            threshold_metric_id=None,
            rule=params["AlarmRule"],
        )
        self.parsed = parse(self.rule)
        self.suppressor = params.get("ActionsSuppressor")
        self.suppressor_wait = params.get("ActionsSuppressorWaitPeriod")
        self.suppressor_extension = params.get("ActionsSuppressorExtensionPeriod")
        self.suppressed_by: str | None = None


def now() -> datetime:
    """The time as moto stores it: UTC, without a zone."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def paginate(found: list, params: dict, default_size: int) -> tuple[list, dict]:
    """One page of `found`, and the NextToken of the result, if there is a next page."""
    first, size = int(params.get("NextToken") or 0), int(params.get("MaxRecords") or default_size)
    end = first + size
    return found[first:end], ({"NextToken": str(end)} if end < len(found) else {})


def describe(alarm: Alarm) -> dict:
    shown = _common(alarm)
    shown |= _composite(alarm) if isinstance(alarm, CompositeAlarm) else _metric(alarm)
    return {key: value for key, value in shown.items() if value is not None}


def queries(alarm: Alarm) -> list[dict]:
    """A metric alarm's data queries in the shape of the API; an alarm on a single metric has one."""
    if alarm.metric_data_queries:
        return [_query(query) for query in alarm.metric_data_queries]
    stat = {
        "Metric": {
            "Namespace": alarm.namespace,
            "MetricName": alarm.metric_name,
            "Dimensions": _dimensions(alarm.dimensions),
        },
        "Period": int(alarm.period),
        "Stat": alarm.extended_statistic or alarm.statistic,
    }
    return [{"Id": "m1", "MetricStat": stat | ({"Unit": alarm.unit} if alarm.unit else {}), "ReturnData": True}]


def _common(alarm: Alarm) -> dict:
    return {
        "AlarmName": alarm.name,
        "AlarmArn": alarm.alarm_arn,
        "AlarmDescription": alarm.description,
        "AlarmConfigurationUpdatedTimestamp": alarm.configuration_updated_timestamp,
        "ActionsEnabled": alarm.actions_enabled,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "StateValue": alarm.state_value,
        "StateReason": alarm.state_reason,
        "StateReasonData": alarm.state_reason_data if alarm.state_reason_data != "{}" else None,
        "StateUpdatedTimestamp": alarm.state_updated_timestamp,
        "StateTransitionedTimestamp": alarm.state_updated_timestamp,
    }


def _composite(alarm: CompositeAlarm) -> dict:
    return {
        "AlarmRule": alarm.rule,
        "ActionsSuppressor": alarm.suppressor,
        "ActionsSuppressorWaitPeriod": alarm.suppressor_wait,
        "ActionsSuppressorExtensionPeriod": alarm.suppressor_extension,
        "ActionsSuppressedBy": alarm.suppressed_by,
        "ActionsSuppressedReason": f"{alarm.suppressor} is in ALARM" if alarm.suppressed_by else None,
    }


def _metric(alarm: Alarm) -> dict:
    shown = {
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm,
        "Threshold": alarm.threshold,
        "ComparisonOperator": alarm.comparison_operator,
        "TreatMissingData": alarm.treat_missing_data,
        "EvaluateLowSampleCountPercentile": alarm.evaluate_low_sample_count_percentile,
        "ThresholdMetricId": alarm.threshold_metric_id,
    }
    if alarm.metric_data_queries:
        return shown | {"Metrics": queries(alarm)}
    return shown | {
        "Namespace": alarm.namespace,
        "MetricName": alarm.metric_name,
        "Dimensions": _dimensions(alarm.dimensions),
        "Period": alarm.period,
        "Statistic": alarm.statistic,
        "ExtendedStatistic": alarm.extended_statistic,
        "Unit": alarm.unit,
    }


def _query(query) -> dict:
    shown = {"Id": query.id, "Label": query.label, "Expression": query.expression, "Period": query.period}
    shown["ReturnData"] = query.return_data not in (False, "false")
    if stat := query.metric_stat:
        shown["MetricStat"] = {
            "Metric": {
                "Namespace": stat.metric.namespace,
                "MetricName": stat.metric.metric_name,
                "Dimensions": _dimensions(stat.metric.dimensions),
            },
            "Period": int(stat.period),
            "Stat": stat.stat,
        } | ({"Unit": stat.unit} if stat.unit else {})
    return {key: value for key, value in shown.items() if value is not None}


def _dimensions(dimensions) -> list[dict]:
    return [{"Name": dimension.name, "Value": dimension.value} for dimension in dimensions]
