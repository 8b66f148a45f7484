"""EC2: networks."""

from __future__ import annotations

from ...server.installer import installer

# `creations` is first: what amends the same answers copies or completes the pending state.
install = installer(
    __name__,
    "creations",
    "dependencies",
    "filters",
    "flow_logs",
    "gateways",
    "id_filters",
    "interfaces",
    "network_acls",
    "security_groups",
    "subnets",
    "transit_gateways",
    "zones",
    "deletions",
)
