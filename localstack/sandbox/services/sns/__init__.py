"""SNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import deliveries, topics

if TYPE_CHECKING:
    from ...app import Sandbox

MODULES = (topics, deliveries)


def install(sandbox: Sandbox) -> None:
    for module in MODULES:
        module.install(sandbox)
