"""ECS."""

from __future__ import annotations

from ...server.installer import installer

install = installer(__name__, "clusters", "rollouts", "services", "task_definitions")
