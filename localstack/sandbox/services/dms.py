"""DMS: how long a replication instance takes to create."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..server import pending
from ..server.pending import Creation
from ..server.request import AwsRequest
from ..server.stores import backend

if TYPE_CHECKING:
    from ..app import Sandbox


def install(sandbox: Sandbox) -> None:
    creation = Creation("CreateReplicationInstance", 10, _instance, while_pending="creating", attribute="status")
    pending.install(sandbox, "dms", [creation])


def _instance(request: AwsRequest, result: dict[str, Any]) -> Any:
    arn = result["ReplicationInstance"]["ReplicationInstanceArn"]
    return backend("dms", request.region).replication_instances[arn]
