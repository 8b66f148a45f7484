"""Master user passwords that RDS manages in secrets of its own: the checks of clusters, and random passwords.

moto creates and deletes the secrets, always with the same name and password.
"""

from __future__ import annotations

import json
import secrets
import string
import time
import uuid
from typing import TYPE_CHECKING, Any

from moto.rds.models import MasterUserSecret, RDSBackend

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox

MANAGE = "ManageMasterUserPassword"
PASSWORD = "MasterUserPassword"
KEY = "MasterUserSecretKmsKeyId"
# The first rotation schedule of such a secret.
ROTATED_AFTER_DAYS = 7
DAY = 86400


def install(sandbox: Sandbox) -> None:
    _patch_secrets()
    rds = sandbox.service("rds")
    rds.validate("CreateDBCluster", check_create)
    rds.state("ModifyDBCluster", check_modify)


def check_create(request: AwsRequest) -> None:
    params = request.params
    _check_combination(params)
    if params.get(MANAGE) and params.get("GlobalClusterIdentifier"):
        raise _combination(f"{MANAGE} isn't supported for clusters of a global database.")
    if params.get("MasterUsername") and not params.get(MANAGE) and not params.get(PASSWORD):
        message = f"The parameter {PASSWORD} must be provided and must not be blank."
        raise AwsError("InvalidParameterValue", message)


def check_modify(request: AwsRequest) -> None:
    params = request.params
    cluster = backend("rds", request.region).clusters.get(params["DBClusterIdentifier"].lower())
    if cluster is None:
        return
    _check_combination(params)
    managed = params.get(MANAGE)
    if managed and _is_in_global(cluster):
        raise _combination(f"{MANAGE} isn't supported for clusters of a global database.")
    if not is_managed(cluster):
        return
    if params.get(KEY):
        raise _combination("The KMS key of a managed master user password can't be changed.")
    if managed is None and params.get(PASSWORD):
        raise _combination(f"{PASSWORD} can't be set while RDS manages the master user password.")
    if managed is False and not params.get(PASSWORD):
        raise _combination(f"{PASSWORD} is needed where RDS shall no longer manage it.")


def _check_combination(params: dict[str, Any]) -> None:
    if params.get(MANAGE) and params.get(PASSWORD):
        raise _combination(f"{PASSWORD} can't be given together with {MANAGE}.")
    if params.get(KEY) and not params.get(MANAGE):
        raise _combination(f"{KEY} can only be given together with {MANAGE}.")


def is_managed(cluster: Any) -> bool:
    return hasattr(cluster, "master_user_secret")


def _is_in_global(cluster: Any) -> bool:
    stores = backend("rds", "us-east-1").global_clusters.values()
    return any(cluster in one.members for one in stores)


def _combination(message: str) -> AwsError:
    return AwsError("InvalidParameterCombination", message)


def rotate_password(secret: Any) -> str:
    """Rotates the password as RDS does. Returns the id of the new version."""
    version_id = str(uuid.uuid4())
    content = json.dumps({**json.loads(secret.secret_string), "password": _password()})
    version = {
        "secret_string": content,
        "createdate": int(time.time()),
        "version_id": version_id,
        "version_stages": ["AWSCURRENT"],
    }
    secret.reset_default_version(version, version_id)
    secret.secret_string = content
    secret.last_changed_date = secret.last_rotation_date = int(time.time())
    return version_id


def _password() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))


def _patch_secrets() -> None:
    create, modify = MasterUserSecret._create_secret, RDSBackend.modify_db_cluster

    def content(self: Any) -> str:
        return json.dumps({"username": self.resource.master_username, "password": _password()})

    def with_schedule(self: Any, kms_key_id: str | None) -> Any:
        secret = create(self, kms_key_id)
        secret.rotation_requested = secret.rotation_enabled = True
        secret.auto_rotate_after_days = ROTATED_AFTER_DAYS
        secret.next_rotation_date = int(time.time()) + ROTATED_AFTER_DAYS * DAY
        return secret

    def rotate(self: Any) -> None:
        self._status = "rotating"
        rotate_password(self.secret)

    def modify_keeping_secret(self: Any, kwargs: dict[str, Any]) -> Any:
        cluster = self.clusters[kwargs["db_cluster_identifier"]]
        if kwargs.get("manage_master_user_password") and is_managed(cluster):
            del kwargs["manage_master_user_password"]  # moto would create another secret
        return modify(self, kwargs)

    MasterUserSecret._generate_secret_string = content  # type: ignore[method-assign]
    MasterUserSecret._create_secret = with_schedule  # type: ignore[method-assign]
    MasterUserSecret.rotate_secret = rotate  # type: ignore[method-assign]
    RDSBackend.modify_db_cluster = modify_keeping_secret  # type: ignore[method-assign]
