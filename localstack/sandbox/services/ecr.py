"""ECR: the encryption key must exist, and scanning on push is off unless requested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..server.errors import AwsError
from ..server.request import AwsRequest
from ..server.stores import backend

if TYPE_CHECKING:
    from ..app import Sandbox


def install(sandbox: Sandbox) -> None:
    ecr = sandbox.service("ecr")
    ecr.exists("CreateRepository", key_exists)
    ecr.amend("PutImageScanningConfiguration", default_to_no_scan)


def key_exists(request: AwsRequest) -> None:
    encryption = request.params.get("encryptionConfiguration") or {}
    key = encryption.get("kmsKey")
    if key is None:
        return
    keys = backend("kms", request.region).keys
    known = keys.get(key.rpartition("/")[2])
    if known is None or not known.enabled:
        raise AwsError("KmsException", f"The key {key} does not exist or is not enabled.")


def default_to_no_scan(request: AwsRequest, result: dict[str, Any]) -> None:
    """Clients omit `false`, and moto then keeps the earlier value."""
    configuration = {"scanOnPush": False, **(request.params.get("imageScanningConfiguration") or {})}
    repository = backend("ecr", request.region).repositories[request.params["repositoryName"]]
    repository.image_scanning_configuration = result["imageScanningConfiguration"] = configuration
