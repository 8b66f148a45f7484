"""A metric filter belongs to a log group that stands, replaces the one of its name, and goes with the group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..backends import backend
from ..errors import AwsError
from ..request import AwsRequest

if TYPE_CHECKING:
    from ..app import Sandbox


def install(sandbox: Sandbox) -> None:
    for operation in ("PutMetricFilter", "DeleteMetricFilter"):
        sandbox.intercept("logs", operation, group_exists)
    sandbox.intercept("logs", "DeleteMetricFilter", filter_exists)
    sandbox.amend("logs", "PutMetricFilter", replace)
    sandbox.amend("logs", "DeleteLogGroup", drop_with_group)


def _filters(request: AwsRequest) -> Any:
    return backend("logs", request.region).filters


def _named(request: AwsRequest) -> list[dict[str, Any]]:
    asked = request.params
    group = _filters(request).get_matching_filters(log_group_name=asked["logGroupName"])
    return [one for one in group if one["filterName"] == asked["filterName"]]


def group_exists(request: AwsRequest) -> None:
    if request.params["logGroupName"] not in backend("logs", request.region).groups:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")


def filter_exists(request: AwsRequest) -> None:
    if not _named(request):
        raise AwsError("ResourceNotFoundException", "The specified metric filter does not exist.")


def replace(request: AwsRequest, _result: dict[str, Any]) -> None:
    *before, _newest = _named(request)
    _drop(request, before)


def drop_with_group(request: AwsRequest, _result: dict[str, Any]) -> None:
    _drop(request, _filters(request).get_matching_filters(log_group_name=request.params["logGroupName"]))


def _drop(request: AwsRequest, unwanted: list[dict[str, Any]]) -> None:
    store = _filters(request)
    store.metric_filters = [one for one in store.metric_filters if not any(one is other for other in unwanted)]
