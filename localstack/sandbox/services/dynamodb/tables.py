"""Tables: changes of encryption, and of the time to live at most once an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...clock import MINUTE
from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox

HOUR = 60 * MINUTE


def install(sandbox: Sandbox) -> None:
    dynamodb = sandbox.service("dynamodb")
    dynamodb.state("UpdateTimeToLive", check_time_to_live)
    dynamodb.amend("UpdateTable", encrypt)
    dynamodb.amend("UpdateTimeToLive", _changing(sandbox))


def encrypt(request: AwsRequest, result: dict[str, Any]) -> None:
    """moto ignores changes of a table's encryption."""
    encryption = request.params.get("SSESpecification")
    if encryption is not None:
        table = backend("dynamodb", request.region).get_table(request.params["TableName"])
        table.sse_specification = {**(table.sse_specification or {}), **encryption}
        result["TableDescription"] = table.describe()["TableDescription"]


def check_time_to_live(request: AwsRequest) -> None:
    """Refuses no change, a change of the attribute while enabled, and a second change within an hour."""
    table = backend("dynamodb", request.region).tables.get(request.params["TableName"])
    specification = request.params["TimeToLiveSpecification"]
    if table is None:
        return
    status, attribute = table.ttl["TimeToLiveStatus"], table.ttl.get("AttributeName")
    enabled = status in ("ENABLED", "ENABLING")
    if enabled and attribute != specification["AttributeName"]:
        message = f"TimeToLive is active on a different AttributeName: current AttributeName is {attribute}"
        raise AwsError("ValidationException", message)
    if enabled == specification["Enabled"]:
        raise AwsError("ValidationException", f"TimeToLive is already {'enabled' if enabled else 'disabled'}")
    if status in ("ENABLING", "DISABLING"):
        message = "Time to live has been modified multiple times within a fixed interval"
        raise AwsError("ValidationException", message)


def _changing(sandbox: Sandbox) -> Any:
    def amend(request: AwsRequest, _result: dict[str, Any]) -> None:
        table = backend("dynamodb", request.region).get_table(request.params["TableName"])
        final = table.ttl["TimeToLiveStatus"]
        table.ttl["TimeToLiveStatus"] = final.removesuffix("ED") + "ING"
        sandbox.clock.after("dynamodb", HOUR, lambda: table.ttl.update(TimeToLiveStatus=final))

    return amend
