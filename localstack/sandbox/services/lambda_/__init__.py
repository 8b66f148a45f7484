"""The Lambda API; `sandbox.functions` runs the functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import functions, interfaces, queue_mappings

if TYPE_CHECKING:
    from ...app import Sandbox

MODULES = (interfaces, functions, queue_mappings)


def install(sandbox: Sandbox) -> None:
    for module in MODULES:
        module.install(sandbox)
