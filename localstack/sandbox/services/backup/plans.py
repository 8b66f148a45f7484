"""Backup plans: an update makes a new version, and the name of a deleted plan is free again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.backup.models import BackupBackend, Plan

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    BackupBackend.create_backup_plan = _ignoring_deleted(BackupBackend.create_backup_plan)  # type: ignore[method-assign]
    backup = sandbox.service("backup")
    backup.exists(("GetBackupPlan", "DeleteBackupPlan"), plan_exists)
    backup.answer("UpdateBackupPlan", update)


def _ignoring_deleted(original: Any) -> Any:
    """moto keeps deleted plans in its list, and so their names stay taken."""

    def create_backup_plan(self: Any, *rest: Any, **named: Any) -> Any:
        plans = self.plans
        self.plans = {name: plan for name, plan in plans.items() if plan.deletion_date is None}
        try:
            return original(self, *rest, **named)
        finally:
            self.plans = plans | self.plans

    return create_backup_plan


def existing_plan(request: AwsRequest) -> Any:
    """The plan that a request names. Raises if it doesn't exist or was deleted."""
    plan_id = request.params["BackupPlanId"]
    plan = backend("backup", request.region).plans.get(plan_id)
    if plan is None or plan.deletion_date is not None:
        raise AwsError("ResourceNotFoundException", f"Failed reading Backup plan with provided planId {plan_id}")
    return plan


def plan_exists(request: AwsRequest) -> None:
    existing_plan(request)


def update(request: AwsRequest) -> dict[str, Any]:
    plan = existing_plan(request)
    new = Plan(request.params["BackupPlan"], plan.creator_request_id, backend("backup", request.region))
    plan.backup_plan, plan.version_id = new.backup_plan, new.version_id
    plan.advanced_backup_settings = new.advanced_backup_settings
    return plan.to_dict()
