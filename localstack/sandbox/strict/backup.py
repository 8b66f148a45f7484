"""Backup selections and vault policies, which moto lacks, and tags, which it reads only by way of a slash at the end."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ..backends import backend
from ..errors import AwsError
from ..request import AwsRequest
from .backup_plans import standing

if TYPE_CHECKING:
    from ..app import Sandbox


def install(sandbox: Sandbox) -> None:
    vault_policies = VaultPolicies()
    selections = Selections()
    for name, store in (("BackupVaultAccessPolicy", vault_policies), ("BackupSelection", selections)):
        for verb, handler in store.handlers.items():
            sandbox.intercept("backup", f"{verb}{name}", handler)
        sandbox.on_reset(store.clear)
    sandbox.intercept("backup", "ListTags", list_tags)
    sandbox.intercept("backup", "ListBackupSelections", selections.list)
    sandbox.intercept("backup", "DeleteBackupPlan", selections.refuse_plan_delete)
    sandbox.amend("backup", "DeleteBackupVault", vault_policies.forget)


def vault_of(request: AwsRequest) -> Any:
    name = request.params["BackupVaultName"]
    vault = backend("backup", request.region).vaults.get(name)
    if vault is None:
        raise AwsError("ResourceNotFoundException", f"Backup vault {name} not found.")
    return vault


def list_tags(request: AwsRequest) -> dict[str, Any]:
    """Some SDKs end the path with a slash, others don't."""
    return {"Tags": backend("backup", request.region).list_tags(request.params["ResourceArn"])}


class VaultPolicies:
    def __init__(self) -> None:
        self._policies: dict[tuple[str, str], str] = {}
        self.clear = self._policies.clear
        self.handlers = {"Put": self.put, "Get": self.get, "Delete": self.delete}

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


class Selections:
    def __init__(self) -> None:
        self._selections: dict[tuple[str, str], dict[str, Any]] = {}
        self.clear = self._selections.clear
        self.handlers = {"Create": self.create, "Get": self.get, "Delete": self.delete}

    def create(self, request: AwsRequest) -> dict[str, Any]:
        plan = standing(request).backup_plan_id
        wanted = request.params["BackupSelection"]
        for one in self._of(plan):
            if one["BackupSelection"]["SelectionName"] == wanted["SelectionName"]:
                if request.params.get("CreatorRequestId") not in (None, one["CreatorRequestId"]):
                    raise AwsError("AlreadyExistsException", f"{wanted['SelectionName']} exists already.")
                return self._summary(one)
        made = {
            "SelectionId": str(uuid.uuid4()),
            "BackupPlanId": plan,
            "CreationDate": datetime.now(timezone.utc),
            "CreatorRequestId": request.params.get("CreatorRequestId"),
            "BackupSelection": wanted,
        }
        self._selections[plan, made["SelectionId"]] = made
        return self._summary(made)

    def get(self, request: AwsRequest) -> dict[str, Any]:
        return self._named(request)

    def delete(self, request: AwsRequest) -> dict[str, Any]:
        found = self._named(request)
        del self._selections[found["BackupPlanId"], found["SelectionId"]]
        return {}

    def list(self, request: AwsRequest) -> dict[str, Any]:
        return {"BackupSelectionsList": [self._summary(one) for one in self._of(standing(request).backup_plan_id)]}

    def refuse_plan_delete(self, request: AwsRequest) -> None:
        if self._of(request.params["BackupPlanId"]):
            raise AwsError(
                "InvalidRequestException",
                "Related backup plan selections must be deleted prior to backup plan deletion",
            )

    def _of(self, plan: str) -> Any:
        return [one for (of, _), one in self._selections.items() if of == plan]

    def _named(self, request: AwsRequest) -> dict[str, Any]:
        found = self._selections.get((request.params["BackupPlanId"], request.params["SelectionId"]))
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Cannot find selection {request.params['SelectionId']}")
        return found

    def _summary(self, one: dict[str, Any]) -> dict[str, Any]:
        about = one["BackupSelection"]
        return {
            **{name: one[name] for name in ("SelectionId", "BackupPlanId", "CreationDate", "CreatorRequestId")},
            "SelectionName": about["SelectionName"],
            "IamRoleArn": about["IamRoleArn"],
        }
