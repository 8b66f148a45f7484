"""CloudWatch: alarms, dashboards and metrics."""

from __future__ import annotations

from ...server.installer import installer

install = installer(__name__, "alarm_tags", "alarms", "dashboards", "metric_api")
