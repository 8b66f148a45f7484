"""Filters by id, which moto lacks for network ACLs and endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ec2.models.network_acls import NetworkAcl
from moto.ec2.models.vpcs import VPCEndPoint

if TYPE_CHECKING:
    from ...app import Sandbox


def install(_sandbox: Sandbox) -> None:
    for kind, name in ((NetworkAcl, "network-acl-id"), (VPCEndPoint, "vpc-endpoint-id")):
        kind.get_filter_value = _with_id_filter(kind.get_filter_value, name)  # type: ignore[method-assign]


def _with_id_filter(original: Any, id_filter: str) -> Any:
    def get_filter_value(self: Any, filter_name: str, *rest: Any, **named: Any) -> Any:
        return self.id if filter_name == id_filter else original(self, filter_name, *rest, **named)

    return get_filter_value
