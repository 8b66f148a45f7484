"""Backup plans change by versions, and a deleted one is out of the way of the next of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.backup.models import BackupBackend, Plan

from ..backends import backend
from ..errors import AwsError
from ..request import AwsRequest

if TYPE_CHECKING:
    from ..app import Sandbox


def install(sandbox: Sandbox) -> None:
    BackupBackend.create_backup_plan = _among_the_living(BackupBackend.create_backup_plan)  # type: ignore[method-assign]
    sandbox.intercept("backup", "UpdateBackupPlan", update)
    for operation in ("GetBackupPlan", "DeleteBackupPlan"):
        sandbox.intercept("backup", operation, refuse_deleted)


def _among_the_living(original: Any) -> Any:
    """moto keeps deleted plans, to list them, and their names with them."""

    def create_backup_plan(self: Any, *rest: Any, **named: Any) -> Any:
        plans = self.plans
        self.plans = {name: plan for name, plan in plans.items() if plan.deletion_date is None}
        try:
            return original(self, *rest, **named)
        finally:
            self.plans = plans | self.plans

    return create_backup_plan


def standing(request: AwsRequest) -> Any:
    """The plan that a request names, unless it was deleted."""
    wanted = request.params["BackupPlanId"]
    plan = backend("backup", request.region).plans.get(wanted)
    if plan is None or plan.deletion_date is not None:
        raise AwsError("ResourceNotFoundException", f"Failed reading Backup plan with provided planId {wanted}")
    return plan


def refuse_deleted(request: AwsRequest) -> None:
    standing(request)


def update(request: AwsRequest) -> dict[str, Any]:
    plan = standing(request)
    new = Plan(request.params["BackupPlan"], plan.creator_request_id, backend("backup", request.region))
    plan.backup_plan, plan.version_id = new.backup_plan, new.version_id
    plan.advanced_backup_settings = new.advanced_backup_settings
    return plan.to_dict()
