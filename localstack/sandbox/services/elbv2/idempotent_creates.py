"""Load balancers and target groups: creation with the same settings returns the existing one, with others it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server import idempotency
from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    _by_name(sandbox, "CreateLoadBalancer", "load_balancers", "DuplicateLoadBalancerName")
    _by_name(sandbox, "CreateTargetGroup", "target_groups", "DuplicateTargetGroupName")


def _by_name(sandbox: Sandbox, operation: str, store: str, code: str) -> None:
    def exists(request: AwsRequest, _result: dict[str, Any] | None) -> bool:
        names = {one.name for one in getattr(backend("elbv2", request.region), store).values()}
        return request.params["Name"] in names

    idempotency.install(
        sandbox,
        "elbv2",
        operation,
        key=lambda request: (request.region, request.params["Name"]),
        settings=lambda request: {name: value for name, value in request.params.items() if name != "Tags"},
        exists=exists,
        conflict=lambda request: AwsError(code, f"'{request.params['Name']}' already exists with other settings"),
    )
