"""SQS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import metrics, queues

if TYPE_CHECKING:
    from ...app import Sandbox

MODULES = (queues, metrics)


def install(sandbox: Sandbox) -> None:
    for module in MODULES:
        module.install(sandbox)
