"""EventBridge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import deliveries

if TYPE_CHECKING:
    from ...app import Sandbox

MODULES = (deliveries,)


def install(sandbox: Sandbox) -> None:
    for module in MODULES:
        module.install(sandbox)
