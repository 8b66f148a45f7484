"""Actions that are due later: durations as on AWS, divided by the time scale.

There is no thread: due actions run just before the next call.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable

Action = Callable[[], None]
MINUTE = 60.0


class Clock:
    def __init__(self, time_scale: float) -> None:
        self.time_scale = time_scale
        self._order = itertools.count()
        self._due: list[tuple[float, int, str, Action]] = []
        self._ahead = 0.0
        self._lock = threading.Lock()

    def after(self, service: str, seconds: float, action: Action) -> None:
        """Runs `action` with the service's lock after `seconds` of AWS's time; at once if the scale is 0."""
        if self.time_scale == 0:
            action()
            return
        with self._lock:
            at = self.now() + seconds / self.time_scale
            heapq.heappush(self._due, (at, next(self._order), service, action))

    def take_due(self) -> list[tuple[str, Action]]:
        due = []
        with self._lock:
            while self._due and self._due[0][0] <= self.now():
                _, _, service, action = heapq.heappop(self._due)
                due.append((service, action))
        return due

    def advance(self, seconds: float) -> None:
        """Advances the clock by seconds of AWS's time."""
        with self._lock:
            self._ahead += seconds / (self.time_scale or 1)

    def clear(self) -> None:
        with self._lock:
            self._due.clear()

    def now(self) -> float:
        """The machine's monotonic time, plus the time by which the clock was advanced."""
        return time.monotonic() + self._ahead
