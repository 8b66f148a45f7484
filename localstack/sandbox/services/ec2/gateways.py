"""NAT gateways and endpoints: ClientToken, and the objects that are deleted with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.utils import get_service_model
from moto.ec2.utils import random_private_ip

from ...server import idempotency
from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    for operation in operations_with_token():
        idempotency.by_client_token(sandbox, "ec2", operation)
    ec2 = sandbox.service("ec2")
    ec2.exists(("DeleteNatGateway", "DescribeNatGateways"), nat_gateway_exists)
    ec2.amend("DescribeNatGateways", show_connectivity)
    ec2.amend("CreateVpcEndpoint", default_to_gateway)
    ec2.amend("ModifyVpcEndpoint", apply_change)
    ec2.amend("DeleteVpcEndpoints", forget_endpoints)


def operations_with_token() -> list[str]:
    """The EC2 calls that create something and take a ClientToken."""
    model = get_service_model("ec2")
    shapes = {
        name: model.operation_model(name).input_shape for name in model.operation_names if name.startswith("Create")
    }
    return [name for name, shape in shapes.items() if shape is not None and "ClientToken" in shape.members]


def nat_gateway_exists(request: AwsRequest) -> None:
    ids = request.params.get("NatGatewayIds") or [request.params.get("NatGatewayId")]
    known = backend("ec2", request.region).nat_gateways
    for gateway_id in ids:
        if gateway_id and gateway_id not in known:
            raise AwsError("NatGatewayNotFound", f"The Nat Gateway {gateway_id} was not found")


def show_connectivity(request: AwsRequest, result: dict[str, Any]) -> None:
    known = backend("ec2", request.region).nat_gateways
    for gateway in result.get("NatGateways", []):
        gateway["ConnectivityType"] = known[gateway["NatGatewayId"]].connectivity_type or "public"


def release_address_and_interface(ec2: Any, nat: Any) -> None:
    """Releases what moto leaves behind of a deleted NAT gateway."""
    for address in ec2.addresses:
        if address.eni is nat._eni:
            address.eni = address.association_id = None
    ec2.enis.pop(nat._eni.id, None)


def default_to_gateway(request: AwsRequest, result: dict[str, Any]) -> None:
    """Without a type, an endpoint is a gateway endpoint. moto can't delete it unless the type is set."""
    created = backend("ec2", request.region).vpc_end_points.get(result["VpcEndpoint"]["VpcEndpointId"])
    if created is not None and not created.vpc_endpoint_type:
        created.vpc_endpoint_type = result["VpcEndpoint"]["VpcEndpointType"] = "Gateway"


def apply_change(request: AwsRequest, _result: dict[str, Any]) -> None:
    """moto stores the new ids, but doesn't change private DNS, routes and interfaces."""
    ec2, params = backend("ec2", request.region), request.params
    endpoint = ec2.vpc_end_points[params["VpcEndpointId"]]
    if "PrivateDnsEnabled" in params:
        endpoint.private_dns_enabled = params["PrivateDnsEnabled"]
    list_id = endpoint.destination_prefix_list_id
    for table in params.get("AddRouteTableIds", []):
        ec2.create_route(table, None, gateway_id=endpoint.id, destination_prefix_list_id=list_id)
    for table in params.get("RemoveRouteTableIds", []):
        ec2.delete_route(table, list_id)
    removed = params.get("RemoveSubnetIds", [])
    for interface in [one for one in endpoint.network_interface_ids if ec2.enis[one].subnet.id in removed]:
        endpoint.network_interface_ids.remove(interface)
        del ec2.enis[interface]
    for subnet in params.get("AddSubnetIds", []):
        endpoint.network_interface_ids.append(ec2.create_network_interface(subnet, random_private_ip()).id)


def forget_endpoints(request: AwsRequest, _result: dict[str, Any]) -> None:
    """moto lists deleted endpoints for ever; AWS stops within a minute."""
    endpoints = backend("ec2", request.region).vpc_end_points
    for one in request.params.get("VpcEndpointIds", []):
        if one in endpoints and endpoints[one].state == "deleted":
            del endpoints[one]
