"""Copies of a running sandbox and all its state: `POST /_sandbox/fork` forks the process.

A copy has its own ports and its own folder, and shares nothing with its parent. It ends on SIGTERM, or when its parent
ends.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import stat
import sys
import threading
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Any

from ..server import background
from ..server.background import activity
from ..server.http_server import bind, port_of, serve

if TYPE_CHECKING:
    from ..app import Sandbox

log = logging.getLogger(__name__)

IDLE_TIMEOUT = 30.0  # seconds to wait until no work is in progress


class Process:
    """The process of a sandbox. Only its main thread forks, so that a copy has a main thread too."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._begin()

    def start(self, api: socket, front_door: socket) -> None:
        """Answers requests from now on."""
        sandbox = self._sandbox
        sandbox.fork = self.fork
        sandbox.ready = True
        serve(api, sandbox.answer, "AWS")
        serve(front_door, sandbox.front_door, "front door")

    def run(self) -> None:
        """Forks on request. Returns when the process has to end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        while not self._stopping:
            os.read(self._woken, 1)
            while self._requests:
                self._answer(*self._requests.popleft())
        self._sandbox.ready = False

    def stop(self) -> None:
        self._stopping = True
        self._wake()

    def fork(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Makes a copy. `settings` has its `data_dir`, and its `time_scale` unless it keeps the parent's."""
        future: Future[dict[str, Any]] = Future()
        self._requests.append((settings, future))
        self._wake()
        return future.result()

    def _begin(self) -> None:
        self._stopping = False
        self._requests: deque[tuple[dict[str, Any], Future[dict[str, Any]]]] = deque()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        # A signal has to wake the main thread, whichever thread receives it.
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        # Nothing is written to this pipe. Copies see its end when this process ends, even if it is killed.
        self._lifeline, self._lifeline_end = os.pipe()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full of wake-ups already
            os.write(self._waker, b"\0")

    def _answer(self, settings: dict[str, Any], future: Future[dict[str, Any]]) -> None:
        try:
            future.set_result(self._fork(settings))
        except Exception as error:
            future.set_exception(error)

    def _fork(self, settings: dict[str, Any]) -> dict[str, Any]:
        folder = Path(settings["data_dir"])
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            api, front_door = stack.enter_context(bind(0)), stack.enter_context(bind(0))
            output = stack.enter_context(open(folder / "sandbox.log", "ab"))
            ends = zip(os.pipe(), ("rb", "wb"), strict=True)
            started, start = (stack.enter_context(open(end, mode, 0)) for end, mode in ends)
            with activity.paused(IDLE_TIMEOUT):
                # The garbage collector writes to all objects that it visits, and so would copy their memory.
                gc.freeze()
                pid = os.fork()
            if pid == 0:
                try:
                    for number in (1, 2):
                        os.dup2(output.fileno(), number)
                    self._become_copy(api.dup(), front_door.dup(), folder, start.fileno(), settings.get("time_scale"))
                    start.write(b"\0")
                except BaseException:
                    log.exception("the copy can't start")
                    os._exit(1)
                return {}
            start.close()
            # Only its parent can collect its exit status.
            threading.Thread(target=os.waitpid, args=(pid, 0), name=f"copy {pid}", daemon=True).start()
            if not started.read(1):
                raise OSError(f"the copy can't start, see {output.name}")
            return {"pid": pid, "port": port_of(api), "front_door_port": port_of(front_door)}

    def _become_copy(self, api: socket, front_door: socket, folder: Path, start: int, time_scale: float | None) -> None:
        os.setsid()
        parent = self._lifeline
        _abandon_descriptors({api.fileno(), front_door.fileno(), parent, start})
        self._begin()
        self._sandbox.forked(
            data_dir=folder.resolve(), port=port_of(api), front_door_port=port_of(front_door), time_scale=time_scale
        )
        background.restart()
        threading.Thread(target=self._stop_when_closed, args=(parent,), name="parent", daemon=True).start()
        self.start(api, front_door)

    def _stop_when_closed(self, descriptor: int) -> None:
        while os.read(descriptor, 1024):
            pass
        self.stop()

    def stop_with_stdin(self) -> None:
        """Ends the process when stdin is closed, as it is when the process at its other end dies."""
        threading.Thread(target=self._stop_when_closed, args=(0,), name="stdin", daemon=True).start()


def _abandon_descriptors(kept: set[int]) -> None:
    """Closes the parent's connections and pipes, but keeps their numbers in use.

    Python objects copied from the parent may close these numbers later. They must not be anything else's by then.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    for number in [int(name) for name in os.listdir("/dev/fd")]:
        if number <= 2 or number in kept:
            continue
        with contextlib.suppress(OSError):  # the listing's own descriptor
            mode = os.fstat(number).st_mode
            if stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode):
                os.dup2(nothing, number, inheritable=False)
    os.close(nothing)


def end() -> None:
    """Ends the process without freeing its memory piece by piece."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)
