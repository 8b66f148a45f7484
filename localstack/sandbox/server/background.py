"""Work on daemon threads, which don't delay the end of the process.

`activity` counts the work in progress, requests included: the process is forked only while there is none. `restart`
starts the threads again in the forked process.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

log = logging.getLogger(__name__)


class Busy(Exception):
    """Work was in progress until the timeout."""


class Activity:
    """Counts the work in progress. A context manager around each piece of work, which may contain others."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._count = 0

    def __enter__(self) -> None:
        self.begin()

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(self) -> None:
        with self._changed:
            self._count += 1

    def end(self) -> None:
        with self._changed:
            self._count -= 1
            if self._count == 0:
                self._changed.notify_all()

    @contextmanager
    def paused(self, timeout: float) -> Iterator[None]:
        """Waits until no work is in progress, and lets none begin within the context. Raises Busy."""
        # New work may begin during the wait: the work in progress may need it.
        with self._changed:
            if not self._changed.wait_for(lambda: self._count == 0, timeout):
                raise Busy
            yield


activity = Activity()
_pools: weakref.WeakSet[Background] = weakref.WeakSet()
_loops: list[_Loop] = []


class Background:
    """A pool that runs tasks after the caller got its answer."""

    def __init__(self, threads: int, name: str):
        self._name = name
        self._max_threads = threads
        self._begin()
        _pools.add(self)

    def _begin(self) -> None:
        # A forked process gets a new queue: the old one counts waiting threads that only the parent has.
        self._tasks: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._unfinished = 0

    def submit(self, task: Callable[..., Any], *arguments: Any) -> None:
        activity.begin()
        with self._lock:
            self._unfinished += 1
            self._tasks.put((task, arguments))
            if self._threads < min(self._unfinished, self._max_threads):
                self._threads += 1
                threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def clear(self) -> None:
        """Drops the tasks that haven't begun."""
        while True:
            try:
                self._tasks.get_nowait()
            except queue.Empty:
                return
            self._finished()

    def _work(self) -> None:
        while True:
            task, arguments = self._tasks.get()
            try:
                task(*arguments)
            except Exception:
                log.exception("%s: %s", self._name, getattr(task, "__qualname__", task))
            finally:
                # So that they can be freed before the next task arrives.
                task = arguments = None  # type: ignore[assignment]
                self._finished()

    def _finished(self) -> None:
        with self._lock:
            self._unfinished -= 1
        activity.end()


class _Loop:
    def __init__(self, name: str, seconds: float, task: Callable[[], Any]) -> None:
        self._name = name
        self._seconds = seconds
        self._task = task

    def start(self) -> None:
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(self._seconds)
            try:
                with activity:
                    self._task()
            except Exception:
                log.exception(self._name)


def repeat(name: str, seconds: float, task: Callable[[], Any]) -> None:
    """Runs `task` again and again, with a pause of `seconds`. An exception is logged and doesn't end it."""
    loop = _Loop(name, seconds, task)
    _loops.append(loop)
    loop.start()


def restart() -> None:
    """Starts the threads again in a forked process, which has none of its parent's."""
    for pool in list(_pools):
        pool._begin()
    for loop in _loops:
        loop.start()
