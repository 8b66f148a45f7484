"""Backup selections, which moto lacks."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ...server.errors import AwsError
from ...server.request import AwsRequest
from .plans import existing_plan

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    selections = Selections()
    sandbox.on_reset(selections.clear)
    backup = sandbox.service("backup")
    backup.state("DeleteBackupPlan", selections.refuse_plan_delete)
    backup.answer("CreateBackupSelection", selections.create)
    backup.answer("GetBackupSelection", selections.get)
    backup.answer("DeleteBackupSelection", selections.delete)
    backup.answer("ListBackupSelections", selections.list)


class Selections:
    def __init__(self) -> None:
        self._selections: dict[tuple[str, str], dict[str, Any]] = {}
        self.clear = self._selections.clear

    def create(self, request: AwsRequest) -> dict[str, Any]:
        plan = existing_plan(request).backup_plan_id
        selection = request.params["BackupSelection"]
        for existing in self._of_plan(plan):
            if existing["BackupSelection"]["SelectionName"] == selection["SelectionName"]:
                if request.params.get("CreatorRequestId") not in (None, existing["CreatorRequestId"]):
                    raise AwsError("AlreadyExistsException", f"{selection['SelectionName']} exists already.")
                return self._summary(existing)
        created = {
            "SelectionId": str(uuid.uuid4()),
            "BackupPlanId": plan,
            "CreationDate": datetime.now(timezone.utc),
            "CreatorRequestId": request.params.get("CreatorRequestId"),
            "BackupSelection": selection,
        }
        self._selections[plan, created["SelectionId"]] = created
        return self._summary(created)

    def get(self, request: AwsRequest) -> dict[str, Any]:
        return self._named(request)

    def delete(self, request: AwsRequest) -> dict[str, Any]:
        found = self._named(request)
        del self._selections[found["BackupPlanId"], found["SelectionId"]]
        return {}

    def list(self, request: AwsRequest) -> dict[str, Any]:
        return {
            "BackupSelectionsList": [self._summary(one) for one in self._of_plan(existing_plan(request).backup_plan_id)]
        }

    def refuse_plan_delete(self, request: AwsRequest) -> None:
        if self._of_plan(request.params["BackupPlanId"]):
            raise AwsError(
                "InvalidRequestException",
                "Related backup plan selections must be deleted prior to backup plan deletion",
            )

    def _of_plan(self, plan: str) -> list[dict[str, Any]]:
        return [selection for (plan_id, _), selection in self._selections.items() if plan_id == plan]

    def _named(self, request: AwsRequest) -> dict[str, Any]:
        found = self._selections.get((request.params["BackupPlanId"], request.params["SelectionId"]))
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Cannot find selection {request.params['SelectionId']}")
        return found

    def _summary(self, selection: dict[str, Any]) -> dict[str, Any]:
        settings = selection["BackupSelection"]
        return {
            **{name: selection[name] for name in ("SelectionId", "BackupPlanId", "CreationDate", "CreatorRequestId")},
            "SelectionName": settings["SelectionName"],
            "IamRoleArn": settings["IamRoleArn"],
        }
