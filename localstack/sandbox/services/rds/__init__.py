"""RDS: Aurora clusters."""

from __future__ import annotations

from ...server.installer import installer

install = installer(
    __name__,
    "engines",
    "global_clusters",
    "instances",
    "creations",
    "clusters",
    "parameters",
    "passwords",
    "names_and_dependents",
    "subnet_groups",
    "subscriptions",
    "interfaces",
    "deletions",
)
