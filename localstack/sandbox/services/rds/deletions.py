"""How long RDS takes to delete clusters and instances: with a time scale, they stay `deleting` for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...clock import MINUTE
from ...server.errors import AwsError
from ...server.handlers import Answer
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    rds = sandbox.service("rds")
    rds.answer(
        "DeleteDBInstance",
        _deleting(sandbox, "databases", "DBInstance", "DBInstanceStatus", 5, "InvalidDBInstanceState"),
    )
    rds.answer(
        "DeleteDBCluster", _deleting(sandbox, "clusters", "DBCluster", "Status", 1, "InvalidDBClusterStateFault")
    )
    rds.amend("DeleteDBCluster", delete_automated_snapshots)


def _deleting(sandbox: Sandbox, store: str, kind: str, status: str, minutes: float, already_deleting: str) -> Answer:
    def answer(request: AwsRequest) -> dict[str, Any] | None:
        objects = getattr(backend("rds", request.region), store)
        name = request.params[f"{kind}Identifier"].lower()
        if sandbox.time_scale == 0 or name not in objects:
            return None
        deleted = objects[name]
        if deleted.status == "deleting":
            raise AwsError(already_deleting, f"{name} is already being deleted.")
        if deleted.deletion_protection:
            return None  # moto refuses it
        if kind == "DBCluster" and any(member.status != "deleting" for member in deleted.members):
            return None  # moto refuses it
        deleted.status = "deleting"
        sandbox.clock.after("rds", minutes * MINUTE, lambda: _finish(objects, name))
        return {kind: {f"{kind}Identifier": name, f"{kind}Arn": deleted.arn, status: "deleting"}}

    return answer


def _finish(objects: dict[str, Any], name: str) -> None:
    deleted = objects.pop(name, None)
    if hasattr(deleted, "master_user_secret"):
        deleted.master_user_secret.delete_secret()


def delete_automated_snapshots(request: AwsRequest, _result: dict[str, Any]) -> None:
    """Otherwise a cluster of the same name couldn't be created within the same minute."""
    snapshots = backend("rds", request.region).cluster_snapshots
    for name in [name for name in snapshots if name.startswith(f"rds:{request.params['DBClusterIdentifier']}-")]:
        del snapshots[name]
