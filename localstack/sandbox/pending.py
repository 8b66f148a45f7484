"""How long making things takes: they stay pending, as on AWS.

Each object's own state in moto is set, so that every list, filter and check sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.elbv2.models import FakeLoadBalancer

from .backends import backend
from .clock import MINUTE
from .request import AwsRequest

if TYPE_CHECKING:
    from .app import Sandbox


def install(sandbox: Sandbox) -> None:
    # moto's load balancers become active by being looked at.
    FakeLoadBalancer.activate = lambda self: None  # type: ignore[method-assign]
    for service, operation, minutes, state, find in CREATIONS:
        sandbox.amend(service, operation, _pending(sandbox, service, minutes * MINUTE, state, find))


def _of(result: dict[str, Any], path: str) -> Any:
    for name in path.split("."):
        result = result[name]
    return result


def _in(store: str, path: str) -> Any:
    def find(request: AwsRequest, result: dict[str, Any]) -> Any:
        return getattr(backend("ec2", request.region), store)[_of(result, path)]

    return find


def _balancer(request: AwsRequest, result: dict[str, Any]) -> Any:
    return backend("elbv2", request.region).load_balancers[result["LoadBalancers"][0]["LoadBalancerArn"]]


def _dms_instance(request: AwsRequest, result: dict[str, Any]) -> Any:
    arn = result["ReplicationInstance"]["ReplicationInstanceArn"]
    return backend("dms", request.region).replication_instances[arn]


# service, operation, minutes, (attribute, while pending, afterwards), where the object is
STATE = "state"
CREATIONS = [
    ("ec2", "CreateNatGateway", 2, (STATE, "pending", "available"), _in("nat_gateways", "NatGateway.NatGatewayId")),
    (
        "ec2",
        "CreateTransitGateway",
        2,
        (STATE, "pending", "available"),
        _in("transit_gateways", "TransitGateway.TransitGatewayId"),
    ),
    (
        "ec2",
        "CreateTransitGatewayVpcAttachment",
        1,
        (STATE, "pending", "available"),
        _in("transit_gateway_attachments", "TransitGatewayVpcAttachment.TransitGatewayAttachmentId"),
    ),
    (
        "ec2",
        "CreateVpcEndpoint",
        1,
        (STATE, "pending", "available"),
        _in("vpc_end_points", "VpcEndpoint.VpcEndpointId"),
    ),
    ("elbv2", "CreateLoadBalancer", 3, (STATE, "provisioning", "active"), _balancer),
    ("dms", "CreateReplicationInstance", 10, ("status", "creating", "available"), _dms_instance),
]


def _pending(sandbox: Sandbox, service: str, seconds: float, states: tuple[str, str, str], find: Any) -> Any:
    attribute, before, _ = states

    def amend(request: AwsRequest, result: dict[str, Any]) -> None:
        try:
            made = find(request, result)
        except KeyError:  # a replayed answer names what may be gone by now
            return
        if getattr(made, "_pended", False):
            return
        made._pended = True
        if hasattr(made, "vpc_endpoint_type") and made.vpc_endpoint_type != "Interface":
            return  # a gateway endpoint is but a route
        setattr(made, attribute, before)
        _show(result, before)
        sandbox.clock.after(service, seconds, lambda: _finish(made, states))

    return amend


def _finish(made: Any, states: tuple[str, str, str]) -> None:
    attribute, before, afterwards = states
    if getattr(made, attribute) == before:  # it may be on its way out by now
        setattr(made, attribute, afterwards)


def _show(result: dict[str, Any], state: str) -> None:
    for value in result.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and "State" in one:
                one["State"] = {"Code": state} if isinstance(one["State"], dict) else state
