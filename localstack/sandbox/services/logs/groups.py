"""Log groups: allowed retention periods, and changes of the KMS key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
DAYS = {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}


def install(sandbox: Sandbox) -> None:
    logs = sandbox.service("logs")
    logs.validate("PutRetentionPolicy", check_retention)
    logs.answer(("AssociateKmsKey", "DisassociateKmsKey"), set_key)


def check_retention(request: AwsRequest) -> None:
    if request.params["retentionInDays"] not in DAYS:
        raise AwsError(
            "InvalidParameterException", "1 validation error detected: retentionInDays is not in the valid set"
        )


def set_key(request: AwsRequest) -> dict[str, Any]:
    params = request.params
    name = params.get("logGroupName") or params["resourceIdentifier"].partition(":log-group:")[2].removesuffix(":*")
    group = backend("logs", request.region).groups.get(name)
    if group is None:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    group.kms_key_id = params.get("kmsKeyId")
    return {}
