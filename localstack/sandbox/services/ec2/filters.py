"""Filters of Describe calls by tags and plain members, which moto ignores for several kinds of objects.

A filter on a member with several values (the subnets of a network ACL) matches if one value does; moto requires all.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

from moto.core.utils import get_service_model
from moto.ec2 import utils

from ...server.request import AwsRequest

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    model = get_service_model("ec2")
    for name in model.operation_names:
        if (
            name.startswith("Describe")
            and name != "DescribeTags"
            and _lists_tagged_objects(model.operation_model(name))
        ):
            sandbox.service("ec2").amend(name, keep_matching)
    utils.is_filter_matching = _any_of_several(utils.is_filter_matching)


def _any_of_several(original: Any) -> Any:
    def is_filter_matching(resource: Any, name: str, patterns: Any) -> bool:
        values = resource.get_filter_value(name)
        several = isinstance(values, list) and isinstance(patterns, list)
        if several and all(isinstance(value, str) for value in values):
            return any(fnmatch.fnmatchcase(value, pattern) for value in values for pattern in patterns)
        return original(resource, name, patterns)

    return is_filter_matching


def _lists_tagged_objects(operation: Any) -> bool:
    shape = operation.output_shape
    return shape is not None and any(
        member.type_name == "list" and member.member.type_name == "structure" and "Tags" in member.member.members
        for member in shape.members.values()
    )


def keep_matching(request: AwsRequest, result: dict[str, Any]) -> None:
    filters = request.params.get("Filters") or request.params.get("Filter") or []
    if not filters:
        return
    for name, items in result.items():
        if isinstance(items, list) and items and isinstance(items[0], dict):
            result[name] = [item for item in items if all(matches(item, f) for f in filters)]


def matches(item: dict[str, Any], filter_: dict[str, Any]) -> bool:
    kind, _, key = filter_["Name"].partition(":")
    tags, values = item.get("Tags") or [], filter_.get("Values") or []
    if kind == "tag":
        candidates = [tag["Value"] for tag in tags if tag["Key"] == key]
    elif kind == "tag-key":
        candidates = [tag["Key"] for tag in tags]
    elif kind == "tag-value":
        candidates = [tag["Value"] for tag in tags]
    else:
        plain = item.get(kind.title().replace("-", ""))
        if not isinstance(plain, str):
            return True  # moto compares nested members
        candidates = [plain]
    return any(fnmatch.fnmatchcase(candidate, value) for candidate in candidates for value in values)
