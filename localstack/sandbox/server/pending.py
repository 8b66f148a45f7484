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
    # The attribute of moto's object that has the state, and the member of results that shows it.
    attribute: str = "state"
    shown_as: str = "State"


def install(sandbox: Sandbox, service: str, creations: list[Creation]) -> None:
    for creation in creations:
        sandbox.service(service).amend(creation.operation, _pending(sandbox, service, creation))


def at(result: dict[str, Any], path: str) -> Any:
    """The member of a result at a path such as `NatGateway.NatGatewayId`."""
    for name in path.split("."):
        result = result[name]
    return result


def _pending(sandbox: Sandbox, service: str, creation: Creation) -> Amend:
    def amend(request: AwsRequest, result: dict[str, Any]) -> None:
        try:
            created = creation.find(request, result)
        except KeyError:  # a repeated call returns an earlier result, whose object may be deleted
            return
        if getattr(created, "has_been_pending", False):
            return
        created.has_been_pending = True
        if getattr(created, "vpc_endpoint_type", "Interface") != "Interface":
            return  # a gateway endpoint is only a route
        setattr(created, creation.attribute, creation.while_pending)
        _show(result, creation)
        sandbox.clock.after(service, creation.minutes * MINUTE, lambda: _finish(created, creation))

    return amend


def _finish(created: Any, creation: Creation) -> None:
    if getattr(created, creation.attribute) == creation.while_pending:  # it may be deleting by now
        setattr(created, creation.attribute, creation.afterwards)


def _show(result: dict[str, Any], creation: Creation) -> None:
    member, state = creation.shown_as, creation.while_pending
    for value in result.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and member in one:
                one[member] = {"Code": state} if isinstance(one[member], dict) else state
