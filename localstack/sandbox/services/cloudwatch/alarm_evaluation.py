"""What a metric alarm's data say: the rules of CloudWatch's alarm evaluation.

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
# AWS looks further back than the alarm asks, for data that come late.
LATE_PERIODS = 1


@dataclass
class Verdict:
    state: str
    reason: str
    reason_data: str


def evaluate(account: str, alarm: Alarm) -> Verdict | None:
    """The state that the data call for, or None where the alarm is to stay as it is."""
    if alarm.comparison_operator not in COMPARISONS or alarm.threshold is None:
        return None  # anomaly detection
    asked = queries(alarm)
    period = _period(alarm, asked)
    wanted = int(alarm.evaluation_periods)
    now = int(time.time())
    current = now - now % period
    oldest = current - (wanted + LATE_PERIODS) * period
    try:
        series = _watched(asked, run(account, alarm.region_name, asked, oldest, now + 1))
    except BadExpression:
        return None
    if _grows(alarm):
        # A count that is still growing says nothing yet about being too low.
        series.pop(current, None)
    if _too_few_samples(account, alarm, asked, oldest, now + 1):
        return None
    recent = sorted(series.items(), reverse=True)[:wanted]
    state = _decide(alarm, [value for _, value in recent], wanted)
    return (
        None if state is None else Verdict(state, _reason(alarm, recent, wanted), _reason_data(alarm, recent, period))
    )


def newest_data(account: str, alarm: Alarm) -> tuple[int, float]:
    """Tells newer data from older: the latest period with any, and how many samples it has."""
    asked = queries(alarm)
    counted = [q | {"MetricStat": q["MetricStat"] | {"Stat": "SampleCount"}} for q in asked if q.get("MetricStat")]
    now = int(time.time())
    span = _period(alarm, asked) * (int(alarm.evaluation_periods) + LATE_PERIODS)
    found = run(account, alarm.region_name, counted, now - span, now + 1)
    latest = max((max(series) for series in found.values() if series), default=0)
    return latest, sum(series.get(latest, 0.0) for series in found.values())


def _decide(alarm: Alarm, values: list[float], wanted: int) -> str | None:
    needed = int(alarm.datapoints_to_alarm or wanted)
    compare, _ = COMPARISONS[alarm.comparison_operator]
    breaching = sum(1 for value in values if compare(value, float(alarm.threshold)))
    fine = len(values) - breaching
    missing = wanted - len(values)
    treat = alarm.treat_missing_data or "missing"
    if treat == "breaching":
        return "ALARM" if breaching + missing >= needed else "OK"
    if treat == "notBreaching":
        return "ALARM" if breaching >= needed else "OK"
    if breaching >= needed:
        return "ALARM"
    if treat == "ignore":
        return "OK" if fine > wanted - needed else None
    if not values:
        return "INSUFFICIENT_DATA"
    return "ALARM" if not fine and breaching + missing >= needed else "OK"


def _watched(asked: list[dict], results: dict) -> dict:
    for query in asked:
        if query.get("ReturnData", True):
            return dict(results[query["Id"]])
    return {}


def _period(alarm: Alarm, asked: list[dict]) -> int:
    periods = [int(q.get("Period") or (q.get("MetricStat") or {}).get("Period") or 0) for q in asked]
    return max([int(alarm.period or 0), *periods]) or 60


def _grows(alarm: Alarm) -> bool:
    return alarm.comparison_operator.startswith("LessThan") and alarm.statistic in ("Sum", "SampleCount")


def _too_few_samples(account: str, alarm: Alarm, asked: list[dict], start: int, end: int) -> bool:
    """EvaluateLowSampleCountPercentile=ignore: no verdict on a percentile of too few samples."""
    if alarm.evaluate_low_sample_count_percentile != "ignore" or not alarm.extended_statistic:
        return False
    rank = float(alarm.extended_statistic[1:]) / 100
    counted = [asked[0] | {"MetricStat": asked[0]["MetricStat"] | {"Stat": "SampleCount"}}]
    counts = run(account, alarm.region_name, counted, start, end)[asked[0]["Id"]]
    least = 10 / (1 - rank) if rank >= 0.5 else 10 / rank
    return bool(counts) and max(counts.values()) < least


def _reason(alarm: Alarm, recent: list[tuple[int, float]], wanted: int) -> str:
    if not recent:
        treated = {"breaching": "Breaching", "notBreaching": "NonBreaching"}.get(alarm.treat_missing_data or "")
        if treated is None:
            return f"Insufficient Data: {wanted} datapoints were unknown."
        return (
            f"Threshold Crossed: no datapoints were received for {wanted} period(s) and {wanted} missing "
            f"datapoint(s) were treated as [{treated}]."
        )
    compare, words = COMPARISONS[alarm.comparison_operator]
    breaching = [(when, value) for when, value in recent if compare(value, float(alarm.threshold))]
    shown = breaching or recent
    points = ", ".join(f"{value} ({_date(when, '%d/%m/%y %H:%M:%S')})" for when, value in shown)
    negation = "" if breaching else "not "
    return (
        f"Threshold Crossed: {len(shown)} out of the last {wanted} datapoints [{points}] "
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
