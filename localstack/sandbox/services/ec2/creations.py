"""How long EC2 takes to create things."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server import pending
from ...server.pending import Creation, Find, at
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    pending.install(sandbox, "ec2", CREATIONS)


def _in(store: str, path: str) -> Find:
    def find(request: AwsRequest, result: dict[str, Any]) -> Any:
        return getattr(backend("ec2", request.region), store)[at(result, path)]

    return find


CREATIONS = [
    Creation("CreateNatGateway", 2, _in("nat_gateways", "NatGateway.NatGatewayId")),
    Creation("CreateTransitGateway", 2, _in("transit_gateways", "TransitGateway.TransitGatewayId")),
    Creation(
        "CreateTransitGatewayVpcAttachment",
        1,
        _in("transit_gateway_attachments", "TransitGatewayVpcAttachment.TransitGatewayAttachmentId"),
    ),
    Creation("CreateVpcEndpoint", 1, _in("vpc_end_points", "VpcEndpoint.VpcEndpointId")),
]
