"""Tables whose encryption changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..backends import backend
from ..request import AwsRequest

if TYPE_CHECKING:
    from ..app import Sandbox


def install(sandbox: Sandbox) -> None:
    sandbox.amend("dynamodb", "UpdateTable", encrypt)


def encrypt(request: AwsRequest, result: dict[str, Any]) -> None:
    """moto leaves a table's encryption as it was made with."""
    encryption = request.params.get("SSESpecification")
    if encryption is not None:
        table = backend("dynamodb", request.region).get_table(request.params["TableName"])
        table.sse_specification = {**(table.sse_specification or {}), **encryption}
        result["TableDescription"] = table.describe()["TableDescription"]
