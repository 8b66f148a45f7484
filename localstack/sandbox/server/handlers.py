"""The handlers of AWS operations, by stage.

A request passes the stages in this order; within a stage, handlers run in the order in which they were registered:

1. `validate`: are its parameters, and their combination, allowed?
2. `exists`: does what it refers to exist, and is a name that it creates free?
3. `state`: does the state of what it changes allow it?
4. `answer`: the answer in moto's place; or None, after preparing moto's store for the call.

moto answers what no handler did. `amend` handlers then complete or correct the answer, whoever gave it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .request import AwsRequest

Operations = str | Iterable[str]
Check = Callable[[AwsRequest], None]
Answer = Callable[[AwsRequest], "dict[str, Any] | None"]
Amend = Callable[[AwsRequest, "dict[str, Any]"], "dict[str, Any] | None"]

STAGES = ("validate", "exists", "state", "answer")


class Handlers:
    """All handlers, by service and operation."""

    def __init__(self) -> None:
        self._staged: dict[tuple[str, str | None], list[tuple[int, Answer]]] = defaultdict(list)
        self._amends: dict[tuple[str, str | None], list[Amend]] = defaultdict(list)

    def add(self, stage: str, service: str, operations: Operations, handler: Answer) -> None:
        for operation in _each(operations):
            staged = self._staged[service, operation]
            staged.append((STAGES.index(stage), handler))
            staged.sort(key=lambda entry: entry[0])

    def add_amend(self, service: str, operations: Operations, handler: Amend) -> None:
        for operation in _each(operations):
            self._amends[service, operation].append(handler)

    def before(self, request: AwsRequest) -> list[Answer]:
        """The handlers that run before moto, in the order of the stages."""
        return [handler for _, handler in self._staged.get((request.service, request.operation), ())]

    def amends(self, request: AwsRequest) -> Sequence[Amend]:
        return self._amends.get((request.service, request.operation), ())


class ServiceHandlers:
    """Registers the handlers of one service."""

    def __init__(self, handlers: Handlers, service: str) -> None:
        self._handlers = handlers
        self._service = service

    def validate(self, operations: Operations, check: Check) -> None:
        self._handlers.add("validate", self._service, operations, check)

    def exists(self, operations: Operations, check: Check) -> None:
        self._handlers.add("exists", self._service, operations, check)

    def state(self, operations: Operations, check: Check) -> None:
        self._handlers.add("state", self._service, operations, check)

    def answer(self, operations: Operations, answer: Answer) -> None:
        self._handlers.add("answer", self._service, operations, answer)

    def amend(self, operations: Operations, amend: Amend) -> None:
        self._handlers.add_amend(self._service, operations, amend)


def _each(operations: Operations) -> Iterable[str]:
    return [operations] if isinstance(operations, str) else operations
