"""Elastic Load Balancing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import creations, idempotent_creates, interfaces

if TYPE_CHECKING:
    from ...app import Sandbox

# `creations` is first: `idempotent_creates` copies the answer with its pending state.
MODULES = (creations, idempotent_creates, interfaces)


def install(sandbox: Sandbox) -> None:
    for module in MODULES:
        module.install(sandbox)
