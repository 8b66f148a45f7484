"""Metric filters of log groups."""

import pytest
from support import refused

TRANSFORMATION = [{"metricName": "M", "metricNamespace": "N", "metricValue": "1"}]


@pytest.fixture
def logs(aws):
    logs = aws("logs")
    for group in ("/a", "/b"):
        logs.create_log_group(logGroupName=group)
        _put(logs, group, "error")
    return logs


def test_second_put_replaces_the_filter(logs):
    _put(logs, "/a", "warn")
    assert _patterns(logs, "/a") == ["warn"] and _patterns(logs, "/b") == ["error"]


def test_filters_are_deleted_with_their_group(logs):
    logs.delete_log_group(logGroupName="/a")
    logs.create_log_group(logGroupName="/a")
    assert _patterns(logs, "/a") == [] and _patterns(logs, "/b") == ["error"]


def test_missing_group_or_filter_is_refused(logs):
    with refused("ResourceNotFoundException"):
        _put(logs, "/c", "error")
    logs.delete_metric_filter(logGroupName="/a", filterName="f")
    with refused("ResourceNotFoundException"):
        logs.delete_metric_filter(logGroupName="/a", filterName="f")


def _put(logs, group, pattern):
    logs.put_metric_filter(
        logGroupName=group, filterName="f", filterPattern=pattern, metricTransformations=TRANSFORMATION
    )


def _patterns(logs, group):
    return [one["filterPattern"] for one in logs.describe_metric_filters(logGroupName=group)["metricFilters"]]
