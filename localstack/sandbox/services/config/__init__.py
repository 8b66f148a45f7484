"""AWS Config."""

from __future__ import annotations

from ...server.installer import installer

install = installer(__name__, "compliance", "recorders", "rules")
