"""Settings that moto accepts and forgets: remembered from the calls that write them, and added to the results of reads."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .request import AwsRequest

if TYPE_CHECKING:
    from ..app import Sandbox


@dataclass(frozen=True)
class RememberedSettings:
    """The remembered settings of one kind of object."""

    service: str
    # The member of requests and of descriptions that has the object's name.
    name: str
    writes: Iterable[str]
    # Read operation -> the member of its result with the objects ("" for the result itself).
    reads: Mapping[str, str]
    # Member of requests -> member of descriptions.
    fields: Mapping[str, str]
    deletes: Iterable[str] = ()
    # The members with the object in the results of writes, other than those of reads.
    write_results: Iterable[str] = ()
    # Members that are shown although nobody set them.
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def install(self, sandbox: Sandbox) -> None:
        known: dict[tuple[str, str], dict[str, Any]] = {}

        def remember(request: AwsRequest, result: dict[str, Any]) -> None:
            name = _plain_name(request.params.get(self.name) or result.get(self.name))
            settings = known.setdefault((request.region, name), {})
            settings.update({self.fields[k]: copy.deepcopy(v) for k, v in request.params.items() if k in self.fields})
            for described in _objects(result, {*self.reads.values(), *self.write_results}):
                complete(request, described)

        def complete(request: AwsRequest, described: dict[str, Any]) -> None:
            settings = known.get((request.region, _plain_name(described.get(self.name))), {})
            for name, value in (*self.defaults.items(), *settings.items()):
                if name in settings or name not in described:
                    described[name] = copy.deepcopy(value)

        def complete_all(member: str) -> Callable[[AwsRequest, dict[str, Any]], None]:
            def amend(request: AwsRequest, result: dict[str, Any]) -> None:
                for described in _objects(result, [member]):
                    complete(request, described)

            return amend

        def forget(request: AwsRequest, _result: dict[str, Any]) -> None:
            known.pop((request.region, _plain_name(request.params.get(self.name))), None)

        handlers = sandbox.service(self.service)
        handlers.amend(self.writes, remember)
        for operation, member in self.reads.items():
            handlers.amend(operation, complete_all(member))
        handlers.amend(self.deletes, forget)
        sandbox.on_reset(known.clear)


def _objects(result: dict[str, Any], members: Iterable[str]) -> list[dict[str, Any]]:
    """The described objects of a result, whose members are lists or structures."""
    found = []
    for member in members:
        value = result if member == "" else result.get(member)
        found += value if isinstance(value, list) else [value] if isinstance(value, dict) else []
    return [one for one in found if isinstance(one, dict)]


def _plain_name(value: Any) -> str:
    """The name from a name or an ARN, in lower case."""
    return str(value).rpartition(":")[2].lower()
