"""SNS."""

from __future__ import annotations

from ...server.installer import installer

install = installer(__name__, "topics", "deliveries")
