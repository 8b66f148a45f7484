"""Secrets that another service owns: only that service changes or deletes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.core.exceptions import ServiceException

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox

# What only the owning service may do. The resource policy and the rotation schedule are the account's.
OWNER_OPERATIONS = (
    "CancelRotateSecret",
    "DeleteSecret",
    "PutSecretValue",
    "ReplicateSecretToRegions",
    "RestoreSecret",
    "TagResource",
    "UntagResource",
    "UpdateSecret",
    "UpdateSecretVersionStage",
)


def install(sandbox: Sandbox) -> None:
    sandbox.service("secretsmanager").state(OWNER_OPERATIONS, refuse_other_callers)


def refuse_other_callers(request: AwsRequest) -> None:
    try:
        secret = backend("secretsmanager", request.region).describe_secret(request.params["SecretId"])
    except ServiceException:
        return  # moto raises the error
    if secret.owning_service is not None:
        message = f"The secret is managed by {secret.owning_service}: use that service to update or delete it."
        raise AwsError("InvalidRequestException", message)
