"""Metric filters: their log group must exist, a name is unique in it, and they are deleted with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    logs = sandbox.service("logs")
    logs.exists(("PutMetricFilter", "DeleteMetricFilter"), group_exists)
    logs.exists("DeleteMetricFilter", filter_exists)
    logs.amend("PutMetricFilter", remove_earlier)
    logs.amend("DeleteLogGroup", delete_with_group)


def _filters(request: AwsRequest) -> Any:
    return backend("logs", request.region).filters


def _named(request: AwsRequest) -> list[dict[str, Any]]:
    params = request.params
    group = _filters(request).get_matching_filters(log_group_name=params["logGroupName"])
    return [one for one in group if one["filterName"] == params["filterName"]]


def group_exists(request: AwsRequest) -> None:
    if request.params["logGroupName"] not in backend("logs", request.region).groups:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")


def filter_exists(request: AwsRequest) -> None:
    if not _named(request):
        raise AwsError("ResourceNotFoundException", "The specified metric filter does not exist.")


def remove_earlier(request: AwsRequest, _result: dict[str, Any]) -> None:
    *earlier, _newest = _named(request)
    _remove(request, earlier)


def delete_with_group(request: AwsRequest, _result: dict[str, Any]) -> None:
    _remove(request, _filters(request).get_matching_filters(log_group_name=request.params["logGroupName"]))


def _remove(request: AwsRequest, unwanted: list[dict[str, Any]]) -> None:
    store = _filters(request)
    store.metric_filters = [one for one in store.metric_filters if not any(one is other for other in unwanted)]
