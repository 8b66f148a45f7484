"""RDS refuses names that are taken or don't exist, and deletions of what is in use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend
from .subnet_groups import group_of

if TYPE_CHECKING:
    from ...app import Sandbox

# Operations that create a name: the parameter that has it, moto's store, the error code.
TAKEN_NAMES = [
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
# Operations on a name that must exist.
MISSING_NAMES = [
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
    for operation, parameter, store, code in TAKEN_NAMES:
        rds.exists(operation, _refuse_name(parameter, store, code, if_exists=True))
    for operation, parameter, store, code in MISSING_NAMES:
        rds.exists(operation, _refuse_name(parameter, store, code, if_exists=False))
    rds.exists("CreateDBCluster", groups_of_cluster_exist)
    rds.state("DeleteDBSubnetGroup", refuse_used_subnet_group)
    rds.state("DeleteDBClusterParameterGroup", refuse_used_cluster_parameter_group)
    rds.state("DeleteDBParameterGroup", refuse_used_parameter_group)


def _refuse_name(parameter: str, store: str, code: str, *, if_exists: bool) -> Callable[[AwsRequest], None]:
    def check(request: AwsRequest) -> None:
        name = request.params[parameter].lower().rpartition(":")[2]
        known = {str(one).lower() for one in getattr(backend("rds", request.region), store)}
        if (name in known) is if_exists:
            raise AwsError(
                code, f"{request.params[parameter]} {'already exists' if if_exists else 'not found'}.", _status(code)
            )

    return check


def _status(code: str) -> int:
    return 404 if "NotFound" in code else 400


def refuse_used_subnet_group(request: AwsRequest) -> None:
    rds = backend("rds", request.region)
    used = [cluster.db_subnet_group_name for cluster in rds.clusters.values()]
    groups = (group_of(request.region, instance) for instance in rds.databases.values())
    used += [group.name for group in groups if group is not None]
    _refuse_if_used(request.params["DBSubnetGroupName"], used, "InvalidDBSubnetGroupStateFault")


def refuse_used_cluster_parameter_group(request: AwsRequest) -> None:
    clusters = backend("rds", request.region).clusters.values()
    _refuse_if_used(
        request.params["DBClusterParameterGroupName"],
        (cluster.parameter_group for cluster in clusters),
        "InvalidDBParameterGroupState",
    )


def refuse_used_parameter_group(request: AwsRequest) -> None:
    instances = backend("rds", request.region).databases.values()
    _refuse_if_used(
        request.params["DBParameterGroupName"],
        (instance.db_parameter_group_name for instance in instances),
        "InvalidDBParameterGroupState",
    )


def _refuse_if_used(name: str, used: Iterable[str | None], code: str) -> None:
    if name in used:
        raise AwsError(code, f"Cannot delete {name} because it is in use.")


def groups_of_cluster_exist(request: AwsRequest) -> None:
    """moto doesn't check whether the subnet group and the parameter group of a cluster exist."""
    rds = backend("rds", request.region)
    group = request.params.get("DBSubnetGroupName")
    if group and group not in rds.subnet_groups:
        raise AwsError("DBSubnetGroupNotFoundFault", f"DB subnet group '{group}' does not exist.", 404)
    parameters = request.params.get("DBClusterParameterGroupName")
    if parameters and not parameters.startswith("default.") and parameters not in rds.db_cluster_parameter_groups:
        raise AwsError("DBClusterParameterGroupNotFound", f"DBClusterParameterGroup not found: {parameters}", 404)
