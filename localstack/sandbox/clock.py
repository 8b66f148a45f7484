"""Things that happen later: durations as on AWS, divided by the time scale.

Nothing runs in the background. What has become due happens just before the next call, so that a
state that nobody looks at costs nothing, and a reset leaves no thread behind.
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
        """Runs `action` under the service's lock once `seconds` of AWS's time are over; now at scale 0."""
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
        """As if so many seconds of AWS's time had gone by."""
        with self._lock:
            self._ahead += seconds / (self.time_scale or 1)

    def clear(self) -> None:
        with self._lock:
            self._due.clear()

    def now(self) -> float:
        """Seconds of the machine's, with those that were leapt over."""
        return time.monotonic() + self._ahead
