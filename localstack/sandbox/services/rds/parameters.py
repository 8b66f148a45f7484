"""Parameters of parameter groups: resets to their defaults, and reads by source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.errors import AwsError
from ...server.handlers import Answer
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    rds = sandbox.service("rds")
    rds.answer("ResetDBClusterParameterGroup", _reset("DBClusterParameterGroupName", "db_cluster_parameter_groups"))
    rds.answer("ResetDBParameterGroup", _reset("DBParameterGroupName", "db_parameter_groups"))
    rds.amend(("DescribeDBClusterParameters", "DescribeDBParameters"), filter_by_source)


def _reset(name_parameter: str, store: str) -> Answer:
    """moto lacks these calls."""

    def answer(request: AwsRequest) -> dict[str, Any]:
        name = request.params[name_parameter]
        group = getattr(backend("rds", request.region), store).get(name)
        if group is None:
            raise AwsError("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}", 404)
        for parameter in _to_reset(request.params, list(group.parameters)):
            group.parameters.pop(parameter, None)
        return {name_parameter: name}

    return answer


def _to_reset(params: dict[str, Any], all_set: list[str]) -> list[str]:
    listed = [one["ParameterName"] for one in params.get("Parameters") or []]
    if params.get("ResetAllParameters") and listed:
        raise AwsError("InvalidParameterCombination", "ResetAllParameters can't be true when Parameters are given.")
    if not params.get("ResetAllParameters") and not listed:
        raise AwsError("InvalidParameterValue", "Either ResetAllParameters or Parameters must be given.")
    return listed or all_set


def filter_by_source(request: AwsRequest, result: dict[str, Any]) -> None:
    """moto knows only the values that were set, which are those of the source `user`."""
    source = request.params.get("Source")
    parameters = [{**one, "Source": one.get("Source", "user")} for one in result.get("Parameters", [])]
    result["Parameters"] = [one for one in parameters if source in (None, one["Source"])]
