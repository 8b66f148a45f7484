"""AWS Backup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import plans, selections, vaults

if TYPE_CHECKING:
    from ...app import Sandbox

MODULES = (plans, selections, vaults)


def install(sandbox: Sandbox) -> None:
    for module in MODULES:
        module.install(sandbox)
