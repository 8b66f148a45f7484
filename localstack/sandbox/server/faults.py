"""Errors on order: a test says which operation is to fail, how, and how often."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from .errors import AwsError
from .request import AwsRequest

FOREVER = -1


@dataclass
class Fault:
    service: str
    operation: str
    code: str
    message: str
    status: int
    times: int
    match: str | None

    @classmethod
    def of(cls, wanted: dict[str, Any]) -> Fault:
        return cls(
            service=wanted["service"],
            operation=wanted["operation"],
            code=wanted["code"],
            message=wanted.get("message", "injected by the sandbox"),
            status=int(wanted.get("status", 400)),
            times=int(wanted.get("times", 1)),
            match=wanted.get("match"),
        )

    def concerns(self, request: AwsRequest) -> bool:
        if (self.service, self.operation) != (request.service, request.operation):
            return False
        if not self.match:
            return True
        environ = request.environ
        target = f"{environ.get('RAW_URI') or environ.get('PATH_INFO', '')}?{environ.get('QUERY_STRING', '')}"
        return self.match.encode() in request.body or self.match in target


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[Fault] = []

    def add(self, wanted: dict[str, Any]) -> None:
        fault = Fault.of(wanted)
        with self._lock:
            self._armed.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def strike(self, request: AwsRequest) -> None:
        """Raises the first armed fault that concerns the request, and uses it up."""
        with self._lock:
            fault = next((f for f in self._armed if f.concerns(request)), None)
            if fault is None:
                return
            if fault.times != FOREVER:
                fault.times -= 1
                if fault.times <= 0:
                    self._armed.remove(fault)
        raise AwsError(fault.code, fault.message, fault.status)
