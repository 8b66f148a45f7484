"""The network interfaces of load balancers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...server.request import AwsRequest
from ...server.stores import backend
from ..ec2.interfaces import SOURCES, ServiceInterface
from ..ec2.lingering_enis import linger

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    SOURCES["elbv2"] = _of_region
    linger(sandbox, "elbv2", "DeleteLoadBalancer", 1, _of_deleted)


def _of_region(region: str) -> Iterator[ServiceInterface]:
    for balancer in backend("elbv2", region).load_balancers.values():
        yield from _of_balancer(balancer)


def _of_balancer(balancer: Any) -> Iterator[ServiceInterface]:
    description = f"ELB {balancer.arn.partition('loadbalancer/')[2]}"
    groups = tuple(balancer.security_groups or ())
    for subnet in balancer.subnets:
        yield ServiceInterface(description, subnet.id, groups, public=balancer.scheme != "internal")


def _of_deleted(request: AwsRequest) -> Iterator[ServiceInterface]:
    balancer = backend("elbv2", request.region).load_balancers.get(request.params["LoadBalancerArn"])
    return _of_balancer(balancer) if balancer else iter(())
