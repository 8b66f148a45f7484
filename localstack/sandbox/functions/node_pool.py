"""A pool of Node.js processes by function version and configuration, with limits per function and in total."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .node_process import NodeProcess


class Busy(Exception):
    """No process became free in time."""


@dataclass(frozen=True)
class Build:
    """Identifies the processes that can run an invocation: a function version with its code and configuration."""

    function: str  # the ARN of the version
    fingerprint: str

    def of(self, function: str) -> bool:
        return self.function == function or self.function.startswith(f"{function}:")


class NodePool:
    def __init__(self, per_function: int = 4, total: int = 24, timeout: float = 60.0):
        self._per_function = per_function
        self._total = total
        self._timeout = timeout
        self._changed = threading.Condition()
        self._idle: dict[Build, list[NodeProcess]] = defaultdict(list)
        self._busy: dict[Build, list[NodeProcess]] = defaultdict(list)
        self._starting: dict[Build, int] = defaultdict(int)

    @contextmanager
    def process(self, build: Build, start: Callable[[], NodeProcess]) -> Iterator[NodeProcess]:
        """Provides a process for one invocation; `start` creates one."""
        process = self._take(build) or self._start(build, start)
        try:
            yield process
        finally:
            with self._changed:
                if process in self._busy[build]:
                    self._busy[build].remove(process)
                    if process.alive:
                        self._idle[build].append(process)
                self._changed.notify_all()

    def stop(self, function: str | None = None) -> None:
        """Ends all processes of a function, by the ARN of one or all of its versions, or of all functions."""
        with self._changed:
            stopped = []
            for kind in (self._idle, self._busy):
                for build in [b for b in kind if function is None or b.of(function)]:
                    stopped += kind.pop(build)
            self._changed.notify_all()
        for process in stopped:
            process.stop()

    def _take(self, build: Build) -> NodeProcess | None:
        """An idle process, or None if the caller may start one. Raises Busy."""
        deadline = time.monotonic() + self._timeout
        with self._changed:
            self._stop_outdated(build)
            while True:
                while self._idle[build]:
                    process = self._idle[build].pop()
                    if process.alive:
                        self._busy[build].append(process)
                        return process
                if len(self._busy[build]) + self._starting[build] < self._per_function and self._make_room():
                    self._starting[build] += 1
                    return None
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise Busy

    def _start(self, build: Build, start: Callable[[], NodeProcess]) -> NodeProcess:
        try:
            process = start()
        except BaseException:
            with self._changed:
                self._starting[build] -= 1
                self._changed.notify_all()
            raise
        with self._changed:
            self._starting[build] -= 1
            self._busy[build].append(process)
        return process

    def _stop_outdated(self, build: Build) -> None:
        """Stops idle processes of the function's earlier code or configuration."""
        for other in [b for b in self._idle if b.function == build.function and b != build]:
            for process in self._idle.pop(other):
                process.stop()

    def _make_room(self) -> bool:
        count = sum(map(len, self._idle.values())) + sum(map(len, self._busy.values())) + sum(self._starting.values())
        if count < self._total:
            return True
        idle = [(process.last_used, build, process) for build, all_ in self._idle.items() for process in all_]
        if not idle:
            return False
        _, build, process = min(idle, key=lambda entry: entry[0])
        self._idle[build].remove(process)
        process.stop()
        return True
