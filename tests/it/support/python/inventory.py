"""The registry of resource kinds that account.py lists, and helpers to list them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Item = dict[str, Any]
GLOBAL = "global"


def pages(client: Any, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    """All items of a list call, through its pages where it has any."""
    if client.can_paginate(operation):
        for page in client.get_paginator(operation).paginate(**arguments):
            yield from page.get(key) or []
        return
    answer = getattr(client, operation)(**arguments)
    yield from answer.get(key) or []
    while answer.get("NextToken"):
        answer = getattr(client, operation)(**arguments, NextToken=answer["NextToken"])
        yield from answer.get(key) or []


def as_tags(tags: Any) -> dict[str, str] | None:
    """Tags in any of the shapes that AWS has."""
    if tags is None or isinstance(tags, dict):
        return tags
    return {tag.get("Key", tag.get("TagKey", tag.get("key"))): tag.get("Value", tag.get("TagValue", tag.get("value"))) for tag in tags}


def thing(identifier: str, name: str | None = None, tags: Any = None) -> tuple[str, Item]:
    return identifier, {"name": name, "tags": as_tags(tags)}


Things = Iterator[tuple[str, Item]]
KINDS: dict[str, Callable[[Any], Things]] = {}
GLOBAL_KINDS: dict[str, Callable[[Any], Things]] = {}
# Resource types that AWS lists together with another kind.
ALSO_LISTED: set[str] = set()


def kind(name: str, kinds: dict[str, Callable[[Any], Things]] = KINDS, also: tuple[str, ...] = ()) -> Callable[[Any], Any]:
    """Registers the function that lists a kind; `also` names the types that the same call lists."""
    ALSO_LISTED.update(also)

    def register(function: Callable[[Any], Things]) -> Callable[[Any], Things]:
        kinds[name] = function
        return function

    return register
