"""The network interfaces of database instances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...server.stores import backend
from ..ec2.interfaces import SOURCES, ServiceInterface
from .subnet_groups import group_of

if TYPE_CHECKING:
    from ...app import Sandbox


def install(_sandbox: Sandbox) -> None:
    SOURCES["rds"] = _of_region


def _of_region(region: str) -> Iterator[ServiceInterface]:
    for instance in backend("rds", region).databases.values():
        yield from _of_instance(region, instance)


def _of_instance(region: str, instance: Any) -> Iterator[ServiceInterface]:
    """An instance has an interface only in the group's subnet of its own zone."""
    cluster = backend("rds", region).clusters.get(getattr(instance, "db_cluster_identifier", None))
    group = group_of(region, instance)
    for subnet in group._subnets if group else ():
        if subnet.availability_zone == instance.availability_zone:
            groups = tuple((cluster or instance).vpc_security_group_ids or ())
            yield ServiceInterface(f"RDSNetworkInterface {instance.resource_id}", subnet.id, groups)
