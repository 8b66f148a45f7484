"""Subnet groups: modification by AWS's rules. Instances of a cluster show the cluster's group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    rds = sandbox.service("rds")
    rds.answer("ModifyDBSubnetGroup", modify)
    rds.amend("DescribeDBInstances", show_in_instances)


def modify(request: AwsRequest) -> dict[str, Any]:
    """moto loses a modified group."""
    name = request.params["DBSubnetGroupName"]
    group = backend("rds", request.region).subnet_groups.get(name)
    if group is None:
        raise AwsError("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.", 404)
    subnets = [_subnet(request.region, one) for one in request.params["SubnetIds"]]
    _check_subnets(request.region, group, subnets)
    group._subnets = subnets
    group.description = request.params.get("DBSubnetGroupDescription") or group.description
    return {"DBSubnetGroup": shown(group)}


def _subnet(region: str, subnet_id: str) -> Any:
    for zone in backend("ec2", region).subnets.values():
        if subnet_id in zone:
            return zone[subnet_id]
    raise AwsError("InvalidSubnet", f"The subnet {subnet_id} does not exist.")


def _check_subnets(region: str, group: Any, subnets: list[Any]) -> None:
    if {subnet.vpc_id for subnet in subnets} != {group.vpc_id}:
        raise AwsError("InvalidSubnet", f"The subnets are not all in {group.vpc_id}.")
    zones = {subnet.availability_zone for subnet in subnets}
    if len(zones) < 2:
        raise AwsError(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement."
            f" Current AZ coverage: {', '.join(zones)}. Add subnets to cover at least 2 AZs.",
        )
    for instance in backend("rds", region).databases.values():
        if group_of(region, instance) is group and instance.availability_zone not in zones:
            raise AwsError(
                "SubnetAlreadyInUse",
                f"Some of the subnets to be deleted are currently in use: {instance.db_instance_identifier}",
            )


def group_of(region: str, instance: Any) -> Any:
    """The subnet group of an instance: for a member of a cluster, the cluster's. None if it outlives the cluster."""
    rds = backend("rds", region)
    cluster = rds.clusters.get(getattr(instance, "db_cluster_identifier", None))
    if cluster is None:
        return getattr(instance, "db_subnet_group", None)
    return rds.subnet_groups.get(cluster.db_subnet_group_name)


def shown(group: Any) -> dict[str, Any]:
    return {
        "DBSubnetGroupName": group.name,
        "DBSubnetGroupDescription": group.description,
        "DBSubnetGroupArn": group.arn,
        "VpcId": group.vpc_id,
        "SubnetGroupStatus": group.subnet_group_status,
        "Subnets": group.subnets,
    }


def show_in_instances(request: AwsRequest, result: dict[str, Any]) -> None:
    known = backend("rds", request.region).databases
    for instance in result.get("DBInstances", []):
        group = group_of(request.region, known[instance["DBInstanceIdentifier"]])
        if group and not instance.get("DBSubnetGroup"):
            instance["DBSubnetGroup"] = shown(group)
