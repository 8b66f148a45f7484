"""The Resource Groups Tagging API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import resources

if TYPE_CHECKING:
    from ...app import Sandbox

MODULES = (resources,)


def install(sandbox: Sandbox) -> None:
    for module in MODULES:
        module.install(sandbox)
