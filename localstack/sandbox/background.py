"""Work done after the caller got its answer, on daemon threads that never hold up the sandbox's end."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)


class Background:
    def __init__(self, threads: int, name: str):
        self._tasks: queue.Queue[tuple[Callable[..., Any], tuple]] = queue.Queue()
        self._name = name
        self._most = threads
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._lock = threading.Lock()

    def submit(self, task: Callable[..., Any], *arguments: Any) -> None:
        with self._lock:
            self._tasks.put((task, arguments))
            if self._idle < self._tasks.qsize() and len(self._threads) < self._most:
                thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def clear(self) -> None:
        """Drop what hasn't begun."""
        while True:
            try:
                self._tasks.get_nowait()
            except queue.Empty:
                return

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            task, arguments = self._tasks.get()
            with self._lock:
                self._idle -= 1
            try:
                task(*arguments)
            except Exception:
                log.exception("%s: %s", self._name, getattr(task, "__qualname__", task))


def repeat(name: str, seconds: float, task: Callable[[], Any]) -> None:
    """Run `task` for ever, `seconds` apart; what it raises is logged and doesn't end it."""

    def loop() -> None:
        while True:
            time.sleep(seconds)
            try:
                task()
            except Exception:
                log.exception(name)

    threading.Thread(target=loop, name=name, daemon=True).start()
