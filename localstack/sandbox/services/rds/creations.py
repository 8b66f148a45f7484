"""How long RDS takes to create clusters and instances."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from moto.rds.models import DBCluster

from ...server import pending
from ...server.pending import Creation
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    # moto's clusters become available when they are described.
    DBCluster.status = property(lambda self: self._status, lambda self, value: setattr(self, "_status", value))
    creation = partial(Creation, while_pending="creating", attribute="status")
    cluster, instance = partial(creation, shown_as="Status"), partial(creation, shown_as="DBInstanceStatus")
    creations = [
        cluster("CreateDBCluster", 1, partial(_named, "clusters", "DBClusterIdentifier")),
        cluster("RestoreDBClusterFromSnapshot", 5, partial(_named, "clusters", "DBClusterIdentifier")),
        instance("CreateDBInstance", 8, partial(_named, "databases", "DBInstanceIdentifier")),
    ]
    pending.install(sandbox, "rds", creations)


def _named(store: str, parameter: str, request: AwsRequest, _result: dict[str, Any]) -> Any:
    return getattr(backend("rds", request.region), store)[request.params[parameter].lower()]
