"""ECS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import clusters, rollouts, services, task_definitions

if TYPE_CHECKING:
    from ...app import Sandbox

MODULES = (clusters, rollouts, services, task_definitions)


def install(sandbox: Sandbox) -> None:
    for module in MODULES:
        module.install(sandbox)
