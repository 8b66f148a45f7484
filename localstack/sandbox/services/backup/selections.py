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
        return {"BackupSelectionsList": [self._summary(one) for one in self._of(existing_plan(request).backup_plan_id)]}

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
