"""What moto forgets of changes to clusters and parameters; and how long clusters and instances take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.rds.models import DBCluster

from ...clock import MINUTE
from ...memory import Memory
from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox

CLUSTERS = Memory(
    service="rds",
    named_by="DBClusterIdentifier",
    shown_as="DBClusterIdentifier",
    writes=("CreateDBCluster", "ModifyDBCluster"),
    reads={"DescribeDBClusters": "DBClusters"},
    deletes=("DeleteDBCluster",),
    answers=("DBCluster",),
    fields={
        "EnablePerformanceInsights": "PerformanceInsightsEnabled",
        "DatabaseInsightsMode": "DatabaseInsightsMode",
        "StorageType": "StorageType",
        "MonitoringInterval": "MonitoringInterval",
        "MonitoringRoleArn": "MonitoringRoleArn",
    },
)


def install(sandbox: Sandbox) -> None:
    # moto's own status turns from creating to available by being looked at.
    DBCluster.status = property(lambda self: self._status, lambda self, value: setattr(self, "_status", value))
    rds = sandbox.service("rds")
    rds.answer("DeleteDBInstance", _deleting(sandbox, "databases", "DBInstance", 5))
    rds.answer("DeleteDBCluster", _deleting(sandbox, "clusters", "DBCluster", 1))
    rds.amend("CreateDBCluster", _creating(sandbox, "clusters", "DBCluster", 1))
    rds.amend("RestoreDBClusterFromSnapshot", _creating(sandbox, "clusters", "DBCluster", 5))
    rds.amend("CreateDBInstance", _creating(sandbox, "databases", "DBInstance", 8))
    rds.amend("ModifyDBCluster", finish_modify)
    rds.amend(("DescribeDBClusterParameters", "DescribeDBParameters"), by_source)
    CLUSTERS.install(sandbox)


def _creating(sandbox: Sandbox, store: str, kind: str, minutes: float) -> Any:
    def amend(request: AwsRequest, result: dict[str, Any]) -> None:
        made = getattr(backend("rds", request.region), store)[request.params[f"{kind}Identifier"].lower()]
        made.status = result[kind]["DBInstanceStatus" if kind == "DBInstance" else "Status"] = "creating"
        sandbox.clock.after("rds", minutes * MINUTE, lambda: _finish(made))

    return amend


def _finish(made: Any) -> None:
    if made.status == "creating":  # it may be on its way out by now
        made.status = "available"


def _deleting(sandbox: Sandbox, store: str, kind: str, minutes: float) -> Any:
    """Only with durations: the thing stays, `deleting`, until its time is over."""

    def intercept(request: AwsRequest) -> dict[str, Any] | None:
        rds = backend("rds", request.region)
        name = request.params[f"{kind}Identifier"].lower()
        known = getattr(rds, store)
        if sandbox.time_scale == 0 or name not in known:
            return None
        one = known[name]
        if one.status == "deleting":
            raise AwsError(
                f"Invalid{kind}StateFault" if kind == "DBCluster" else "InvalidDBInstanceState",
                f"{name} is already being deleted.",
            )
        if one.deletion_protection:
            return None  # moto refuses
        if kind == "DBCluster" and any(member.status != "deleting" for member in one.members):
            return None  # here too
        one.status = "deleting"
        sandbox.clock.after("rds", minutes * MINUTE, lambda: _end(known, name))
        status = "DBInstanceStatus" if kind == "DBInstance" else "Status"
        return {kind: {f"{kind}Identifier": name, f"{kind}Arn": one.arn, status: "deleting"}}

    return intercept


def _end(known: dict[str, Any], name: str) -> None:
    ended = known.pop(name, None)
    if hasattr(ended, "master_user_secret"):
        ended.master_user_secret.delete_secret()


def finish_modify(request: AwsRequest, result: dict[str, Any]) -> None:
    params = request.params
    cluster = backend("rds", request.region).clusters[
        (params.get("NewDBClusterIdentifier") or params["DBClusterIdentifier"]).lower()
    ]
    exports = params.get("CloudwatchLogsExportConfiguration") or {}
    kept = [one for one in cluster.enabled_cloudwatch_logs_exports if one not in exports.get("DisableLogTypes", [])]
    cluster.enabled_cloudwatch_logs_exports = [
        *kept,
        *(one for one in exports.get("EnableLogTypes", []) if one not in kept),
    ]
    if "EnableIAMDatabaseAuthentication" in params:
        cluster.iam_auth = params["EnableIAMDatabaseAuthentication"]
    result["DBCluster"]["EnabledCloudwatchLogsExports"] = cluster.enabled_cloudwatch_logs_exports
    result["DBCluster"]["IAMDatabaseAuthenticationEnabled"] = bool(cluster.iam_auth)


def by_source(request: AwsRequest, result: dict[str, Any]) -> None:
    """moto knows only the values that were set, which is what the source `user` asks for."""
    source = request.params.get("Source")
    parameters = [{**one, "Source": one.get("Source", "user")} for one in result.get("Parameters", [])]
    result["Parameters"] = [one for one in parameters if source in (None, one["Source"])]
