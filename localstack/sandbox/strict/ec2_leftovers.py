"""Interfaces outlive load balancers and functions for a while, and hold their subnets and security groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..backends import backend
from ..clock import MINUTE
from ..request import AwsRequest
from .ec2_interfaces import Wanted, left_behind, of_balancer, of_function

if TYPE_CHECKING:
    from ..app import Sandbox

Needs = Callable[[AwsRequest], Iterator[Wanted]]


def install(sandbox: Sandbox) -> None:
    for service, operation, minutes, needs in LEAVINGS:
        sandbox.intercept(service, operation, _leave(sandbox, minutes * MINUTE, needs))


def _leave(sandbox: Sandbox, seconds: float, needs: Needs) -> Callable[[AwsRequest], None]:
    """Before the call, since nothing tells afterwards; if the call fails, the interfaces are in use anyway."""

    def intercept(request: AwsRequest) -> None:
        if sandbox.time_scale == 0:
            return
        left = left_behind(backend("ec2", request.region))
        for one in needs(request):
            left.append(one)
            sandbox.clock.after("ec2", seconds, lambda one=one: left.remove(one))

    return intercept


def _of_deleted_balancer(request: AwsRequest) -> Iterator[Wanted]:
    balancer = backend("elbv2", request.region).load_balancers.get(request.params["LoadBalancerArn"])
    return of_balancer(balancer) if balancer else iter(())


def _of_deleted_function(request: AwsRequest) -> Iterator[Wanted]:
    """Other versions of a function need the interfaces that one of them needs."""
    return iter(()) if request.params.get("Qualifier") else _of_function(request)


def _of_moved_function(request: AwsRequest) -> Iterator[Wanted]:
    return _of_function(request) if "VpcConfig" in request.params else iter(())


def _of_function(request: AwsRequest) -> Iterator[Wanted]:
    name = request.params["FunctionName"].rpartition(":")[2]
    for function in backend("lambda", request.region).list_functions():
        if function.function_name == name:
            yield from of_function(function)


# Service, operation, minutes, what stays.
LEAVINGS: list[tuple[str, str, float, Needs]] = [
    ("elbv2", "DeleteLoadBalancer", 1, _of_deleted_balancer),
    ("lambda", "DeleteFunction", 10, _of_deleted_function),
    ("lambda", "UpdateFunctionConfiguration", 10, _of_moved_function),
]
