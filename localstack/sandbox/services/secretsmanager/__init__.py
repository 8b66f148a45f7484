"""Secrets Manager."""

from __future__ import annotations

from ...server.installer import installer

install = installer(__name__, "owned_secrets", "replicas", "rotation")
