"""The evaluation of metric alarms by CloudWatch's rules.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

from __future__ import annotations

import json
import operator
import time
from dataclasses import dataclass
from datetime import datetime, timezone

from moto.cloudwatch.models import Alarm

from .alarm_descriptions import queries
from .metric_math import BadExpression
from .metric_queries import run

COMPARISONS = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
# AWS evaluates more periods than the alarm's, for late data.
LATE_PERIODS = 1


@dataclass
class Verdict:
    state: str
    reason: str
    reason_data: str


def evaluate(account: str, alarm: Alarm) -> Verdict | None:
    """The state by the data, or None if the alarm keeps its state."""
    if alarm.comparison_operator not in COMPARISONS or alarm.threshold is None:
        return None  # anomaly detection
    data_queries = queries(alarm)
    period = _period(alarm, data_queries)
    periods = int(alarm.evaluation_periods)
    now = int(time.time())
    current = now - now % period
    oldest = current - (periods + LATE_PERIODS) * period
    try:
        series = _watched(data_queries, run(account, alarm.region_name, data_queries, oldest, now + 1))
    except BadExpression:
        return None
    if _grows(alarm):
        # The count of the current period still grows, so it can't be too low yet.
        series.pop(current, None)
    if _too_few_samples(account, alarm, data_queries, oldest, now + 1):
        return None
    recent = sorted(series.items(), reverse=True)[:periods]
    state = _decide(alarm, [value for _, value in recent], periods)
    return (
        None if state is None else Verdict(state, _reason(alarm, recent, periods), _reason_data(alarm, recent, period))
    )


def newest_data(account: str, alarm: Alarm) -> tuple[int, float]:
    """The latest period with data and its number of samples: greater for newer data."""
    data_queries = queries(alarm)
    counted = [
        q | {"MetricStat": q["MetricStat"] | {"Stat": "SampleCount"}} for q in data_queries if q.get("MetricStat")
    ]
    now = int(time.time())
    span = _period(alarm, data_queries) * (int(alarm.evaluation_periods) + LATE_PERIODS)
    found = run(account, alarm.region_name, counted, now - span, now + 1)
    latest = max((max(series) for series in found.values() if series), default=0)
    return latest, sum(series.get(latest, 0.0) for series in found.values())


def _decide(alarm: Alarm, values: list[float], periods: int) -> str | None:
    needed = int(alarm.datapoints_to_alarm or periods)
    compare, _ = COMPARISONS[alarm.comparison_operator]
    breaching = sum(1 for value in values if compare(value, float(alarm.threshold)))
    fine = len(values) - breaching
    missing = periods - len(values)
    treat = alarm.treat_missing_data or "missing"
    if treat == "breaching":
        return "ALARM" if breaching + missing >= needed else "OK"
    if treat == "notBreaching":
        return "ALARM" if breaching >= needed else "OK"
    if breaching >= needed:
        return "ALARM"
    if treat == "ignore":
        return "OK" if fine > periods - needed else None
    if not values:
        return "INSUFFICIENT_DATA"
    return "ALARM" if not fine and breaching + missing >= needed else "OK"


def _watched(data_queries: list[dict], results: dict) -> dict:
    for query in data_queries:
        if query.get("ReturnData", True):
            return dict(results[query["Id"]])
    return {}


def _period(alarm: Alarm, data_queries: list[dict]) -> int:
    periods = [int(q.get("Period") or (q.get("MetricStat") or {}).get("Period") or 0) for q in data_queries]
    return max([int(alarm.period or 0), *periods]) or 60


def _grows(alarm: Alarm) -> bool:
    return alarm.comparison_operator.startswith("LessThan") and alarm.statistic in ("Sum", "SampleCount")


def _too_few_samples(account: str, alarm: Alarm, data_queries: list[dict], start: int, end: int) -> bool:
    """EvaluateLowSampleCountPercentile=ignore: too few samples for a percentile don't change the state."""
    if alarm.evaluate_low_sample_count_percentile != "ignore" or not alarm.extended_statistic:
        return False
    rank = float(alarm.extended_statistic[1:]) / 100
    counted = [data_queries[0] | {"MetricStat": data_queries[0]["MetricStat"] | {"Stat": "SampleCount"}}]
    counts = run(account, alarm.region_name, counted, start, end)[data_queries[0]["Id"]]
    min_samples = 10 / (1 - rank) if rank >= 0.5 else 10 / rank
    return bool(counts) and max(counts.values()) < min_samples


def _reason(alarm: Alarm, recent: list[tuple[int, float]], periods: int) -> str:
    if not recent:
        treated = {"breaching": "Breaching", "notBreaching": "NonBreaching"}.get(alarm.treat_missing_data or "")
        if treated is None:
            return f"Insufficient Data: {periods} datapoints were unknown."
        return (
            f"Threshold Crossed: no datapoints were received for {periods} period(s) and {periods} missing "
            f"datapoint(s) were treated as [{treated}]."
        )
    compare, words = COMPARISONS[alarm.comparison_operator]
    breaching = [(when, value) for when, value in recent if compare(value, float(alarm.threshold))]
    shown = breaching or recent
    points = ", ".join(f"{value} ({_date(when, '%d/%m/%y %H:%M:%S')})" for when, value in shown)
    negation = "" if breaching else "not "
    return (
        f"Threshold Crossed: {len(shown)} out of the last {periods} datapoints [{points}] "
        f"{'was' if len(shown) == 1 else 'were'} {negation}{words} the threshold ({float(alarm.threshold)})."
    )


def _reason_data(alarm: Alarm, recent: list[tuple[int, float]], period: int) -> str:
    iso = "%Y-%m-%dT%H:%M:%S.000+0000"
    data = {
        "version": "1.0",
        "queryDate": _date(int(time.time()), iso),
        "statistic": alarm.extended_statistic or alarm.statistic,
        "period": period,
        "recentDatapoints": [value for _, value in reversed(recent)],
        "threshold": float(alarm.threshold),
        "evaluatedDatapoints": [{"timestamp": _date(when, iso), "value": value} for when, value in recent],
    }
    return json.dumps({key: value for key, value in data.items() if value is not None})


def _date(seconds: int, layout: str) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime(layout)
