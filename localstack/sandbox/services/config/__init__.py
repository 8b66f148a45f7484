"""AWS Config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import compliance, recorders, rules

if TYPE_CHECKING:
    from ...app import Sandbox

MODULES = (compliance, recorders, rules)


def install(sandbox: Sandbox) -> None:
    for module in MODULES:
        module.install(sandbox)
