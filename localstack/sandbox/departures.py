"""How long deletions take: with durations, what is deleted stays for a while, `deleting`, as on AWS.

It comes after what refuses deletions, and answers in moto's place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .backends import backend
from .clock import MINUTE
from .errors import AwsError
from .request import AwsRequest
from .strict.ec2_gateways import let_go

if TYPE_CHECKING:
    from .app import Sandbox

# What is deleted, by its name in requests and answers; minutes; moto's store.
TRANSIT = [
    ("TransitGateway", "TransitGatewayId", 1, "transit_gateways"),
    ("TransitGatewayVpcAttachment", "TransitGatewayAttachmentId", 0.5, "transit_gateway_attachments"),
]


def install(sandbox: Sandbox) -> None:
    for kind, named_by, minutes, store in TRANSIT:
        sandbox.intercept("ec2", f"Delete{kind}", _leaving(sandbox, kind, named_by, minutes * MINUTE, store))
    sandbox.intercept("ec2", "DeleteVpcEndpoints", _leaving_endpoints(sandbox))
    sandbox.amend("ec2", "DeleteNatGateway", _leaving_nat_gateway(sandbox))


def _leaving(sandbox: Sandbox, kind: str, named_by: str, seconds: float, store: str) -> Any:
    def intercept(request: AwsRequest) -> dict[str, Any] | None:
        if sandbox.time_scale == 0:
            return None
        known, name = getattr(backend("ec2", request.region), store), request.params[named_by]
        if known[name].state != "available":
            raise AwsError("IncorrectState", f"{name} is in invalid state")
        known[name].state = "deleting"
        sandbox.clock.after("ec2", seconds, lambda: known.pop(name, None))
        return {kind: {named_by: name, "State": "deleting"}}

    return intercept


def _leaving_endpoints(sandbox: Sandbox) -> Any:
    def intercept(request: AwsRequest) -> dict[str, Any] | None:
        if sandbox.time_scale == 0:
            return None
        ec2 = backend("ec2", request.region)
        for name in request.params["VpcEndpointIds"]:
            endpoint = ec2.vpc_end_points.get(name)
            if endpoint is None or endpoint.vpc_endpoint_type != "Interface":
                ec2.delete_vpc_endpoints([name])  # a gateway endpoint is but a route
            elif endpoint.state != "deleting":
                endpoint.state = "deleting"
                sandbox.clock.after("ec2", MINUTE, lambda name=name: _end_endpoint(ec2, name))
        return {"Unsuccessful": []}

    return intercept


def _end_endpoint(ec2: Any, name: str) -> None:
    ec2.delete_vpc_endpoints([name])
    ec2.vpc_end_points.pop(name, None)


def _leaving_nat_gateway(sandbox: Sandbox) -> Any:
    def amend(request: AwsRequest, _result: dict[str, Any]) -> None:
        ec2 = backend("ec2", request.region)
        nat = ec2.nat_gateways[request.params["NatGatewayId"]]
        nat.state = "deleting"

        def gone() -> None:
            nat.state = "deleted"
            let_go(ec2, nat)

        sandbox.clock.after("ec2", MINUTE, gone)

    return amend
