"""Parameters go back to their defaults, one by one or all at once, which moto lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    for kind, store in (
        ("DBClusterParameterGroup", "db_cluster_parameter_groups"),
        ("DBParameterGroup", "db_parameter_groups"),
    ):
        sandbox.service("rds").answer(f"Reset{kind}", _reset(f"{kind}Name", store))


def _reset(named_by: str, store: str) -> Callable[[AwsRequest], dict[str, Any]]:
    def intercept(request: AwsRequest) -> dict[str, Any]:
        name = request.params[named_by]
        group = getattr(backend("rds", request.region), store).get(name)
        if group is None:
            raise AwsError("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}", 404)
        for one in _wanted(request.params, list(group.parameters)):
            group.parameters.pop(one, None)
        return {named_by: name}

    return intercept


def _wanted(params: dict[str, Any], all_set: list[str]) -> list[str]:
    listed = [one["ParameterName"] for one in params.get("Parameters") or []]
    if params.get("ResetAllParameters") and listed:
        raise AwsError("InvalidParameterCombination", "ResetAllParameters can't be true when Parameters are given.")
    if not params.get("ResetAllParameters") and not listed:
        raise AwsError("InvalidParameterValue", "Either ResetAllParameters or Parameters must be given.")
    return listed or all_set
