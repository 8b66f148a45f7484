"""What a vault holds: nothing, since nothing is ever backed up here; but one may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.request import AwsRequest
from .vaults import vault_of

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    sandbox.intercept("backup", "ListRecoveryPointsByBackupVault", none_in_vault)


def none_in_vault(request: AwsRequest) -> dict[str, Any]:
    vault_of(request)
    return {"RecoveryPoints": []}
