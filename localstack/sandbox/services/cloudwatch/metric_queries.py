"""Metric data queries, of GetMetricData and of alarms: metrics and expressions over them."""

from __future__ import annotations

from .metric_data import Metric, Series, read
from .metric_math import as_series, evaluate


def run(account: str, region: str, queries: list[dict], start: int, end: int) -> dict[str, Series]:
    """Returns the series by query id. Expressions may refer to each other, in any order.

    Raises metric_math.BadExpression.
    """
    results: dict[str, Series] = {}
    smallest = min((_period(query) for query in queries if query.get("MetricStat")), default=60)
    for query in queries:
        if stat := query.get("MetricStat"):
            metric = stat["Metric"]
            results[query["Id"]] = read(
                account,
                region,
                Metric.of(metric["Namespace"], metric["MetricName"], metric.get("Dimensions")),
                stat["Stat"],
                _period(query),
                start - start % _period(query),
                end,
                stat.get("Unit"),
            )
    plain = frozenset(results)
    waiting = [query for query in queries if query.get("Expression")]
    while waiting:
        ready = [q for q in waiting if not _names(q["Expression"], [w["Id"] for w in waiting if w is not q])]
        # The evaluation of a circle of expressions raises.
        for query in ready or waiting:
            period = int(query.get("Period") or smallest)
            periods = list(range(start - start % period, end, period))
            results[query["Id"]] = as_series(evaluate(query["Expression"], results, periods, plain), periods)
            waiting.remove(query)
    return results


def _period(query: dict) -> int:
    return int(query["MetricStat"]["Period"])


def _names(expression: str, ids: list[str]) -> bool:
    words = set("".join(c if c.isalnum() or c == "_" else " " for c in expression).split())
    return not words.isdisjoint(ids)
