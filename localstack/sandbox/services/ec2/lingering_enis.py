"""Network interfaces that outlive their load balancer or function, and block the deletion of their subnet and security groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ...clock import MINUTE
from ...server.request import AwsRequest
from ...server.stores import backend
from .interfaces import ServiceInterface, lingering

if TYPE_CHECKING:
    from ...app import Sandbox

Interfaces = Callable[[AwsRequest], Iterable[ServiceInterface]]


def linger(sandbox: Sandbox, service: str, operation: str, minutes: float, interfaces_of: Interfaces) -> None:
    """Keeps the interfaces that `operation` makes superfluous for some minutes.

    They are recorded before the call, because afterwards moto doesn't know them. If the call fails, they are in use anyway.
    """

    def answer(request: AwsRequest) -> None:
        if sandbox.time_scale == 0:
            return
        kept = lingering(backend("ec2", request.region))
        for one in interfaces_of(request):
            kept.append(one)
            sandbox.clock.after("ec2", minutes * MINUTE, lambda one=one: kept.remove(one))

    sandbox.service(service).answer(operation, answer)
