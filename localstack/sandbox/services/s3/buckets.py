"""Buckets: access logging with a TLS-only policy, and notifications to EventBridge."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from moto.s3.models import FakeBucket

from ...server.request import AwsRequest
from ...server.stores import GLOBAL, backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    FakeBucket._log_permissions_enabled_policy = staticmethod(  # type: ignore[method-assign]
        _ignoring_plain_principals(FakeBucket._log_permissions_enabled_policy)
    )
    FakeBucket.get_permission = _ignoring_transport_conditions(FakeBucket.get_permission)  # type: ignore[method-assign]
    sandbox.service("s3").amend("GetBucketNotificationConfiguration", show_event_bridge)


def _ignoring_plain_principals(original: Any) -> Any:
    """moto fails on statements whose principal is `*`."""

    def check(target_bucket: FakeBucket, target_prefix: str | None) -> bool:
        if not target_bucket.policy:
            return original(target_bucket, target_prefix)
        policy = json.loads(target_bucket.policy)
        policy["Statement"] = [one for one in policy["Statement"] if isinstance(one.get("Principal"), dict)]
        filtered = SimpleNamespace(
            policy=json.dumps(policy).encode(), partition=target_bucket.partition, name=target_bucket.name
        )
        return original(filtered, target_prefix)

    return check


def _ignoring_transport_conditions(original: Any) -> Any:
    """moto ignores conditions. The sandbox is plain HTTP on loopback, so TLS-only statements don't apply to it."""

    def get_permission(self: FakeBucket, action: str, resource: str) -> Any:
        if self.policy is None:
            return original(self, action, resource)
        policy = json.loads(self.policy)
        policy["Statement"] = [one for one in policy["Statement"] if not _is_about_transport(one)]
        return original(SimpleNamespace(policy=json.dumps(policy).encode()), action, resource)

    return get_permission


def _is_about_transport(statement: dict[str, Any]) -> bool:
    keys = {key.lower() for condition in (statement.get("Condition") or {}).values() for key in condition}
    return bool(keys & {"aws:securetransport", "s3:tlsversion"})


def show_event_bridge(request: AwsRequest, result: dict[str, Any]) -> None:
    """moto omits the setting, because it is an empty element."""
    bucket = backend("s3", GLOBAL).buckets.get(request.params["Bucket"])
    configuration = bucket and bucket.notification_configuration
    if configuration and configuration.event_bridge is not None:
        result["EventBridgeConfiguration"] = {}
