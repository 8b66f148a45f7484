"""EC2 refuses to delete what other resources depend on; moto allows most of these deletions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend
from .interfaces import lingering, sync

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    ec2 = sandbox.service("ec2")
    ec2.state("DeleteVpc", refuse_vpc_with_dependents)
    ec2.state("DeleteSubnet", refuse_subnet_with_dependents)
    ec2.state("DeleteSecurityGroup", refuse_group_with_dependents)
    ec2.state("DetachInternetGateway", refuse_detach_with_public_addresses)
    ec2.state("ReleaseAddress", refuse_associated_address)


def refuse_vpc_with_dependents(request: AwsRequest) -> None:
    ec2 = backend("ec2", request.region)
    vpc = ec2.get_vpc(request.params["VpcId"]).id
    dependents = [subnet.id for zone in ec2.subnets.values() for subnet in zone.values() if subnet.vpc_id == vpc]
    dependents += [
        table.id for table in ec2.route_tables.values() if table.vpc_id == vpc and not table.main_association_id
    ]
    dependents += [group.id for group in ec2.groups.get(vpc, {}).values() if group.name != "default"]
    dependents += [acl.id for acl in ec2.network_acls.values() if acl.vpc_id == vpc and not acl.default]
    dependents += [gateway.id for gateway in ec2.internet_gateways.values() if gateway.vpc and gateway.vpc.id == vpc]
    dependents += [endpoint.id for endpoint in existing_endpoints(ec2) if endpoint.vpc_id == vpc]
    dependents += [
        attachment.id for attachment in ec2.transit_gateway_attachments.values() if attachment.resource_id == vpc
    ]
    if dependents:
        raise AwsError("DependencyViolation", f"The vpc '{vpc}' has dependencies and cannot be deleted.")


def refuse_subnet_with_dependents(request: AwsRequest) -> None:
    subnet = backend("ec2", request.region).get_subnet(request.params["SubnetId"])
    if any(True for _ in subnet_dependents(request.region, subnet)):
        raise AwsError("DependencyViolation", f"The subnet '{subnet.id}' has dependencies and cannot be deleted.")


def refuse_group_with_dependents(request: AwsRequest) -> None:
    ec2 = backend("ec2", request.region)
    group = ec2.get_security_group_from_id(request.params.get("GroupId"))
    if group is None:
        return
    if group.name == "default":
        raise AwsError("CannotDelete", f'the specified group: "{group.id}" name: "default" cannot be deleted by a user')
    if any(True for _ in group_dependents(request.region, group.id)):
        raise AwsError("DependencyViolation", f"resource {group.id} has a dependent object")


def refuse_detach_with_public_addresses(request: AwsRequest) -> None:
    ec2 = backend("ec2", request.region)
    vpc = request.params["VpcId"]
    mapped = [nat for nat in existing_nat_gateways(ec2) if nat.vpc_id == vpc and nat.connectivity_type != "private"]
    mapped += [lb for lb in load_balancers(request.region) if lb.vpc_id == vpc and lb.scheme != "internal"]
    mapped += [one for one in lingering(ec2) if one.public and ec2.get_subnet(one.subnet).vpc_id == vpc]
    mapped += [address for address in ec2.addresses if address.eni is not None and address.eni.subnet.vpc_id == vpc]
    if mapped:
        raise AwsError(
            "DependencyViolation",
            f"Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.",
        )


def refuse_associated_address(request: AwsRequest) -> None:
    allocation = request.params.get("AllocationId")
    for address in backend("ec2", request.region).addresses:
        if address.allocation_id == allocation and address.association_id:
            raise AwsError("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")


def subnet_dependents(region: str, subnet: Any) -> Iterator[str]:
    """All services use a subnet through network interfaces, except transit gateways."""
    ec2 = backend("ec2", region)
    sync(region)
    for attachment in ec2.transit_gateway_attachments.values():
        if subnet.id in getattr(attachment, "subnet_ids", []):
            yield attachment.id
    yield from (eni.id for eni in ec2.enis.values() if eni.subnet.id == subnet.id)


def group_dependents(region: str, group_id: str) -> Iterator[str]:
    ec2 = backend("ec2", region)
    sync(region)
    for groups in ec2.groups.values():
        for other in groups.values():
            rules = [*other.ingress_rules, *other.egress_rules]
            if other.id != group_id and any(rule.source_group.get("GroupId") == group_id for rule in rules):
                yield other.id
    rds = backend("rds", region)
    for database in [*rds.databases.values(), *rds.clusters.values()]:
        if group_id in (database.vpc_security_group_ids or []):
            yield database.resource_id
    for eni in ec2.enis.values():
        if group_id in [group.id for group in eni.group_set]:
            yield eni.id


def existing_nat_gateways(ec2: Any) -> list[Any]:
    return [nat for nat in ec2.nat_gateways.values() if nat.state not in ("deleted", "failed")]


def existing_endpoints(ec2: Any) -> list[Any]:
    return [endpoint for endpoint in ec2.vpc_end_points.values() if endpoint.state != "deleted"]


def load_balancers(region: str) -> list[Any]:
    return list(backend("elbv2", region).load_balancers.values())
