"""Caches values that moto computes at every call: half of its time."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from moto import backends
from moto.core import responses
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

if TYPE_CHECKING:
    from ..app import Sandbox


def install(_sandbox: Sandbox) -> None:
    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)
    TaggedEC2Resource.get_tags = _get_tags


def _get_tags(resource: TaggedEC2Resource) -> list[dict[str, str]]:
    """moto searches the tags of all resources."""
    tags = resource.ec2_backend.tags.get(resource.id, {}) if resource.id else {}
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource.id), "") if tags else ""
    return [
        {"resource_id": resource.id, "key": key, "value": value, "resource_type": kind} for key, value in tags.items()
    ]
