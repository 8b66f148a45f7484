"""Flow logs may name their log group by ARN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ec2.models.flow_logs import FlowLogsBackend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    FlowLogsBackend.create_flow_logs = _with_group_name(FlowLogsBackend.create_flow_logs)  # type: ignore[method-assign]


def _with_group_name(original: Any) -> Any:
    def create_flow_logs(self: Any, **settings: Any) -> Any:
        destination = settings["log_destination"]
        if destination and ":log-group:" in destination:
            settings["log_group_name"] = destination.partition(":log-group:")[2].removesuffix(":*")
        return original(self, **settings)

    return create_flow_logs
