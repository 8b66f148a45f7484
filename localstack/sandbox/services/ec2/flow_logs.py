"""Flow logs may name their log group by ARN, and differ by what they record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ec2.models.flow_logs import FlowLogsBackend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    FlowLogsBackend.create_flow_logs = _naming_the_group(FlowLogsBackend.create_flow_logs)  # type: ignore[method-assign]


def _naming_the_group(original: Any) -> Any:
    def create_flow_logs(self: Any, **given: Any) -> Any:
        destination = given["log_destination"]
        if destination and ":log-group:" in destination:
            given["log_group_name"] = destination.partition(":log-group:")[2].removesuffix(":*")
        return original(self, **given)

    return create_flow_logs
