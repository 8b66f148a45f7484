"""Dashboards are global, and have tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import ACCOUNT, backend

if TYPE_CHECKING:
    from ...app import Sandbox

HOME = "us-east-1"
ARN = f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/"


def install(sandbox: Sandbox) -> None:
    cloudwatch = sandbox.service("cloudwatch")
    cloudwatch.answer(("PutDashboard", "GetDashboard", "ListDashboards", "DeleteDashboards"), share)
    cloudwatch.answer("TagResource", tag)
    cloudwatch.answer("UntagResource", untag)
    cloudwatch.answer("ListTagsForResource", list_tags)
    cloudwatch.amend("PutDashboard", keep_first_tags)
    cloudwatch.amend("DeleteDashboards", delete_tags)


def share(request: AwsRequest) -> None:
    """The stores of all regions share the dashboards of one."""
    backend("cloudwatch", request.region).dashboards = backend("cloudwatch", HOME).dashboards


def _tagger() -> Any:
    return backend("cloudwatch", HOME).tagger


def keep_first_tags(request: AwsRequest, _result: dict[str, Any]) -> None:
    """PutDashboard sets tags when it creates a dashboard; an update ignores them."""
    arn = ARN + request.params["DashboardName"]
    if arn not in _tagger().tags:
        _tagger().tags[arn] = {}
        _tagger().tag_resource(arn, request.params.get("Tags") or [])


def delete_tags(request: AwsRequest, _result: dict[str, Any]) -> None:
    for name in request.params["DashboardNames"]:
        _tagger().delete_all_tags_for_resource(ARN + name)


def _is_dashboard(request: AwsRequest) -> bool:
    arn = request.params["ResourceARN"]
    if arn.startswith(ARN) and arn not in _tagger().tags:
        raise AwsError("ResourceNotFoundException", f"{arn} does not exist.", 404)
    return arn.startswith(ARN)


def tag(request: AwsRequest) -> dict[str, Any] | None:
    if not _is_dashboard(request):
        return None
    _tagger().tag_resource(request.params["ResourceARN"], request.params["Tags"])
    return {}


def untag(request: AwsRequest) -> dict[str, Any] | None:
    if not _is_dashboard(request):
        return None
    _tagger().untag_resource_using_names(request.params["ResourceARN"], request.params["TagKeys"])
    return {}


def list_tags(request: AwsRequest) -> dict[str, Any] | None:
    return _tagger().list_tags_for_resource(request.params["ResourceARN"]) if _is_dashboard(request) else None
