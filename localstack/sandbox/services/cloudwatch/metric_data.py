"""Reads metrics from moto's store as CloudWatch does: aligned periods, all statistics, percentiles included."""

from __future__ import annotations

import math
import re
import threading
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timezone

from moto.cloudwatch.models import MetricAggregatedDatum, cloudwatch_backends

PERCENTILE = re.compile(r"^p(\d{1,2}(\.\d+)?|100)$")

Series = dict[int, float]  # the start of a period, in seconds since the epoch, and its value


@dataclass(frozen=True)
class Metric:
    """Identifies a metric."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: list[dict] | None) -> Metric:
        return cls(namespace, name, frozenset((d["Name"], d["Value"]) for d in dimensions or []))


def read(
    account: str, region: str, metric: Metric, stat: str, period: int, start: int, end: int, unit: str | None = None
) -> Series:
    """The statistic of each period with data, for periods that begin in [start, end)."""
    grouped: dict[int, list] = defaultdict(list)
    for datum in _data(account, region, metric):
        if unit and datum.unit and datum.unit != unit:
            continue
        seconds = epoch(datum.timestamp)
        if start <= seconds < end:
            grouped[seconds - seconds % period].append(datum)
    values = {begin: _statistic(stat, data) for begin, data in sorted(grouped.items())}
    return {begin: value for begin, value in values.items() if value is not None}


class _Index:
    """Finds the data of a metric without a scan. moto's store only grows, or is replaced."""

    def __init__(self, store: list):
        self.store = store
        self._lock = threading.Lock()
        self._seen = 0
        self._by_metric: dict[Metric, list] = defaultdict(list)

    def find(self, metric: Metric) -> list:
        with self._lock:
            fresh = self.store[self._seen :]
            self._seen += len(fresh)
            for datum in fresh:
                self._by_metric[_metric_of(datum)].append(datum)
            return list(self._by_metric.get(metric, ()))


_indexes: dict[tuple[str, str], _Index] = {}


def _data(account: str, region: str, metric: Metric) -> list:
    backend = cloudwatch_backends[account][region]
    if metric.namespace == "AWS/S3":
        # moto computes these at every access.
        return [datum for datum in backend.aws_metric_data if _metric_of(datum) == metric]
    index = _indexes.get((account, region))
    if index is None or index.store is not backend.metric_data:
        index = _indexes[account, region] = _Index(backend.metric_data)
    return index.find(metric)


def _metric_of(datum) -> Metric:
    return Metric(datum.namespace, datum.name, frozenset((d.name, d.value) for d in datum.dimensions))


def epoch(when: datetime) -> int:
    """The seconds of a time, which in moto has no zone and is UTC."""
    aware = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    return int(aware.timestamp())


def _statistic(stat: str, data: list) -> float | None:
    aggregates = [d for d in data if isinstance(d, MetricAggregatedDatum)]
    singles = [d.value for d in data if not isinstance(d, MetricAggregatedDatum)]
    count = len(singles) + sum(d.sample_count for d in aggregates)
    if not count:
        return None
    total = math.fsum(singles) + math.fsum(d.sum for d in aggregates)
    if stat == "SampleCount":
        return float(count)
    if stat == "Sum":
        return total
    if stat == "Average":
        return total / count
    if stat == "Minimum":
        return min(singles + [d.min for d in aggregates])
    if stat == "Maximum":
        return max(singles + [d.max for d in aggregates])
    if PERCENTILE.match(stat):
        return _percentile(float(stat[1:]), singles, aggregates)
    return None


def _percentile(rank: float, singles: list[float], aggregates: list) -> float | None:
    """By nearest rank. The samples of an aggregate are weighted by its count."""
    weighted = [(value, 1.0) for value in singles]
    for datum in aggregates:
        # Statistic sets that callers publish have no samples. AWS has percentiles of them only if all values are equal.
        samples = getattr(datum, "samples", None) or ([datum.min] if datum.min == datum.max else [])
        weighted += [(value, datum.sample_count / len(samples)) for value in samples]
    if not weighted:
        return None
    weighted.sort()
    running, reached = 0.0, []
    for _, weight in weighted:
        running += weight
        reached.append(running)
    place = bisect_left(reached, running * rank / 100 - 1e-9)
    return weighted[min(place, len(weighted) - 1)][0]
