"""Elastic Load Balancing."""

from __future__ import annotations

from ...server.installer import installer

# `creations` is first: `idempotent_creates` copies the answer with its pending state.
install = installer(__name__, "creations", "idempotent_creates", "listeners_and_targets", "interfaces")
