"""GetResources finds all tagged resources, as on AWS: without IAM, and with global resources in us-east-1 only.

moto's implementation omits resources of many services. `collectors` finds those; moto is asked for the other services.
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
# The types of ARNs that don't contain one.
TYPE_OF_BARE_ARN = {"s3": "s3:bucket", "sns": "sns:topic", "sqs": "sqs:queue"}
EXCLUDED = {"iam"}


def install(sandbox: Sandbox) -> None:
    sandbox.service("resourcegroupstaggingapi").answer("GetResources", get_resources)


def get_resources(request: AwsRequest) -> dict[str, Any]:
    params = request.params
    matches = make_tag_matcher(params.get("TagFilters"))
    requested_arns = set(params.get("ResourceARNList") or [])
    found = sorted(
        (arn, tags)
        for arn, tags in all_tagged(request.region)
        if tags
        and matches(tags)
        and match_resource_type(type_of(arn), params.get("ResourceTypeFilters"))
        and (not requested_arns or arn in requested_arns)
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
        raise AwsError("PaginationTokenExpiredException", "The pagination token isn't valid.")
    return int(token or 0)


def all_tagged(region: str) -> Iterator[Tagged]:
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
        if backend.SERVICE_NAMESPACE in COLLECTORS or backend.SERVICE_NAMESPACE in EXCLUDED:
            continue
        for resource in backend.iter_tagged_resources():
            yield resource.arn, resource.tags


def type_of(arn: str) -> str:
    _, _, service, _, _, rest = arn.split(":", 5)
    if service in TYPE_OF_BARE_ARN:
        return TYPE_OF_BARE_ARN[service]
    return f"{service}:{re.split('[:/]', rest, maxsplit=1)[0]}"
