"""DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import indexes, tables

if TYPE_CHECKING:
    from ...app import Sandbox

MODULES = (indexes, tables)


def install(sandbox: Sandbox) -> None:
    for module in MODULES:
        module.install(sandbox)
