"""Caches values that moto computes at every call: half of its time."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import xmltodict
from moto import backends
from moto.core import responses, serialize
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

from . import xml_writer

if TYPE_CHECKING:
    from ..app import Sandbox

PossibleKeys = Callable[[Any, Any], Iterable[str]]


def install(_sandbox: Sandbox) -> None:
    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)
    TaggedEC2Resource.get_tags = _get_tags
    xmltodict.unparse = xml_writer.unparse
    for picker in (serialize.AttributePicker, serialize.XFormedAttributePicker):
        picker.get_possible_keys = _cached(picker.get_possible_keys)


def _get_tags(resource: TaggedEC2Resource) -> list[dict[str, str]]:
    """moto searches the tags of all resources."""
    tags = resource.ec2_backend.tags.get(resource.id, {}) if resource.id else {}
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource.id), "") if tags else ""
    return [
        {"resource_id": resource.id, "key": key, "value": value, "resource_type": kind} for key, value in tags.items()
    ]


def _cached(get_possible_keys: PossibleKeys) -> PossibleKeys:
    """Under which names moto looks for a member depends on the shape and the class of the object only."""

    def cached(picker: Any, context: Any) -> list[str]:
        known = context.shape.__dict__.setdefault("_possible_keys", {})
        key = type(picker), type(context.obj), context.key
        if key not in known:
            known[key] = list(get_possible_keys(picker, context))
        return known[key]

    return cached
