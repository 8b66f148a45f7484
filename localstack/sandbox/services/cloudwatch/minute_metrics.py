"""Metrics that the sandbox publishes: one aggregate per metric and minute.

An aggregate is in moto's store from its first sample on, so that readers see the current minute too.
"""

from __future__ import annotations

import random
import threading
from datetime import datetime, timezone

from moto.cloudwatch.models import MetricAggregatedDatum, cloudwatch_backends

MAX_SAMPLES = 1000  # per aggregate, for percentiles; a uniform choice of all


class MinuteDatum(MetricAggregatedDatum):
    """moto's aggregate with samples for percentiles."""

    def __init__(self, namespace: str, name: str, dimensions: dict[str, str], minute: datetime, unit: str):
        named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        super().__init__(namespace, name, float("inf"), float("-inf"), 0.0, 0.0, named, minute, unit)
        self.samples: list[float] = []

    def add(self, value: float) -> None:
        self.min = min(self.min, value)
        self.max = max(self.max, value)
        self.sum += value
        self.sample_count += 1
        if len(self.samples) < MAX_SAMPLES:
            self.samples.append(value)
        elif (place := random.randrange(int(self.sample_count))) < MAX_SAMPLES:
            self.samples[place] = value


_lock = threading.Lock()
_current: dict[tuple, MinuteDatum] = {}


def publish(
    account: str, region: str, namespace: str, name: str, dimensions: dict[str, str], value: float, unit: str = "Count"
) -> None:
    minute = datetime.now(timezone.utc).replace(second=0, microsecond=0, tzinfo=None)
    key = (account, region, namespace, name, tuple(sorted(dimensions.items())))
    with _lock:
        datum = _current.get(key)
        if datum is None or datum.timestamp != minute:
            datum = _current[key] = MinuteDatum(namespace, name, dimensions, minute, unit)
            datum.add(value)
            cloudwatch_backends[account][region].metric_data.append(datum)
        else:
            datum.add(value)


def forget() -> None:
    """Starts new aggregates, after a reset of moto's store."""
    with _lock:
        _current.clear()
