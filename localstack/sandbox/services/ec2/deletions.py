"""How long deletions take: with durations, what is deleted stays for a while, `deleting`, as on AWS.

It comes after what refuses deletions, and answers in moto's place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...clock import MINUTE
from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend
from .gateways import let_go

if TYPE_CHECKING:
    from ...app import Sandbox

# What is deleted, by its name in requests and answers; minutes; moto's store.
TRANSIT = [
    ("TransitGateway", "TransitGatewayId", 1, "transit_gateways"),
    ("TransitGatewayVpcAttachment", "TransitGatewayAttachmentId", 0.5, "transit_gateway_attachments"),
]


def install(sandbox: Sandbox) -> None:
    ec2 = sandbox.service("ec2")
    for kind, named_by, minutes, store in TRANSIT:
        ec2.answer(f"Delete{kind}", _deleting(sandbox, kind, named_by, minutes * MINUTE, store))
    ec2.answer("DeleteVpcEndpoints", _deleting_endpoints(sandbox))
    ec2.amend("DeleteNatGateway", _deleting_nat_gateway(sandbox))


def _deleting(sandbox: Sandbox, kind: str, named_by: str, seconds: float, store: str) -> Any:
    def answer(request: AwsRequest) -> dict[str, Any] | None:
        if sandbox.time_scale == 0:
            return None
        known, name = getattr(backend("ec2", request.region), store), request.params[named_by]
        if known[name].state != "available":
            raise AwsError("IncorrectState", f"{name} is in invalid state")
        known[name].state = "deleting"
        sandbox.clock.after("ec2", seconds, lambda: known.pop(name, None))
        return {kind: {named_by: name, "State": "deleting"}}

    return answer


def _deleting_endpoints(sandbox: Sandbox) -> Any:
    def answer(request: AwsRequest) -> dict[str, Any] | None:
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

    return answer


def _end_endpoint(ec2: Any, name: str) -> None:
    ec2.delete_vpc_endpoints([name])
    ec2.vpc_end_points.pop(name, None)


def _deleting_nat_gateway(sandbox: Sandbox) -> Any:
    def amend(request: AwsRequest, _result: dict[str, Any]) -> None:
        ec2 = backend("ec2", request.region)
        nat = ec2.nat_gateways[request.params["NatGatewayId"]]
        nat.state = "deleting"

        def gone() -> None:
            nat.state = "deleted"
            let_go(ec2, nat)

        sandbox.clock.after("ec2", MINUTE, gone)

    return amend
