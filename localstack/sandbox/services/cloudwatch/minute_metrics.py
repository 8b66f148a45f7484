"""CloudWatch metrics that the sandbox itself publishes: one aggregated datum per metric and minute.

A datum is in moto's store from its first sample on and grows in place, so that a reader sees what was
counted so far without waiting for the minute to end.
"""

from __future__ import annotations

import random
import threading
from datetime import datetime, timezone

from moto.cloudwatch.models import MetricAggregatedDatum, cloudwatch_backends

SAMPLES = 1000  # kept per datum for percentiles; beyond it a uniform choice of all


class MinuteDatum(MetricAggregatedDatum):
    """Adds to moto's aggregate the samples that percentiles need."""

    def __init__(self, namespace: str, name: str, dimensions: dict[str, str], minute: datetime, unit: str):
        named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        super().__init__(namespace, name, float("inf"), float("-inf"), 0.0, 0.0, named, minute, unit)
        self.samples: list[float] = []

    def add(self, value: float) -> None:
        self.min = min(self.min, value)
        self.max = max(self.max, value)
        self.sum += value
        self.sample_count += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(value)
        elif (place := random.randrange(int(self.sample_count))) < SAMPLES:
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
    """After moto's store was emptied: start new data instead of growing ones nobody can see."""
    with _lock:
        _current.clear()
