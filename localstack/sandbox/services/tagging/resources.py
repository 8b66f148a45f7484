"""The Resource Groups Tagging API finds everything that was made with tags, as on AWS.

moto's own answer leaves out what many services hold, so those are collected here, and moto is
asked only for the rest. IAM isn't in it, and global things are in us-east-1 alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from moto.core.resource_tagging import iter_taggable_backends, make_tag_matcher, match_resource_type

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import ACCOUNT, is_used
from .collectors import COLLECTORS

if TYPE_CHECKING:
    from ...app import Sandbox

Tagged = tuple[str, dict[str, str]]
PAGE = 100
# ARNs that don't say what they are.
TYPE_OF_BARE_ARN = {"s3": "s3:bucket", "sns": "sns:topic", "sqs": "sqs:queue"}
LEFT_OUT = {"iam"}


def install(sandbox: Sandbox) -> None:
    sandbox.service("resourcegroupstaggingapi").answer("GetResources", get_resources)


def get_resources(request: AwsRequest) -> dict[str, Any]:
    params = request.params
    matches = make_tag_matcher(params.get("TagFilters"))
    wanted_arns = set(params.get("ResourceARNList") or [])
    found = sorted(
        (arn, tags)
        for arn, tags in everything(request.region)
        if tags
        and matches(tags)
        and match_resource_type(type_of(arn), params.get("ResourceTypeFilters"))
        and (not wanted_arns or arn in wanted_arns)
    )
    start = _start(params.get("PaginationToken"))
    end = start + int(params.get("ResourcesPerPage") or PAGE)
    return {
        "PaginationToken": str(end) if end < len(found) else "",
        "ResourceTagMappingList": [
            {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
            for arn, tags in found[start:end]
        ],
    }


def _start(token: str | None) -> int:
    if token and not token.isdigit():
        raise AwsError("PaginationTokenExpiredException", "The token is not one of ours.")
    return int(token or 0)


def everything(region: str) -> Iterator[Tagged]:
    if not is_used(region):
        return
    seen: set[str] = set()
    for arn, tags in (*_collected(COLLECTORS.values(), region), *_from_moto(region)):
        if arn not in seen:
            seen.add(arn)
            yield arn, tags


def _collected(collectors: Iterable[Callable[[str], Iterator[Tagged]]], region: str) -> Iterator[Tagged]:
    for collect in collectors:
        yield from collect(region)


def _from_moto(region: str) -> Iterator[Tagged]:
    for backend in iter_taggable_backends(ACCOUNT, region):
        if backend.SERVICE_NAMESPACE in COLLECTORS or backend.SERVICE_NAMESPACE in LEFT_OUT:
            continue
        for resource in backend.iter_tagged_resources():
            yield resource.arn, resource.tags


def type_of(arn: str) -> str:
    _, _, service, _, _, rest = arn.split(":", 5)
    if service in TYPE_OF_BARE_ARN:
        return TYPE_OF_BARE_ARN[service]
    return f"{service}:{re.split('[:/]', rest, maxsplit=1)[0]}"
