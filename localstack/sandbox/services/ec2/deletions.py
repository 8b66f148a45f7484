"""How long EC2 takes to delete things. With a time scale, a deleted object stays `deleting` for a while, as on AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...clock import MINUTE
from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend
from .gateways import release_address_and_interface

if TYPE_CHECKING:
    from ...app import Sandbox

# The kind in the names of operations and results, the member with its id, minutes, moto's store.
TRANSIT = [
    ("TransitGateway", "TransitGatewayId", 1, "transit_gateways"),
    ("TransitGatewayVpcAttachment", "TransitGatewayAttachmentId", 0.5, "transit_gateway_attachments"),
]


def install(sandbox: Sandbox) -> None:
    ec2 = sandbox.service("ec2")
    for kind, id_member, minutes, store in TRANSIT:
        ec2.answer(f"Delete{kind}", _deleting(sandbox, kind, id_member, minutes * MINUTE, store))
    ec2.answer("DeleteVpcEndpoints", _deleting_endpoints(sandbox))
    ec2.amend("DeleteNatGateway", _deleting_nat_gateway(sandbox))


def _deleting(sandbox: Sandbox, kind: str, id_member: str, seconds: float, store: str) -> Any:
    def answer(request: AwsRequest) -> dict[str, Any] | None:
        if sandbox.time_scale == 0:
            return None
        objects, object_id = getattr(backend("ec2", request.region), store), request.params[id_member]
        if objects[object_id].state != "available":
            raise AwsError("IncorrectState", f"{object_id} is in invalid state")
        objects[object_id].state = "deleting"
        sandbox.clock.after("ec2", seconds, lambda: objects.pop(object_id, None))
        return {kind: {id_member: object_id, "State": "deleting"}}

    return answer


def _deleting_endpoints(sandbox: Sandbox) -> Any:
    def answer(request: AwsRequest) -> dict[str, Any] | None:
        if sandbox.time_scale == 0:
            return None
        ec2 = backend("ec2", request.region)
        for endpoint_id in request.params["VpcEndpointIds"]:
            endpoint = ec2.vpc_end_points.get(endpoint_id)
            if endpoint is None or endpoint.vpc_endpoint_type != "Interface":
                ec2.delete_vpc_endpoints([endpoint_id])  # a gateway endpoint is only a route
            elif endpoint.state != "deleting":
                endpoint.state = "deleting"
                sandbox.clock.after("ec2", MINUTE, lambda endpoint_id=endpoint_id: _delete_endpoint(ec2, endpoint_id))
        return {"Unsuccessful": []}

    return answer


def _delete_endpoint(ec2: Any, endpoint_id: str) -> None:
    ec2.delete_vpc_endpoints([endpoint_id])
    ec2.vpc_end_points.pop(endpoint_id, None)


def _deleting_nat_gateway(sandbox: Sandbox) -> Any:
    def amend(request: AwsRequest, _result: dict[str, Any]) -> None:
        ec2 = backend("ec2", request.region)
        nat = ec2.nat_gateways[request.params["NatGatewayId"]]
        nat.state = "deleting"

        def finish() -> None:
            nat.state = "deleted"
            release_address_and_interface(ec2, nat)

        sandbox.clock.after("ec2", MINUTE, finish)

    return amend
