"""IAM: complete managed policies in GetAccountAuthorizationDetails, and no deletion of policies in use."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from moto.iam.models import IAMBackend

from ..server.errors import AwsError
from ..server.request import AwsRequest
from ..server.stores import GLOBAL, backend

if TYPE_CHECKING:
    from ..app import Sandbox


def install(sandbox: Sandbox) -> None:
    IAMBackend._init_aws_policies = _cached(IAMBackend._init_aws_policies)  # type: ignore[method-assign]
    # Created before the first request: concurrent ones would race to create AWS's managed policies.
    backend("iam", GLOBAL)
    iam = sandbox.service("iam")
    iam.state("DeletePolicy", refuse_attached)
    iam.amend("GetAccountAuthorizationDetails", complete_policies)


def _cached(original: Any) -> Any:
    """moto takes most of a second to create AWS's managed policies, twice at every reset; copying them takes none."""
    cached: list[Any] = []

    def policies(self: Any) -> list[Any]:
        if not cached:
            cached.extend(original(self))
        return [copy.copy(policy) for policy in cached]

    return policies


def refuse_attached(request: AwsRequest) -> None:
    policy = backend("iam", GLOBAL).managed_policies.get(request.params["PolicyArn"])
    if policy is None:
        return
    if policy.attachment_count:
        raise AwsError("DeleteConflict", "Cannot delete a policy attached to entities.", 409)
    if len(policy.versions) > 1:
        raise AwsError("DeleteConflict", "This policy has more than one version.", 409)


def complete_policies(_request: AwsRequest, result: dict[str, Any]) -> None:
    iam = backend("iam", GLOBAL)
    for shown in result.get("Policies", []):
        policy = iam.managed_policies.get(shown["Arn"])
        if policy is None:
            continue
        shown["PolicyName"] = policy.name
        shown["PolicyId"] = policy.id
        shown["Description"] = policy.description
        shown["AttachmentCount"] = policy.attachment_count
        shown["PolicyVersionList"] = [
            {
                "Document": unquote(version.document),
                "VersionId": version.version_id,
                "IsDefaultVersion": version.is_default,
                "CreateDate": version.create_date,
            }
            for version in policy.versions
        ]
