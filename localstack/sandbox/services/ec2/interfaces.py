"""The network interfaces of other services (load balancers, databases, functions, tasks) in subnets.

moto creates only those of NAT gateways and endpoints, without a description.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.ec2.models.elastic_network_interfaces import NetworkInterface

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox

FILTERS = {"status": "status", "interface-type": "interface_type"}
PLAIN, LAMBDA = "interface", "lambda"


@dataclass(frozen=True)
class ServiceInterface:
    """An interface that a service needs."""

    description: str
    subnet: str
    groups: tuple[str, ...]
    kind: str = PLAIN
    # Whether it has a public address.
    public: bool = False

    @property
    def key(self) -> tuple[Any, ...]:
        """Lambda has one for each combination of subnet and groups; other services change the groups of one."""
        return (self.description, self.subnet, self.groups if self.kind == LAMBDA else ())


# Service -> the interfaces that it needs in a region. Services add themselves in their `install`.
SOURCES: dict[str, Callable[[str], Iterator[ServiceInterface]]] = {}


def install(sandbox: Sandbox) -> None:
    NetworkInterface.get_filter_value = _with_more_filters(NetworkInterface.get_filter_value)  # type: ignore[method-assign]
    ec2 = sandbox.service("ec2")
    ec2.state("DeleteNetworkInterface", refuse_service_interface)
    ec2.answer("DescribeNetworkInterfaces", lambda request: sync(request.region))


def _with_more_filters(original: Any) -> Any:
    def get_filter_value(self: Any, filter_name: str, *rest: Any, **named: Any) -> Any:
        attribute = FILTERS.get(filter_name)
        return getattr(self, attribute) if attribute else original(self, filter_name, *rest, **named)

    return get_filter_value


def refuse_service_interface(request: AwsRequest) -> None:
    sync(request.region)
    interface = backend("ec2", request.region).enis.get(request.params["NetworkInterfaceId"])
    if interface is not None and interface.requester_managed:
        raise AwsError("InvalidParameterValue", f"Network interface '{interface.id}' is currently in use.")


def sync(region: str) -> None:
    """Creates the interfaces that services need by now, and deletes those that they don't need any more."""
    ec2 = backend("ec2", region)
    existing = ec2.__dict__.setdefault("service_interfaces", {})
    needed = {one.key: one for one in (*lingering(ec2), *_needed(region))}
    for key in existing.keys() - needed.keys():
        ec2.enis.pop(existing.pop(key).id, None)
    for key, one in needed.items():
        if key not in existing:
            existing[key] = ec2.create_network_interface(one.subnet, None)
        _describe(ec2, existing[key], one.description, one.kind, one.groups)
    _describe_gateways_and_endpoints(ec2)


def interface_of(region: str, needed: ServiceInterface) -> NetworkInterface:
    """moto's interface for one that a service needs."""
    sync(region)
    return backend("ec2", region).service_interfaces[needed.key]


def lingering(ec2: Any) -> list[ServiceInterface]:
    """Interfaces whose service doesn't need them any more and that AWS hasn't deleted yet."""
    return ec2.__dict__.setdefault("lingering_interfaces", [])


def _needed(region: str) -> Iterator[ServiceInterface]:
    for source in SOURCES.values():
        yield from source(region)


def _describe(ec2: Any, interface: Any, description: str, kind: str, groups: Iterable[str]) -> None:
    interface.description, interface.interface_type = description, kind
    interface.status, interface.requester_managed = "in-use", True
    known = (ec2.get_security_group_from_id(group) for group in groups)
    interface._group_set = [group for group in known if group is not None]


def _describe_gateways_and_endpoints(ec2: Any) -> None:
    for nat in ec2.nat_gateways.values():
        _describe(ec2, nat._eni, f"Interface for NAT Gateway {nat.id}", "nat_gateway", ())
    for endpoint in ec2.vpc_end_points.values():
        for interface_id in endpoint.network_interface_ids:
            if interface_id in ec2.enis:
                description = f"VPC Endpoint Interface {endpoint.id}"
                _describe(ec2, ec2.enis[interface_id], description, "vpc_endpoint", endpoint.security_group_ids)
