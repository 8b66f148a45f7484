"""The Lambda API; `sandbox.functions` runs the functions."""

from __future__ import annotations

from ...server.installer import installer

install = installer(__name__, "interfaces", "functions", "queue_mappings")
