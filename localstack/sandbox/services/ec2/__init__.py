"""EC2: networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import (
    creations,
    deletions,
    dependencies,
    filters,
    flow_logs,
    gateways,
    id_filters,
    interfaces,
    network_acls,
    security_groups,
    subnets,
    transit_gateways,
    zones,
)

if TYPE_CHECKING:
    from ...app import Sandbox

# `creations` is first: what amends the same answers copies or completes the pending state.
MODULES = (
    creations,
    dependencies,
    filters,
    flow_logs,
    gateways,
    id_filters,
    interfaces,
    network_acls,
    security_groups,
    subnets,
    transit_gateways,
    zones,
    deletions,
)


def install(sandbox: Sandbox) -> None:
    for module in MODULES:
        module.install(sandbox)
