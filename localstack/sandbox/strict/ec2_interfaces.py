"""The network interfaces through which services stand in subnets. moto makes only NAT gateways' and endpoints', unnamed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.ec2.models.elastic_network_interfaces import NetworkInterface

from ..app import ACCOUNT
from ..backends import backend
from ..errors import AwsError
from ..request import AwsRequest
from .rds_subnet_groups import group_of

if TYPE_CHECKING:
    from ..app import Sandbox

FILTERS = {"status": "status", "interface-type": "interface_type"}
PLAIN, LAMBDA = "interface", "lambda"


@dataclass(frozen=True)
class Wanted:
    description: str
    subnet: str
    groups: tuple[str, ...]
    kind: str = PLAIN
    # Whether it has a public address.
    public: bool = False

    @property
    def key(self) -> tuple[Any, ...]:
        """Lambda has one for each combination of subnet and groups; elsewhere the groups of one change."""
        return (self.description, self.subnet, self.groups if self.kind == LAMBDA else ())


def install(sandbox: Sandbox) -> None:
    NetworkInterface.get_filter_value = _knowing_more(NetworkInterface.get_filter_value)  # type: ignore[method-assign]
    sandbox.intercept("ec2", "DescribeNetworkInterfaces", lambda request: settle(request.region))
    sandbox.intercept("ec2", "DeleteNetworkInterface", refuse_services_own)


def _knowing_more(original: Any) -> Any:
    def get_filter_value(self: Any, filter_name: str, *rest: Any, **named: Any) -> Any:
        attribute = FILTERS.get(filter_name)
        return getattr(self, attribute) if attribute else original(self, filter_name, *rest, **named)

    return get_filter_value


def refuse_services_own(request: AwsRequest) -> None:
    settle(request.region)
    one = backend("ec2", request.region).enis.get(request.params["NetworkInterfaceId"])
    if one is not None and one.requester_managed:
        raise AwsError("InvalidParameterValue", f"Network interface '{one.id}' is currently in use.")


def settle(region: str) -> None:
    """Each service has the interfaces it needs by now, and none that it needed before."""
    ec2 = backend("ec2", region)
    made = ec2.__dict__.setdefault("services_interfaces", {})
    wanted = {one.key: one for one in (*left_behind(ec2), *_wanted(region))}
    for key in made.keys() - wanted.keys():
        ec2.enis.pop(made.pop(key).id, None)
    for key, one in wanted.items():
        if key not in made:
            made[key] = ec2.create_network_interface(one.subnet, None)
        _dress(ec2, made[key], one.description, one.kind, one.groups)
    _dress_gateways_and_endpoints(ec2)


def interface_of(region: str, wanted: Wanted) -> NetworkInterface:
    """The interface that a service stands in its subnet with."""
    settle(region)
    return backend("ec2", region).services_interfaces[wanted.key]


def left_behind(ec2: Any) -> list[Wanted]:
    """What nothing needs any more, but is still there."""
    return ec2.__dict__.setdefault("left_behind", [])


def _dress(ec2: Any, interface: Any, description: str, kind: str, groups: Any) -> None:
    interface.description, interface.interface_type = description, kind
    interface.status, interface.requester_managed = "in-use", True
    known = (ec2.get_security_group_from_id(group) for group in groups)
    interface._group_set = [group for group in known if group is not None]


def _dress_gateways_and_endpoints(ec2: Any) -> None:
    for nat in ec2.nat_gateways.values():
        _dress(ec2, nat._eni, f"Interface for NAT Gateway {nat.id}", "nat_gateway", ())
    for endpoint in ec2.vpc_end_points.values():
        for one in endpoint.network_interface_ids:
            if one in ec2.enis:
                described = f"VPC Endpoint Interface {endpoint.id}"
                _dress(ec2, ec2.enis[one], described, "vpc_endpoint", endpoint.security_group_ids)


def _wanted(region: str) -> Iterator[Wanted]:
    from . import ecs_rollouts  # which asks for the addresses of what it starts

    for balancer in backend("elbv2", region).load_balancers.values():
        yield from of_balancer(balancer)
    for instance in backend("rds", region).databases.values():
        yield from of_database(region, instance)
    for function in backend("lambda", region).list_functions():
        yield from of_function(function)
    for task in ecs_rollouts.tasks(region):
        yield of_task(region, task)


def of_balancer(balancer: Any) -> Iterator[Wanted]:
    described = f"ELB {balancer.arn.partition('loadbalancer/')[2]}"
    for subnet in balancer.subnets:
        groups = tuple(balancer.security_groups or ())
        yield Wanted(described, subnet.id, groups, public=faces_internet(balancer))


def faces_internet(balancer: Any) -> bool:
    return balancer.scheme != "internal"


def of_database(region: str, instance: Any) -> Iterator[Wanted]:
    """An instance has its interface in its own zone's subnet of the group only."""
    cluster = backend("rds", region).clusters.get(getattr(instance, "db_cluster_identifier", None))
    group = group_of(region, instance)
    for subnet in group._subnets if group else ():
        if subnet.availability_zone == instance.availability_zone:
            groups = tuple((cluster or instance).vpc_security_group_ids or ())
            yield Wanted(f"RDSNetworkInterface {instance.resource_id}", subnet.id, groups)


def of_function(function: Any) -> Iterator[Wanted]:
    vpc = function.vpc_config or {}
    described = f"AWS Lambda VPC ENI-{function.function_name}-{uuid.uuid5(uuid.NAMESPACE_URL, function.function_arn)}"
    for subnet in vpc.get("SubnetIds", []):
        yield Wanted(described, subnet, tuple(vpc.get("SecurityGroupIds", [])), LAMBDA)


def of_task(region: str, task: Any) -> Wanted:
    described = f"arn:aws:ecs:{region}:{ACCOUNT}:attachment/{task.attachment}"
    return Wanted(described, task.subnet, task.groups, public=task.public)
