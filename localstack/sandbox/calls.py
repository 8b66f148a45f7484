"""The list of AWS calls since the last reset, for tests that count them."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from .server.request import AwsRequest

KEPT = 20_000


class CallLog:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.total = 0

    def add(self, request: AwsRequest, status: int, code: str | None) -> None:
        call = {
            "service": request.service,
            "operation": request.operation,
            "region": request.region,
            "status": status,
            "code": code,
        }
        with self._lock:
            self._calls.append(call)
            self.total += 1

    def list(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._calls)

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()
            self.total = 0
