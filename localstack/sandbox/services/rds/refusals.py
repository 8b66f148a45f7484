"""RDS refuses second things of the same name, and deletes of what is in use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend
from .subnet_groups import group_of

if TYPE_CHECKING:
    from ...app import Sandbox

# operation, the parameter that names it, moto's store, the error code
UNIQUE = [
    ("CreateDBCluster", "DBClusterIdentifier", "clusters", "DBClusterAlreadyExistsFault"),
    ("CreateDBInstance", "DBInstanceIdentifier", "databases", "DBInstanceAlreadyExists"),
    ("CreateDBSubnetGroup", "DBSubnetGroupName", "subnet_groups", "DBSubnetGroupAlreadyExists"),
    (
        "CreateDBClusterParameterGroup",
        "DBClusterParameterGroupName",
        "db_cluster_parameter_groups",
        "DBParameterGroupAlreadyExists",
    ),
    ("CreateDBParameterGroup", "DBParameterGroupName", "db_parameter_groups", "DBParameterGroupAlreadyExists"),
    ("CreateEventSubscription", "SubscriptionName", "event_subscriptions", "SubscriptionAlreadyExist"),
]
# the same for what has to be there
PRESENT = [
    ("DeleteDBSubnetGroup", "DBSubnetGroupName", "subnet_groups", "DBSubnetGroupNotFoundFault"),
    ("ModifyDBCluster", "DBClusterIdentifier", "clusters", "DBClusterNotFoundFault"),
    (
        "DeleteDBClusterParameterGroup",
        "DBClusterParameterGroupName",
        "db_cluster_parameter_groups",
        "DBParameterGroupNotFound",
    ),
    ("DeleteEventSubscription", "SubscriptionName", "event_subscriptions", "SubscriptionNotFound"),
]


def install(sandbox: Sandbox) -> None:
    rds = sandbox.service("rds")
    for operation, parameter, store, code in UNIQUE:
        rds.exists(operation, _refuse(parameter, store, code, present=True))
    for operation, parameter, store, code in PRESENT:
        rds.exists(operation, _refuse(parameter, store, code, present=False))
    rds.exists("CreateDBCluster", needed_by_cluster)
    rds.state("DeleteDBSubnetGroup", subnet_group_in_use)
    rds.state("DeleteDBClusterParameterGroup", cluster_parameter_group_in_use)
    rds.state("DeleteDBParameterGroup", parameter_group_in_use)
    rds.amend("DeleteDBCluster", drop_automated_snapshots)


def _refuse(parameter: str, store: str, code: str, *, present: bool) -> Callable[[AwsRequest], None]:
    def check(request: AwsRequest) -> None:
        name = request.params[parameter].lower().rpartition(":")[2]
        known = {str(one).lower() for one in getattr(backend("rds", request.region), store)}
        if (name in known) is present:
            raise AwsError(
                code, f"{request.params[parameter]} {'already exists' if present else 'not found'}.", _status(code)
            )

    return check


def _status(code: str) -> int:
    return 404 if "NotFound" in code else 400


def subnet_group_in_use(request: AwsRequest) -> None:
    rds = backend("rds", request.region)
    used = [cluster.db_subnet_group_name for cluster in rds.clusters.values()]
    groups = (group_of(request.region, instance) for instance in rds.databases.values())
    used += [group.name for group in groups if group is not None]
    _refuse_if_used(request.params["DBSubnetGroupName"], used, "InvalidDBSubnetGroupStateFault")


def cluster_parameter_group_in_use(request: AwsRequest) -> None:
    clusters = backend("rds", request.region).clusters.values()
    _refuse_if_used(
        request.params["DBClusterParameterGroupName"],
        (cluster.parameter_group for cluster in clusters),
        "InvalidDBParameterGroupState",
    )


def parameter_group_in_use(request: AwsRequest) -> None:
    instances = backend("rds", request.region).databases.values()
    _refuse_if_used(
        request.params["DBParameterGroupName"],
        (instance.db_parameter_group_name for instance in instances),
        "InvalidDBParameterGroupState",
    )


def _refuse_if_used(name: str, used: Iterable[str | None], code: str) -> None:
    if name in used:
        raise AwsError(code, f"Cannot delete {name} because it is in use.")


def needed_by_cluster(request: AwsRequest) -> None:
    """What a cluster names has to be there; moto only looks at some of it."""
    rds = backend("rds", request.region)
    group = request.params.get("DBSubnetGroupName")
    if group and group not in rds.subnet_groups:
        raise AwsError("DBSubnetGroupNotFoundFault", f"DB subnet group '{group}' does not exist.", 404)
    parameters = request.params.get("DBClusterParameterGroupName")
    if parameters and not parameters.startswith("default.") and parameters not in rds.db_cluster_parameter_groups:
        raise AwsError("DBClusterParameterGroupNotFound", f"DBClusterParameterGroup not found: {parameters}", 404)


def drop_automated_snapshots(request: AwsRequest, _result: dict[str, Any]) -> None:
    """They go with their cluster, or a cluster of the same name couldn't be made within the minute."""
    snapshots = backend("rds", request.region).cluster_snapshots
    for name in [name for name in snapshots if name.startswith(f"rds:{request.params['DBClusterIdentifier']}-")]:
        del snapshots[name]
