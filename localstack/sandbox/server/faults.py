"""Injected faults: a test sets which operation fails, how, and how often."""

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
    def of(cls, settings: dict[str, Any]) -> Fault:
        return cls(
            service=settings["service"],
            operation=settings["operation"],
            code=settings["code"],
            message=settings.get("message", "injected by the sandbox"),
            status=int(settings.get("status", 400)),
            times=int(settings.get("times", 1)),
            match=settings.get("match"),
        )

    def matches(self, request: AwsRequest) -> bool:
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
        self._faults: list[Fault] = []

    def add(self, settings: dict[str, Any]) -> None:
        fault = Fault.of(settings)
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def raise_next(self, request: AwsRequest) -> None:
        """Raises the first fault that matches the request, and counts it down."""
        with self._lock:
            fault = next((f for f in self._faults if f.matches(request)), None)
            if fault is None:
                return
            if fault.times != FOREVER:
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
        raise AwsError(fault.code, fault.message, fault.status)
