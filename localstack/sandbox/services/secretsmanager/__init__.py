"""Secrets Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import owned_secrets, replicas, rotation

if TYPE_CHECKING:
    from ...app import Sandbox

MODULES = (owned_secrets, replicas, rotation)


def install(sandbox: Sandbox) -> None:
    for module in MODULES:
        module.install(sandbox)
