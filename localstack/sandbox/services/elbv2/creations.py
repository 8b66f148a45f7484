"""How long a load balancer takes to create."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.elbv2.models import FakeLoadBalancer

from ...server import pending
from ...server.pending import Creation
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    # moto activates a load balancer when it is described.
    FakeLoadBalancer.activate = lambda self: None  # type: ignore[method-assign]
    creation = Creation("CreateLoadBalancer", 3, _balancer, while_pending="provisioning", afterwards="active")
    pending.install(sandbox, "elbv2", [creation])


def _balancer(request: AwsRequest, result: dict[str, Any]) -> Any:
    return backend("elbv2", request.region).load_balancers[result["LoadBalancers"][0]["LoadBalancerArn"]]
