"""How long creations take: the new object stays pending for as long as on AWS.

The state of moto's own object is set, so that every list, filter and check shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..clock import MINUTE
from .handlers import Amend
from .request import AwsRequest

if TYPE_CHECKING:
    from ..app import Sandbox

# Finds the created object in moto's store; KeyError if it no longer exists.
Find = Callable[[AwsRequest, "dict[str, Any]"], Any]


@dataclass(frozen=True)
class Creation:
    operation: str
    minutes: float
    find: Find
    while_pending: str = "pending"
    afterwards: str = "available"
    # The attribute of moto's object that has the state.
    attribute: str = "state"


def install(sandbox: Sandbox, service: str, creations: list[Creation]) -> None:
    for creation in creations:
        sandbox.service(service).amend(creation.operation, _pending(sandbox, service, creation))


def member(result: dict[str, Any], path: str) -> Any:
    """The member of a result at a path such as `NatGateway.NatGatewayId`."""
    for name in path.split("."):
        result = result[name]
    return result


def _pending(sandbox: Sandbox, service: str, creation: Creation) -> Amend:
    def amend(request: AwsRequest, result: dict[str, Any]) -> None:
        try:
            created = creation.find(request, result)
        except KeyError:  # a replayed answer may name what was deleted since
            return
        if getattr(created, "has_been_pending", False):
            return
        created.has_been_pending = True
        if getattr(created, "vpc_endpoint_type", "Interface") != "Interface":
            return  # a gateway endpoint is only a route
        setattr(created, creation.attribute, creation.while_pending)
        _show(result, creation.while_pending)
        sandbox.clock.after(service, creation.minutes * MINUTE, lambda: _finish(created, creation))

    return amend


def _finish(created: Any, creation: Creation) -> None:
    if getattr(created, creation.attribute) == creation.while_pending:  # it may be deleting by now
        setattr(created, creation.attribute, creation.afterwards)


def _show(result: dict[str, Any], state: str) -> None:
    for value in result.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and "State" in one:
                one["State"] = {"Code": state} if isinstance(one["State"], dict) else state
