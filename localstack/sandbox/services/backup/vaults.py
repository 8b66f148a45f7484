"""Access policies of vaults, which moto lacks, and their recovery points: none, because the sandbox never backs up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    policies = AccessPolicies()
    sandbox.on_reset(policies.clear)
    backup = sandbox.service("backup")
    backup.answer("PutBackupVaultAccessPolicy", policies.put)
    backup.answer("GetBackupVaultAccessPolicy", policies.get)
    backup.answer("DeleteBackupVaultAccessPolicy", policies.delete)
    backup.answer("ListRecoveryPointsByBackupVault", no_recovery_points)
    backup.answer("ListTags", list_tags)
    backup.amend("DeleteBackupVault", policies.forget)


def vault_of(request: AwsRequest) -> Any:
    name = request.params["BackupVaultName"]
    vault = backend("backup", request.region).vaults.get(name)
    if vault is None:
        raise AwsError("ResourceNotFoundException", f"Backup vault {name} not found.")
    return vault


def list_tags(request: AwsRequest) -> dict[str, Any]:
    """moto requires a slash at the end of the path, which some SDKs omit."""
    return {"Tags": backend("backup", request.region).list_tags(request.params["ResourceArn"])}


def no_recovery_points(request: AwsRequest) -> dict[str, Any]:
    vault_of(request)
    return {"RecoveryPoints": []}


class AccessPolicies:
    def __init__(self) -> None:
        self._policies: dict[tuple[str, str], str] = {}
        self.clear = self._policies.clear

    def put(self, request: AwsRequest) -> dict[str, Any]:
        vault = vault_of(request)
        self._policies[request.region, vault.backup_vault_name] = request.params["Policy"]
        return {}

    def get(self, request: AwsRequest) -> dict[str, Any]:
        vault = vault_of(request)
        policy = self._policies.get((request.region, vault.backup_vault_name))
        if policy is None:
            raise AwsError("ResourceNotFoundException", f"{vault.backup_vault_name} has no access policy.")
        return {
            "BackupVaultName": vault.backup_vault_name,
            "BackupVaultArn": vault.backup_vault_arn,
            "Policy": policy,
        }

    def delete(self, request: AwsRequest) -> dict[str, Any]:
        self._policies.pop((request.region, vault_of(request).backup_vault_name), None)
        return {}

    def forget(self, request: AwsRequest, _result: dict[str, Any]) -> None:
        self._policies.pop((request.region, request.params["BackupVaultName"]), None)
