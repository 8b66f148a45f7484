"""Rotation of secrets: Secrets Manager invokes the function for four steps, and the function moves the stage labels."""

from __future__ import annotations

import json
import logging
import time
import uuid

from moto.core.exceptions import ServiceException
from moto.secretsmanager.models import FakeSecret, ReplicaSecret, SecretsManagerBackend, secretsmanager_backends

from ...background import Background
from ...functions.policies import may_invoke
from ...server.errors import AwsError
from ..rds.passwords import rotate_password

log = logging.getLogger(__name__)

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


def install(sandbox) -> None:
    rotations = Background(4, "secret rotation")
    sandbox.on_reset(rotations.clear)
    sandbox.service("secretsmanager").answer("RotateSecret", lambda request: _rotate(sandbox, rotations, request))
    _patch_stage_moves()
    _patch_descriptions()


def _rotate(sandbox, rotations: Background, request) -> dict:
    params = request.params
    secret = _secret(sandbox, request.region, params["SecretId"])
    function_arn = params.get("RotationLambdaARN") or secret.rotation_lambda_arn
    managed = secret.owning_service is not None
    if function_arn and managed:
        message = f"{secret.owning_service} rotates the secret by itself: a rotation function can't be set."
        raise AwsError("InvalidRequestException", message)
    if not function_arn and not managed:
        message = "No Lambda rotation function ARN is associated with this secret."
        raise AwsError("InvalidRequestException", message)
    if not managed:
        _check_function(sandbox, function_arn, secret)
    _set_rules(secret, params.get("RotationRules"), function_arn or "")
    if managed:
        immediately = params.get("RotateImmediately", True)
        return {
            "ARN": secret.arn,
            "Name": secret.name,
            **({"VersionId": rotate_password(secret)} if immediately else {}),
        }
    if not params.get("RotateImmediately", True):
        # AWS tests the rotation, but reports the outcome nowhere. Without a time scale the sandbox omits the test, which
        # would start a Node.js process for each secret of a system.
        if sandbox.time_scale:
            # For the test, AWS creates a pending version with the current value, and removes it again.
            token = _add_pending(
                secret, params.get("ClientRequestToken"), secret.versions.get(secret.default_version_id)
            )
            rotations.submit(_test, sandbox, secret, function_arn, token)
        return {"ARN": secret.arn, "Name": secret.name}
    pending = _pending_version(secret)
    token = params.get("ClientRequestToken")
    if pending is not None and pending != token:
        rotations.submit(_run, sandbox, secret, function_arn, pending)
        message = "A previous rotation isn't complete. That rotation will be reattempted."
        raise AwsError("InvalidRequestException", message)
    token = pending or _add_pending(secret, token)
    rotations.submit(_run, sandbox, secret, function_arn, token)
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": token}


def _secret(sandbox, region: str, secret_id: str) -> FakeSecret:
    backend = secretsmanager_backends[sandbox.account][region]
    secret = backend.describe_secret(secret_id)
    if isinstance(secret, ReplicaSecret):
        message = "Operation not permitted on a replica secret. Call must be made in primary secret's region."
        raise AwsError("InvalidRequestException", message)
    if secret.is_deleted():
        message = "You can't perform this operation on the secret because it was marked for deletion."
        raise AwsError("InvalidRequestException", message)
    return secret


def _check_function(sandbox, function_arn: str, secret: FakeSecret) -> None:
    try:
        function = sandbox.invoker.find(function_arn)
    except ServiceException as error:
        raise AwsError("ResourceNotFoundException", f"Lambda function {function_arn} can't be found.") from error
    if not may_invoke(function, "secretsmanager.amazonaws.com", secret.arn):
        raise AwsError(
            "AccessDeniedException",
            "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy "
            "grants access to the principal secretsmanager.amazonaws.com.",
        )


def _set_rules(secret: FakeSecret, rules: dict | None, function_arn: str) -> None:
    secret.rotation_requested = True
    secret.rotation_enabled = True
    secret.rotation_lambda_arn = function_arn
    if rules:
        secret.rotation_rules = dict(rules)
        secret.auto_rotate_after_days = rules.get("AutomaticallyAfterDays", 0)
    if secret.auto_rotate_after_days:
        secret.next_rotation_date = int(time.time()) + 86400 * secret.auto_rotate_after_days


def _pending_version(secret: FakeSecret) -> str | None:
    """The version that an incomplete rotation left pending, or None."""
    for version_id, version in secret.versions.items():
        if "AWSPENDING" in version["version_stages"] and "AWSCURRENT" not in version["version_stages"]:
            return version_id
    return None


def _add_pending(secret: FakeSecret, token: str | None, like: dict | None = None) -> str:
    """Adds a pending version: without a value, which the function sets, or with that of the version `like`."""
    version_id = token or str(uuid.uuid4())
    secret.remove_version_stages_from_old_versions(["AWSPENDING"])
    secret.versions[version_id] = {
        **{name: value for name, value in (like or {}).items() if name in ("secret_string", "secret_binary")},
        "createdate": int(time.time()),
        "version_id": version_id,
        "version_stages": ["AWSPENDING"],
    }
    return version_id


def _run(sandbox, secret: FakeSecret, function_arn: str, token: str) -> None:
    for step in STEPS:
        if not _step(sandbox, secret, function_arn, token, step):
            return
    secret.last_rotation_date = int(time.time())


def _test(sandbox, secret: FakeSecret, function_arn: str, token: str) -> None:
    _step(sandbox, secret, function_arn, token, "testSecret")
    version = secret.versions.get(token)
    if version is not None and "AWSCURRENT" not in version["version_stages"]:
        del secret.versions[token]


def _step(sandbox, secret: FakeSecret, function_arn: str, token: str, step: str) -> bool:
    event = {"Step": step, "SecretId": secret.arn, "ClientRequestToken": token}
    try:
        answer = sandbox.invoker.invoke(sandbox.invoker.find(function_arn), json.dumps(event), function_arn)
    except ServiceException as error:
        log.warning("rotation of %s stopped at %s: %s", secret.name, step, error)
        return False
    if answer.failed:
        log.warning("rotation of %s stopped at %s: %s", secret.name, step, answer.payload)
    return not answer.failed


def _patch_stage_moves() -> None:
    """moto doesn't follow moves of AWSCURRENT, which is what GetSecretValue returns by default."""
    original = SecretsManagerBackend.update_secret_version_stage

    def update_secret_version_stage(self, secret_id, version_stage, remove_from_version_id, move_to_version_id):
        result = original(self, secret_id, version_stage, remove_from_version_id, move_to_version_id)
        secret = self.secrets[secret_id]
        for version_id, version in secret.versions.items():
            # A label has one version: it moves even without RemoveFromVersionId.
            if move_to_version_id and version_id != move_to_version_id and version_stage in version["version_stages"]:
                version["version_stages"].remove(version_stage)
            if "AWSCURRENT" in version["version_stages"]:
                secret.set_default_version_id(version_id)
                secret.secret_string = version.get("secret_string")
                secret.secret_binary = version.get("secret_binary")
        if move_to_version_id:
            labels = secret.versions[move_to_version_id]["version_stages"]
            labels[:] = dict.fromkeys(labels)
        secret.last_changed_date = int(time.time())
        return result

    SecretsManagerBackend.update_secret_version_stage = update_secret_version_stage


def _patch_descriptions() -> None:
    def labelled(self) -> dict[str, list[str]]:
        # Versions without a label are deprecated, and aren't listed.
        return {
            version_id: list(version["version_stages"])
            for version_id, version in self.versions.items()
            if version["version_stages"]
        }

    to_dict = FakeSecret.to_dict

    def with_rules(self) -> dict:
        described = to_dict(self)
        if not described.get("RotationLambdaARN"):
            described.pop("RotationLambdaARN", None)
        rules = getattr(self, "rotation_rules", None)
        if rules and "RotationRules" in described:
            described["RotationRules"] = rules
        return described

    FakeSecret._form_version_ids_to_stages = labelled
    FakeSecret.to_dict = with_rules
