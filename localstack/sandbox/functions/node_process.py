"""A Node.js process that runs one function, one invocation at a time."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

BOOTSTRAP = Path(__file__).parent / "runtime" / "bootstrap.mjs"
INIT_SECONDS = 30.0  # to start node and load the function's modules; not part of the function's timeout


@dataclass
class Answer:
    """The outcome of an invocation."""

    payload: str
    failed: bool = False
    log: list[str] = field(default_factory=list)


class NodeProcess:
    """Starts `node`, writes events to its stdin and reads answers from a separate pipe.

    The child leads its own process group, so that whatever the function itself starts ends with it; and it
    exits when its stdin closes, so it can't outlive the sandbox however that dies.
    """

    def __init__(self, node: str, directory: Path, environment: dict[str, str]):
        reader, writer = os.pipe()
        try:
            self._process = subprocess.Popen(
                [node, "--enable-source-maps", str(BOOTSTRAP), str(writer)],
                cwd=directory,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(writer,),
                start_new_session=True,
            )
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        self.last_used = time.monotonic()
        self._ready = False
        self._messages: queue.Queue[dict | None] = queue.Queue()
        threading.Thread(target=self._read_messages, args=(reader,), daemon=True).start()
        # The bootstrap captures the console; what arrives here is written by node itself.
        threading.Thread(target=self._read_output, daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def invoke(self, request: dict, timeout: float) -> Answer:
        """Runs one event, with a timeout in seconds. A process that timed out or exited can't be used again."""
        self.last_used = time.monotonic()
        request_id = request["requestId"]
        log: list[str] = []
        if not self._ready and not self._await_ready(log):
            return self._exited(request_id, log)
        deadline = time.monotonic() + timeout
        try:
            assert self._process.stdin is not None
            request = {**request, "deadline": int((time.time() + timeout) * 1000)}
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return self._exited(request_id, log)
        while True:
            try:
                message = self._messages.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self.stop()
                text = f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds"
                return self._error("Sandbox.Timedout", text, log)
            if message is None:
                return self._exited(request_id, log)
            if message["type"] == "log":
                log.append(message["message"])
            elif message.get("requestId") == request_id:
                if message["type"] == "result":
                    return Answer(message["payload"], log=log)
                if message.get("fatal"):
                    self.stop()
                return Answer(json.dumps(message["error"]), failed=True, log=log)

    def _await_ready(self, log: list[str]) -> bool:
        deadline = time.monotonic() + INIT_SECONDS
        while not self._ready:
            try:
                message = self._messages.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                log.append(f"INIT_REPORT Status: timeout after {INIT_SECONDS:.0f} seconds")
                return False
            if message is None:
                return False
            if message["type"] == "log":
                log.append(message["message"])
            self._ready = message["type"] == "ready"
        return True

    def stop(self) -> None:
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def _exited(self, request_id: str, log: list[str]) -> Answer:
        self.stop()
        text = f"RequestId: {request_id} Error: Runtime exited with error: exit status {self._process.returncode}"
        return self._error("Runtime.ExitError", text, log)

    @staticmethod
    def _error(kind: str, text: str, log: list[str]) -> Answer:
        log.append(text)
        return Answer(json.dumps({"errorType": kind, "errorMessage": text}), failed=True, log=log)

    def _read_messages(self, reader: int) -> None:
        with os.fdopen(reader, "rb") as stream:
            for line in stream:
                try:
                    self._messages.put(json.loads(line))
                except ValueError:
                    continue
        self._messages.put(None)

    def _read_output(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._messages.put({"type": "log", "message": line.decode(errors="replace").rstrip("\n")})
