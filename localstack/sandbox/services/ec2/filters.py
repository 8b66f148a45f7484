"""Filters by tags and by plain members, which moto ignores for several kinds of things, hold for every Describe. Of what has
several values (a network ACL's subnets) one that is asked for is enough, where moto wants all.
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
        if name.startswith("Describe") and name != "DescribeTags" and _lists_tagged_things(model.operation_model(name)):
            sandbox.service("ec2").amend(name, keep_matching)
    utils.is_filter_matching = _any_of_several(utils.is_filter_matching)


def _any_of_several(original: Any) -> Any:
    def is_filter_matching(thing: Any, name: str, wanted: Any) -> bool:
        values = thing.get_filter_value(name)
        several = isinstance(values, list) and isinstance(wanted, list)
        if several and all(isinstance(value, str) for value in values):
            return any(fnmatch.fnmatchcase(value, pattern) for value in values for pattern in wanted)
        return original(thing, name, wanted)

    return is_filter_matching


def _lists_tagged_things(operation: Any) -> bool:
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


def matches(item: dict[str, Any], wanted: dict[str, Any]) -> bool:
    kind, _, key = wanted["Name"].partition(":")
    tags, values = item.get("Tags") or [], wanted.get("Values") or []
    if kind == "tag":
        candidates = [tag["Value"] for tag in tags if tag["Key"] == key]
    elif kind == "tag-key":
        candidates = [tag["Key"] for tag in tags]
    elif kind == "tag-value":
        candidates = [tag["Value"] for tag in tags]
    else:
        plain = item.get(kind.title().replace("-", ""))
        if not isinstance(plain, str):
            return True  # what has parts of its own is moto's to compare
        candidates = [plain]
    return any(fnmatch.fnmatchcase(candidate, value) for candidate in candidates for value in values)
