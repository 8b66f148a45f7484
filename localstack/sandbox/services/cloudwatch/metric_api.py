"""GetMetricData with metric math, and GetMetricStatistics with aligned periods and percentiles."""

from __future__ import annotations

from datetime import datetime, timezone

from ...server.errors import AwsError
from .metric_data import Metric, epoch, read
from .metric_math import BadExpression
from .metric_queries import run

UNSUPPORTED = ("SELECT", "SEARCH(")


def install(sandbox) -> None:
    cloudwatch = sandbox.service("cloudwatch")
    cloudwatch.answer("GetMetricData", lambda request: _data(sandbox.account, request))
    cloudwatch.answer("GetMetricStatistics", lambda request: _statistics(sandbox.account, request))


def _data(account: str, request) -> dict | None:
    params = request.params
    queries = params.get("MetricDataQueries") or []
    if any((query.get("Expression") or "").lstrip().startswith(UNSUPPORTED) for query in queries):
        return None
    start, end = _range(params)
    if any(not query.get("MetricStat") and not query.get("Expression") for query in queries):
        raise AwsError("ValidationError", "Every query needs a MetricStat or an Expression.")
    try:
        results = run(account, request.region, queries, start, end)
    except BadExpression as error:
        raise AwsError("ValidationError", f"Error in expression: {error}") from error
    descending = params.get("ScanBy") != "TimestampAscending"
    return {
        "MetricDataResults": [_result(q, results[q["Id"]], descending) for q in queries if q.get("ReturnData", True)]
    }


def _result(query: dict, series: dict[int, float], descending: bool) -> dict:
    points = sorted(series.items(), reverse=descending)
    label = query.get("Label") or (
        query["MetricStat"]["Metric"]["MetricName"] if query.get("MetricStat") else query["Id"]
    )
    return {
        "Id": query["Id"],
        "Label": label,
        "Timestamps": [_when(begin) for begin, _ in points],
        "Values": [float(value) for _, value in points],
        "StatusCode": "Complete",
    }


def _statistics(account: str, request) -> dict:
    params = request.params
    plain, extended = params.get("Statistics") or [], params.get("ExtendedStatistics") or []
    if not plain and not extended:
        raise AwsError("InvalidParameterCombination", "Must specify either Statistics or ExtendedStatistics")
    start, end = _range(params)
    period = int(params["Period"])
    metric = Metric.of(params["Namespace"], params["MetricName"], params.get("Dimensions"))
    points: dict[int, dict] = {}
    for stat in [*plain, *extended]:
        for begin, value in read(
            account, request.region, metric, stat, period, start - start % period, end, params.get("Unit")
        ).items():
            point = points.setdefault(begin, {"Timestamp": _when(begin), "Unit": params.get("Unit") or "None"})
            (point.setdefault("ExtendedStatistics", {}) if stat in extended else point)[stat] = value
    return {"Label": params["MetricName"], "Datapoints": [points[begin] for begin in sorted(points)]}


def _range(params: dict) -> tuple[int, int]:
    start, end = epoch(params["StartTime"]), epoch(params["EndTime"])
    if start >= end:
        raise AwsError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    return start, end


def _when(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)
