"""Repositories are encrypted with keys that stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..backends import backend
from ..errors import AwsError
from ..request import AwsRequest

if TYPE_CHECKING:
    from ..app import Sandbox


def install(sandbox: Sandbox) -> None:
    sandbox.intercept("ecr", "CreateRepository", refuse_unknown_key)


def refuse_unknown_key(request: AwsRequest) -> None:
    encryption = request.params.get("encryptionConfiguration") or {}
    key = encryption.get("kmsKey")
    if key is None:
        return
    keys = backend("kms", request.region).keys
    known = keys.get(key.rpartition("/")[2])
    if known is None or not known.enabled:
        raise AwsError("KmsException", f"The key {key} does not exist or is not enabled.")
