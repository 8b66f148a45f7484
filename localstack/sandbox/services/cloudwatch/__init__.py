"""CloudWatch: alarms, dashboards and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import alarm_tags, alarms, dashboards, metric_api

if TYPE_CHECKING:
    from ...app import Sandbox

MODULES = (alarm_tags, alarms, dashboards, metric_api)


def install(sandbox: Sandbox) -> None:
    for module in MODULES:
        module.install(sandbox)
