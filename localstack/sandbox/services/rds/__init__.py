"""RDS: Aurora clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import (
    clusters,
    engines,
    global_clusters,
    instances,
    interfaces,
    parameter_resets,
    passwords,
    refusals,
    subnet_groups,
    subscriptions,
)

if TYPE_CHECKING:
    from ...app import Sandbox

MODULES = (
    engines,
    global_clusters,
    instances,
    clusters,
    parameter_resets,
    passwords,
    refusals,
    subnet_groups,
    subscriptions,
    interfaces,
)


def install(sandbox: Sandbox) -> None:
    for module in MODULES:
        module.install(sandbox)
