"""Aurora global databases: members join, leave, switch roles, and can't be deleted before they leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.rds.models import find_cluster

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend
from .passwords import is_managed

if TYPE_CHECKING:
    from ...app import Sandbox

# moto has all of them in the store of this region.
HOME = "us-east-1"
ARN_PART = ":global-cluster:"


def install(sandbox: Sandbox) -> None:
    rds = sandbox.service("rds")
    rds.exists("CreateDBCluster", global_cluster_exists)
    rds.state("DeleteGlobalCluster", refuse_delete)
    rds.state("DeleteDBCluster", refuse_member_delete)
    rds.answer("CreateGlobalCluster", create)
    rds.answer("DescribeGlobalClusters", describe)
    rds.answer("ModifyGlobalCluster", modify)
    rds.answer("RemoveFromGlobalCluster", remove)
    rds.answer(("FailoverGlobalCluster", "SwitchoverGlobalCluster"), switch_writer)
    rds.answer("ListTagsForResource", list_tags)
    rds.answer("AddTagsToResource", add_tags)
    rds.answer("RemoveTagsFromResource", remove_tags)
    rds.amend("CreateDBCluster", join)


def all_global() -> dict[str, Any]:
    return backend("rds", HOME).global_clusters


def find_global(identifier: str) -> Any:
    found = all_global().get(identifier.rpartition(":")[2].lower())
    if found is None:
        raise AwsError("GlobalClusterNotFoundFault", f"Global cluster {identifier} not found", 404)
    return found


def shown(cluster: Any) -> dict[str, Any]:
    writer = next((member for member in cluster.members if member.is_writer), None)
    readers = [member.arn for member in cluster.members if member is not writer]
    return {
        "GlobalClusterIdentifier": cluster.global_cluster_identifier,
        "GlobalClusterResourceId": cluster.global_cluster_resource_id,
        "GlobalClusterArn": cluster.arn,
        "Status": "available",
        "Engine": cluster.engine,
        "EngineVersion": cluster.engine_version,
        "DatabaseName": writer.database_name if writer else None,
        "StorageEncrypted": bool(cluster.storage_encrypted),
        "DeletionProtection": bool(cluster.deletion_protection),
        "Endpoint": cluster.endpoint,
        "TagList": tags_of(cluster),
        "GlobalClusterMembers": [
            {
                "DBClusterArn": member.arn,
                "Readers": readers if member is writer else [],
                "IsWriter": member is writer,
                "GlobalWriteForwardingStatus": "disabled",
                "SynchronizationStatus": "connected",
            }
            for member in cluster.members
        ],
    }


def tags_of(cluster: Any) -> list[dict[str, str]]:
    return getattr(cluster, "tags", None) or []


def create(request: AwsRequest) -> dict[str, Any]:
    params = request.params
    if params["GlobalClusterIdentifier"].lower() in all_global():
        raise AwsError("GlobalClusterAlreadyExistsFault", f"{params['GlobalClusterIdentifier']} already exists")
    source = _source(params.get("SourceDBClusterIdentifier"))
    cluster = backend("rds", HOME).create_global_cluster(
        global_cluster_identifier=params["GlobalClusterIdentifier"],
        source_db_cluster_identifier=None,
        engine=source.engine if source else params.get("Engine"),
        engine_version=source.engine_version if source else params.get("EngineVersion"),
        storage_encrypted=source.storage_encrypted if source else params.get("StorageEncrypted"),
        deletion_protection=params.get("DeletionProtection"),
    )
    cluster.tags = params.get("Tags") or []
    if source:
        source.is_writer = True
        source.global_cluster_identifier = cluster.global_cluster_identifier
        cluster.members.append(source)
    return {"GlobalCluster": shown(cluster)}


def _source(arn: str | None) -> Any:
    if not arn:
        return None
    source = find_cluster(arn)
    if _global_of(source) is not None:
        raise AwsError("InvalidDBClusterStateFault", f"{arn} is already part of a global cluster")
    if is_managed(source):
        raise AwsError("InvalidDBClusterStateFault", f"{arn} has a master user password that RDS manages")
    return source


def _global_of(cluster: Any) -> Any:
    return next((one for one in all_global().values() if cluster in one.members), None)


def describe(request: AwsRequest) -> dict[str, Any]:
    one = request.params.get("GlobalClusterIdentifier")
    return {"GlobalClusters": [shown(cluster) for cluster in ([find_global(one)] if one else all_global().values())]}


def modify(request: AwsRequest) -> dict[str, Any]:
    params = request.params
    cluster = find_global(params["GlobalClusterIdentifier"])
    if params.get("NewGlobalClusterIdentifier"):
        _rename(cluster, params["NewGlobalClusterIdentifier"])
    if "DeletionProtection" in params:
        cluster.deletion_protection = params["DeletionProtection"]
    if params.get("EngineVersion"):
        _upgrade(cluster, params["EngineVersion"])
    return {"GlobalCluster": shown(cluster)}


def _rename(cluster: Any, name: str) -> None:
    known = all_global()
    if name.lower() in known:
        raise AwsError("GlobalClusterAlreadyExistsFault", f"{name} already exists")
    del known[cluster.global_cluster_identifier]
    cluster.global_cluster_identifier = name
    known[cluster.global_cluster_identifier] = cluster
    for member in cluster.members:
        member.global_cluster_identifier = cluster.global_cluster_identifier


def _upgrade(cluster: Any, version: str) -> None:
    cluster.engine_version = version
    for member in cluster.members:
        member.engine_version = version


def refuse_delete(request: AwsRequest) -> None:
    cluster = find_global(request.params["GlobalClusterIdentifier"])
    if cluster.members:
        raise AwsError("InvalidGlobalClusterStateFault", f"Global Cluster {cluster.arn} is not empty")
    if cluster.deletion_protection:
        raise AwsError("InvalidGlobalClusterStateFault", f"{cluster.arn} is protected from deletion")


def remove(request: AwsRequest) -> dict[str, Any]:
    cluster = find_global(request.params["GlobalClusterIdentifier"])
    identifier = request.params["DbClusterIdentifier"]
    member = next((one for one in cluster.members if identifier in (one.arn, one.db_cluster_identifier)), None)
    if member is None:
        raise AwsError("DBClusterNotFoundFault", f"DBCluster {identifier} not found in {cluster.arn}", 404)
    if member.is_writer and len(cluster.members) > 1:
        raise AwsError(
            "InvalidGlobalClusterStateFault", "Remove the secondary clusters before the primary of the global cluster"
        )
    cluster.members.remove(member)
    member.global_cluster_identifier = None
    member.is_writer = True
    return {"GlobalCluster": shown(cluster)}


def refuse_member_delete(request: AwsRequest) -> None:
    cluster = backend("rds", request.region).clusters.get(request.params["DBClusterIdentifier"].lower())
    if cluster is not None and _global_of(cluster) is not None:
        raise AwsError(
            "InvalidDBClusterStateFault",
            "This cluster is a part of a global cluster, please remove it from globalcluster first",
        )


def global_cluster_exists(request: AwsRequest) -> None:
    if request.params.get("GlobalClusterIdentifier"):
        find_global(request.params["GlobalClusterIdentifier"])


def join(request: AwsRequest, _result: dict[str, Any]) -> None:
    """moto adds a member once for every region, and makes only the first a writer."""
    identifier = request.params.get("GlobalClusterIdentifier")
    if not identifier:
        return
    cluster = find_global(identifier)
    created = backend("rds", request.region).clusters[request.params["DBClusterIdentifier"]]
    cluster.members = [one for one in cluster.members if one is not created] + [created]
    created.is_writer = len(cluster.members) == 1
    if not created.is_writer:
        primary = next(one for one in cluster.members if one.is_writer)
        created.database_name = primary.database_name
        created.master_username = created.master_username or primary.master_username


def switch_writer(request: AwsRequest) -> dict[str, Any]:
    cluster = find_global(request.params["GlobalClusterIdentifier"])
    target = request.params["TargetDbClusterIdentifier"]
    if target not in [member.arn for member in cluster.members]:
        raise AwsError("DBClusterNotFoundFault", f"DBCluster {target} not found in {cluster.arn}", 404)
    for member in cluster.members:
        member.is_writer = member.arn == target
    return {"GlobalCluster": shown(cluster)}


def _tagged(request: AwsRequest) -> Any:
    arn = request.params["ResourceName"]
    return find_global(arn) if ARN_PART in arn else None


def list_tags(request: AwsRequest) -> dict[str, Any] | None:
    cluster = _tagged(request)
    return {"TagList": tags_of(cluster)} if cluster else None


def add_tags(request: AwsRequest) -> dict[str, Any] | None:
    cluster = _tagged(request)
    if cluster is None:
        return None
    new = {tag["Key"]: tag["Value"] for tag in [*tags_of(cluster), *request.params["Tags"]]}
    cluster.tags = [{"Key": key, "Value": value} for key, value in new.items()]
    return {}


def remove_tags(request: AwsRequest) -> dict[str, Any] | None:
    cluster = _tagged(request)
    if cluster is None:
        return None
    cluster.tags = [tag for tag in tags_of(cluster) if tag["Key"] not in request.params["TagKeys"]]
    return {}
