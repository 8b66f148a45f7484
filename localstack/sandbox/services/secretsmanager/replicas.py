"""The KMS keys of replicated secrets; moto shows AWS's own key, or the primary's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.secretsmanager.models import FakeSecret, ReplicaSecret

if TYPE_CHECKING:
    from ...app import Sandbox

KEY = "KmsKeyId"


def install(_sandbox: Sandbox) -> None:
    FakeSecret.create_replicas = _with_keys(FakeSecret.create_replicas)  # type: ignore[method-assign]
    ReplicaSecret.to_dict = _with_own_key(ReplicaSecret.to_dict)  # type: ignore[method-assign]


def _with_keys(original: Any) -> Any:
    def create_replicas(self: Any, replica_regions: list[dict[str, str]], force_overwrite: bool) -> list[Any]:
        replicas = original(self, replica_regions, force_overwrite)
        for replica, settings in zip(replicas, replica_regions, strict=True):
            replica.requested_key = settings.get(KEY)
            replica.config[KEY] = replica.requested_key or replica.config[KEY]
        return replicas

    return create_replicas


def _with_own_key(original: Any) -> Any:
    """A default key isn't shown."""

    def to_dict(self: Any) -> dict[str, Any]:
        shown = original(self)
        shown.pop(KEY, None)
        return {**shown, KEY: self.requested_key} if self.requested_key else shown

    return to_dict
