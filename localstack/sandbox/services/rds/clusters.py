"""Settings of Aurora clusters that moto forgets, and changes that it ignores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...memory import Memory
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
    sandbox.service("rds").amend("ModifyDBCluster", complete_modification)
    CLUSTERS.install(sandbox)


def complete_modification(request: AwsRequest, result: dict[str, Any]) -> None:
    params = request.params
    cluster = backend("rds", request.region).clusters[
        (params.get("NewDBClusterIdentifier") or params["DBClusterIdentifier"]).lower()
    ]
    exports = params.get("CloudwatchLogsExportConfiguration") or {}
    kept = [one for one in cluster.enabled_cloudwatch_logs_exports if one not in exports.get("DisableLogTypes", [])]
    added = [one for one in exports.get("EnableLogTypes", []) if one not in kept]
    cluster.enabled_cloudwatch_logs_exports = [*kept, *added]
    if "EnableIAMDatabaseAuthentication" in params:
        cluster.iam_auth = params["EnableIAMDatabaseAuthentication"]
    result["DBCluster"]["EnabledCloudwatchLogsExports"] = cluster.enabled_cloudwatch_logs_exports
    result["DBCluster"]["IAMDatabaseAuthenticationEnabled"] = bool(cluster.iam_auth)
