"""A global cluster changes its name, its protection, and its version, which is that of all its members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.errors import AwsError
from ...server.request import AwsRequest
from .global_clusters import all_global, named, shown

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    sandbox.intercept("rds", "ModifyGlobalCluster", modify)


def modify(request: AwsRequest) -> dict[str, Any]:
    params = request.params
    cluster = named(params["GlobalClusterIdentifier"])
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
