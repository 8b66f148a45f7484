"""DescribeDBEngineVersions, which moto lacks: the Aurora versions a region offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.request import AwsRequest

if TYPE_CHECKING:
    from ...app import Sandbox

MYSQL = [
    "3.04.0",
    "3.04.1",
    "3.04.2",
    "3.04.3",
    "3.05.2",
    "3.06.0",
    "3.07.1",
    "3.08.0",
    "3.08.1",
    "3.08.2",
    "3.09.0",
    "3.10.0",
    "3.10.1",
]
MYSQL_DEFAULT = "3.08.2"
POSTGRES = [
    "13.18",
    "13.20",
    "14.15",
    "14.17",
    "14.18",
    "15.10",
    "15.12",
    "15.13",
    "16.6",
    "16.8",
    "16.9",
    "17.4",
    "17.5",
]
POSTGRES_DEFAULT = "16.6"


def _mysql(version: str) -> dict[str, Any]:
    return {
        "Engine": "aurora-mysql",
        "MajorEngineVersion": "8.0",
        "EngineVersion": f"8.0.mysql_aurora.{version}",
        "DBParameterGroupFamily": "aurora-mysql8.0",
        "DBEngineDescription": "Aurora MySQL",
        "DBEngineVersionDescription": f"Aurora MySQL {version} (compatible with MySQL 8.0)",
        "ExportableLogTypes": ["audit", "error", "general", "iam-db-auth-error", "instance", "slowquery"],
    }


def _postgres(version: str) -> dict[str, Any]:
    major = version.partition(".")[0]
    return {
        "Engine": "aurora-postgresql",
        "MajorEngineVersion": major,
        "EngineVersion": version,
        "DBParameterGroupFamily": f"aurora-postgresql{major}",
        "DBEngineDescription": "Aurora PostgreSQL",
        "DBEngineVersionDescription": f"Aurora PostgreSQL (compatible with PostgreSQL {version})",
        "ExportableLogTypes": ["iam-db-auth-error", "instance", "postgresql"],
    }


COMMON = {
    "SupportedEngineModes": ["provisioned"],
    "SupportsLogExportsToCloudwatchLogs": True,
    "SupportsReadReplica": False,
    "SupportsParallelQuery": True,
    "SupportsGlobalDatabases": True,
    "SupportsBabelfish": False,
    "SupportsIntegrations": True,
    "ServerlessV2FeaturesSupport": {"MinCapacity": 0.0, "MaxCapacity": 256.0},
    "Status": "available",
}
VERSIONS = [COMMON | _mysql(version) for version in MYSQL] + [COMMON | _postgres(version) for version in POSTGRES]
DEFAULTS = {f"8.0.mysql_aurora.{MYSQL_DEFAULT}", POSTGRES_DEFAULT}


def install(sandbox: Sandbox) -> None:
    rds = sandbox.service("rds")
    rds.answer("DescribeDBEngineVersions", describe)
    rds.answer("DescribeOrderableDBInstanceOptions", orderable)


def describe(request: AwsRequest) -> dict[str, Any]:
    params = request.params
    matching = VERSIONS
    for filter_ in params.get("Filters") or []:
        if filter_["Name"] == "engine-version":
            matching = [one for one in matching if one["EngineVersion"] in filter_["Values"]]
        elif filter_["Name"] == "status":
            matching = [one for one in matching if one["Status"] in filter_["Values"]]
    if params.get("Engine"):
        matching = [one for one in matching if one["Engine"] == params["Engine"]]
    if params.get("EngineVersion"):
        matching = [one for one in matching if _is(one["EngineVersion"], params["EngineVersion"])]
    if params.get("DBParameterGroupFamily"):
        matching = [one for one in matching if one["DBParameterGroupFamily"] == params["DBParameterGroupFamily"]]
    if params.get("DefaultOnly"):
        matching = [one for one in matching if one["EngineVersion"] in DEFAULTS]
    return {"DBEngineVersions": [_with_targets(one) for one in matching]}


def _is(version: str, requested: str) -> bool:
    """A major version matches all of its minor versions."""
    return version == requested or version.startswith(f"{requested}.")


def _with_targets(version: dict[str, Any]) -> dict[str, Any]:
    siblings = [one for one in VERSIONS if one["Engine"] == version["Engine"]]
    later = siblings[siblings.index(version) + 1 :]
    targets = [
        {
            "Engine": one["Engine"],
            "EngineVersion": one["EngineVersion"],
            "Description": one["DBEngineVersionDescription"],
            "AutoUpgrade": False,
            "IsMajorVersionUpgrade": one["MajorEngineVersion"] != version["MajorEngineVersion"],
        }
        for one in later
    ]
    return version | {"ValidUpgradeTarget": targets}


CLASSES = [
    "db.serverless",
    "db.t4g.medium",
    "db.t4g.large",
    "db.r6g.large",
    "db.r6g.xlarge",
    "db.r7g.large",
    "db.r7g.xlarge",
]


def orderable(request: AwsRequest) -> dict[str, Any] | None:
    params = request.params
    if params["Engine"] not in ("aurora-mysql", "aurora-postgresql"):
        return None
    versions = [one["EngineVersion"] for one in VERSIONS if one["Engine"] == params["Engine"]]
    options = [
        {
            "Engine": params["Engine"],
            "EngineVersion": version,
            "DBInstanceClass": instance_class,
            "AvailabilityZones": [{"Name": f"{request.region}{zone}"} for zone in "abc"],
            "StorageType": "aurora",
            "Vpc": True,
            "SupportsGlobalDatabases": True,
            "SupportsPerformanceInsights": True,
            "SupportsIAMDatabaseAuthentication": True,
        }
        for version in versions
        for instance_class in CLASSES
        if params.get("EngineVersion") in (None, version) and params.get("DBInstanceClass") in (None, instance_class)
    ]
    return {"OrderableDBInstanceOptions": options}
