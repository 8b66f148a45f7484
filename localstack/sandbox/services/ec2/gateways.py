"""NAT gateways, endpoints and addresses: tokens, and what goes when the gateway goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.utils import get_service_model
from moto.ec2.utils import random_private_ip

from ...server import client_tokens
from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    for operation in operations_with_token():
        client_tokens.install(sandbox, "ec2", operation)
    ec2 = sandbox.service("ec2")
    ec2.exists(("DeleteNatGateway", "DescribeNatGateways"), nat_gateway_exists)
    ec2.amend("DescribeNatGateways", say_connectivity)
    ec2.amend("CreateVpcEndpoint", settle_type)
    ec2.amend("ModifyVpcEndpoint", finish_change)
    ec2.amend("DeleteVpcEndpoints", forget_endpoints)


def operations_with_token() -> list[str]:
    """Every EC2 call that makes something and takes a ClientToken."""
    model = get_service_model("ec2")
    shapes = {
        name: model.operation_model(name).input_shape for name in model.operation_names if name.startswith("Create")
    }
    return [name for name, shape in shapes.items() if shape is not None and "ClientToken" in shape.members]


def nat_gateway_exists(request: AwsRequest) -> None:
    wanted = request.params.get("NatGatewayIds") or [request.params.get("NatGatewayId")]
    known = backend("ec2", request.region).nat_gateways
    for one in wanted:
        if one and one not in known:
            raise AwsError("NatGatewayNotFound", f"The Nat Gateway {one} was not found")


def say_connectivity(request: AwsRequest, result: dict[str, Any]) -> None:
    known = backend("ec2", request.region).nat_gateways
    for gateway in result.get("NatGateways", []):
        gateway["ConnectivityType"] = known[gateway["NatGatewayId"]].connectivity_type or "public"


def let_go(ec2: Any, nat: Any) -> None:
    """A deleted NAT gateway frees its address and its interface, which moto leaves behind."""
    for address in ec2.addresses:
        if address.eni is nat._eni:
            address.eni = address.association_id = None
    ec2.enis.pop(nat._eni.id, None)


def settle_type(request: AwsRequest, result: dict[str, Any]) -> None:
    """An endpoint of no stated type is a gateway; moto can't delete it unless it says so."""
    made = backend("ec2", request.region).vpc_end_points.get(result["VpcEndpoint"]["VpcEndpointId"])
    if made is not None and not made.vpc_endpoint_type:
        made.vpc_endpoint_type = result["VpcEndpoint"]["VpcEndpointType"] = "Gateway"


def finish_change(request: AwsRequest, _result: dict[str, Any]) -> None:
    """moto only writes the new ids down: it leaves private DNS, the routes and the interfaces as they were."""
    ec2, asked = backend("ec2", request.region), request.params
    endpoint = ec2.vpc_end_points[asked["VpcEndpointId"]]
    if "PrivateDnsEnabled" in asked:
        endpoint.private_dns_enabled = asked["PrivateDnsEnabled"]
    list_id = endpoint.destination_prefix_list_id
    for table in asked.get("AddRouteTableIds", []):
        ec2.create_route(table, None, gateway_id=endpoint.id, destination_prefix_list_id=list_id)
    for table in asked.get("RemoveRouteTableIds", []):
        ec2.delete_route(table, list_id)
    left = asked.get("RemoveSubnetIds", [])
    for one in [one for one in endpoint.network_interface_ids if ec2.enis[one].subnet.id in left]:
        endpoint.network_interface_ids.remove(one)
        del ec2.enis[one]
    for subnet in asked.get("AddSubnetIds", []):
        endpoint.network_interface_ids.append(ec2.create_network_interface(subnet, random_private_ip()).id)


def forget_endpoints(request: AwsRequest, _result: dict[str, Any]) -> None:
    """moto keeps deleted endpoints in its answers for ever; on AWS they vanish within a minute."""
    endpoints = backend("ec2", request.region).vpc_end_points
    for one in request.params.get("VpcEndpointIds", []):
        if one in endpoints and endpoints[one].state == "deleted":
            del endpoints[one]
