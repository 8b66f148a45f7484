"""ECS clusters: unique names, settings only if requested, and no deletion while services or tasks run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ecs.models import EC2ContainerServiceBackend

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox

INCLUDED = {"settings": "SETTINGS", "configuration": "CONFIGURATIONS"}


def install(sandbox: Sandbox) -> None:
    store = EC2ContainerServiceBackend
    store.create_cluster = _returning_existing(store.create_cluster)  # type: ignore[method-assign]
    store._get_cluster = _only_active(store._get_cluster)  # type: ignore[method-assign]
    ecs = sandbox.service("ecs")
    ecs.state("DeleteCluster", refuse_while_used)
    ecs.answer("UpdateClusterSettings", update_settings)
    ecs.amend("DescribeClusters", show_included)
    ecs.amend("ListClusters", list_active)


def _returning_existing(original: Any) -> Any:
    """moto replaces an existing cluster of the same name."""

    def create_cluster(self: Any, cluster_name: str, *rest: Any, **named: Any) -> Any:
        existing = self.clusters.get(cluster_name)
        if existing is not None and existing.status == "ACTIVE":
            return existing
        return original(self, cluster_name, *rest, **named)

    return create_cluster


def _only_active(original: Any) -> Any:
    """Inactive clusters can only be described."""

    def get_cluster(self: Any, name: str) -> Any:
        cluster = original(self, name)
        if cluster.status == "INACTIVE":
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        return cluster

    return get_cluster


def update_settings(request: AwsRequest) -> dict[str, Any]:
    """moto has only UpdateCluster."""
    store, params = backend("ecs", request.region), request.params
    cluster = store.update_cluster(params["cluster"], params["settings"], None, None)
    shown = {"clusterArn": cluster.arn, "clusterName": cluster.name, "status": cluster.status}
    return {"cluster": {**shown, "settings": cluster.settings}}


def refuse_while_used(request: AwsRequest) -> None:
    store = backend("ecs", request.region)
    cluster = store._get_cluster(request.params["cluster"])
    for service in store.services.values():
        if service.cluster_name != cluster.name or service.status == "INACTIVE":
            continue
        if service.status == "ACTIVE":
            message = "The Cluster cannot be deleted while Services are active."
            raise AwsError("ClusterContainsServicesException", message)
        raise AwsError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")


def show_included(request: AwsRequest, result: dict[str, Any]) -> None:
    requested = set(request.params.get("include") or [])
    for cluster in result["clusters"]:
        for member, include in INCLUDED.items():
            if include not in requested:
                cluster.pop(member, None)


def list_active(request: AwsRequest, result: dict[str, Any]) -> None:
    clusters = backend("ecs", request.region).clusters.values()
    result["clusterArns"] = [cluster.arn for cluster in clusters if cluster.status == "ACTIVE"]
