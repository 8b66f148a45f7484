"""KMS: keys by ARN as well as by id, settings of replicas and of rotation, and keys that are pending deletion."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from moto.kms import utils
from moto.kms.models import KmsBackend

from ..server.errors import AwsError
from ..server.request import AwsRequest
from ..server.stores import backend, regions

if TYPE_CHECKING:
    from ..app import Sandbox

DELETION_STATES = ("PendingDeletion", "PendingReplicaDeletion")
DEFAULT_PERIOD = 365
# For a key that is pending deletion, AWS allows only reads and CancelKeyDeletion.
REFUSED_WHILE_PENDING_DELETION = (
    "ScheduleKeyDeletion EnableKey DisableKey EnableKeyRotation DisableKeyRotation Encrypt Decrypt GenerateDataKey"
    " CreateAlias TagResource UntagResource UpdateKeyDescription ReplicateKey"
).split()


def install(sandbox: Sandbox) -> None:
    for name in ("schedule_key_deletion", "cancel_key_deletion", "replicate_key"):
        setattr(KmsBackend, name, _by_any_id(getattr(KmsBackend, name)))
    _allow_multi_region_ids()
    kms = sandbox.service("kms")
    kms.state(REFUSED_WHILE_PENDING_DELETION, refuse_pending_deletion)
    kms.state("ReplicateKey", refuse_second_replica)
    kms.amend("ReplicateKey", apply_replica_settings)
    kms.amend("EnableKeyRotation", set_rotation_period)
    kms.amend("GetKeyRotationStatus", show_rotation_period)
    kms.amend("ScheduleKeyDeletion", show_deletion)


def _by_any_id(original: Any) -> Any:
    def method(self: Any, key_id: str, *rest: Any, **named: Any) -> Any:
        return original(self, self.any_id_to_key_id(key_id), *rest, **named)

    return method


def _allow_multi_region_ids() -> None:
    """moto's ciphertexts have 36 bytes for the key id, which truncates the ids of multi-Region keys."""
    utils.CIPHERTEXT_HEADER_FORMAT = utils.CIPHERTEXT_HEADER_FORMAT.replace("36s", "40s")
    utils.HEADER_LEN = struct.calcsize(utils.CIPHERTEXT_HEADER_FORMAT)
    original = utils._deserialize_ciphertext_blob

    def deserialise(ciphertext_blob: bytes) -> Any:
        ciphertext = original(ciphertext_blob)
        return ciphertext._replace(key_id=ciphertext.key_id.rstrip("\0"))

    utils._deserialize_ciphertext_blob = deserialise


def key_of(request: AwsRequest, parameter: str = "KeyId") -> Any:
    kms = backend("kms", request.region)
    key_id = request.params.get(parameter) or request.params.get("TargetKeyId")
    if not key_id:
        return None
    identifier = kms.get_key_id_from_alias(key_id.rpartition(":")[2]) if "alias/" in key_id else kms.get_key_id(key_id)
    return kms.keys.get(identifier)


def refuse_pending_deletion(request: AwsRequest) -> None:
    key = key_of(request)
    if key is not None and key.key_state in DELETION_STATES:
        raise AwsError("KMSInvalidStateException", f"{key.arn} is pending deletion.")


def refuse_second_replica(request: AwsRequest) -> None:
    key = key_of(request)
    if key is not None and key.id in backend("kms", request.params["ReplicaRegion"]).keys:
        raise AwsError("AlreadyExistsException", f"{key.id} already exists in {request.params['ReplicaRegion']}.")


def apply_replica_settings(request: AwsRequest, result: dict[str, Any]) -> None:
    """A replica has its own description, policy, tags, aliases and grants; moto copies the primary's."""
    params = request.params
    kms = backend("kms", params["ReplicaRegion"])
    replica = kms.keys[key_of(request).id]
    replica.description = params.get("Description", "")
    replica.aliases, replica.grants = {}, {}
    if params.get("Policy"):
        replica.policy = params["Policy"]
    kms.tagger.delete_all_tags_for_resource(replica.id)
    kms.tagger.tag_resource(replica.id, params.get("Tags") or [])
    result["ReplicaKeyMetadata"]["Description"] = replica.description
    result["ReplicaPolicy"] = replica.policy
    result["ReplicaTags"] = params.get("Tags") or []


def set_rotation_period(request: AwsRequest, _result: dict[str, Any]) -> None:
    key_of(request).rotation_period = request.params.get("RotationPeriodInDays", DEFAULT_PERIOD)


def show_rotation_period(request: AwsRequest, result: dict[str, Any]) -> None:
    key = key_of(request)
    result["KeyId"] = key.arn
    if result.get("KeyRotationEnabled"):
        result["RotationPeriodInDays"] = getattr(key, "rotation_period", DEFAULT_PERIOD)


def replicas(key: Any) -> list[Any]:
    """The multi-Region key's copies in other regions, except those that are pending deletion."""
    others = (kms.keys.get(key.id) for region, kms in regions("kms").items() if region != key.region)
    return [other for other in others if other is not None and other.key_state not in DELETION_STATES]


def show_deletion(request: AwsRequest, result: dict[str, Any]) -> None:
    """A primary key is deleted after its replicas; until then its state is PendingReplicaDeletion."""
    key = key_of(request)
    result["KeyId"] = key.arn
    result["PendingWindowInDays"] = request.params.get("PendingWindowInDays", 30)
    if key.multi_region and replicas(key):
        key.key_state = "PendingReplicaDeletion"
    result["KeyState"] = key.key_state
