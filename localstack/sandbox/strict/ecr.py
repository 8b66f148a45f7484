"""Repositories are encrypted with keys that stand, and what isn't said of scanning is no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..backends import backend
from ..errors import AwsError
from ..request import AwsRequest

if TYPE_CHECKING:
    from ..app import Sandbox


def install(sandbox: Sandbox) -> None:
    sandbox.intercept("ecr", "CreateRepository", refuse_unknown_key)
    sandbox.amend("ecr", "PutImageScanningConfiguration", scan_unless_not_said)


def refuse_unknown_key(request: AwsRequest) -> None:
    encryption = request.params.get("encryptionConfiguration") or {}
    key = encryption.get("kmsKey")
    if key is None:
        return
    keys = backend("kms", request.region).keys
    known = keys.get(key.rpartition("/")[2])
    if known is None or not known.enabled:
        raise AwsError("KmsException", f"The key {key} does not exist or is not enabled.")


def scan_unless_not_said(request: AwsRequest, result: dict[str, Any]) -> None:
    """moto leaves it as it was if the request says nothing of it; clients leave out what is false."""
    wanted = {"scanOnPush": False, **(request.params.get("imageScanningConfiguration") or {})}
    repository = backend("ecr", request.region).repositories[request.params["repositoryName"]]
    repository.image_scanning_configuration = result["imageScanningConfiguration"] = wanted
