"""Settings that moto takes and forgets: remembered from the writes, put back into the reads."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .server.request import AwsRequest

if TYPE_CHECKING:
    from .app import Sandbox


@dataclass(frozen=True)
class Memory:
    """One kind of thing: how writes and reads name it, and which members are worth remembering."""

    service: str
    # Member of requests that names the thing; and of results, where a write's answer gives the name.
    named_by: str
    # Member of a described thing that names it.
    shown_as: str
    writes: Iterable[str]
    # Read operation -> the member under which its things are ("" for the result itself).
    reads: Mapping[str, str]
    # Request member -> member of the described thing.
    fields: Mapping[str, str]
    deletes: Iterable[str] = ()
    # Members under which the answers of writes have the thing, where they aren't those of the reads.
    answers: Iterable[str] = ()
    # What a thing shows that nobody set.
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def install(self, sandbox: Sandbox) -> None:
        known: dict[tuple[str, str], dict[str, Any]] = {}

        def keep(request: AwsRequest, result: dict[str, Any]) -> None:
            name = _name(request.params.get(self.named_by) or result.get(self.named_by))
            kept = known.setdefault((request.region, name), {})
            kept.update({self.fields[k]: copy.deepcopy(v) for k, v in request.params.items() if k in self.fields})
            for one in _things(result, {*self.reads.values(), *self.answers}):
                show(request, one)

        def show(request: AwsRequest, thing: dict[str, Any]) -> None:
            kept = known.get((request.region, _name(thing.get(self.shown_as))), {})
            for name, value in (*self.defaults.items(), *kept.items()):
                if name in kept or name not in thing:
                    thing[name] = copy.deepcopy(value)

        def forget(request: AwsRequest, _result: dict[str, Any]) -> None:
            known.pop((request.region, _name(request.params.get(self.named_by))), None)

        handlers = sandbox.service(self.service)
        handlers.amend(self.writes, keep)
        for operation, member in self.reads.items():
            handlers.amend(operation, lambda request, result, m=member: _each(request, result, m, show))
        handlers.amend(self.deletes, forget)
        sandbox.on_reset(known.clear)


def _each(request: AwsRequest, result: dict[str, Any], member: str, show: Any) -> None:
    for one in _things(result, [member]):
        show(request, one)


def _things(result: dict[str, Any], members: Iterable[str]) -> list[dict[str, Any]]:
    """The described things of a result, be they a list, one structure, or the result as such."""
    found = []
    for member in members:
        value = result if member == "" else result.get(member)
        found += value if isinstance(value, list) else [value] if isinstance(value, dict) else []
    return [one for one in found if isinstance(one, dict)]


def _name(value: Any) -> str:
    """Names come as such or as the end of an ARN, in either case."""
    return str(value).rpartition(":")[2].lower()
