"""The sandbox: moto's application with our overlay before and behind it.

A call passes, in this order: injected faults, the overlay's `intercept` handlers, moto, and the overlay's `amend`
handlers, which change moto's answer.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from moto.core.exceptions import ServiceException
from moto.moto_api._internal import mock_random

from .background import activity
from .calls import CallLog
from .clock import Clock
from .control import FORK, PREFIX, Control
from .http_messages import Request, Response
from .server import cbor
from .server.errors import AwsError
from .server.faults import Faults
from .server.handlers import Handlers, ServiceHandlers
from .server.moto_calls import Moto
from .server.reply import Reply, error_code, parse, serialise, stamp_request_id
from .server.request import AwsRequest, decoded, environ_of
from .server.stores import ACCOUNT

log = logging.getLogger("sandbox")

# moto's backends are plain dictionaries. One call at a time keeps a list from changing while it is read, and makes a
# check and the delete that depends on it one step. Services that invoke functions or wait (Lambda, SQS) have no lock: a
# function that calls back would wait for itself.
ONE_AT_A_TIME = frozenset(
    ["acm", "backup", "config", "ec2", "ecs", "elbv2", "iam", "kms", "rds", "route53", "ssm", "wafv2"]
)


class Sandbox:
    """Answers AWS calls and control calls. Overlay modules install their handlers into it."""

    # Set by the modules that provide them.
    fork: Callable[[dict[str, Any]], dict[str, Any]]
    front_door: Callable[[Request], Response]

    def __init__(self, *, data_dir: Path, node: str | None, port: int, front_door_port: int, time_scale: float) -> None:
        self.data_dir = data_dir
        self.node = node
        self.port = port
        # That of the first parent, if this sandbox is a fork.
        self.first_port = port
        self.front_door_port = front_door_port
        self.clock = Clock(time_scale)
        self.account = ACCOUNT
        # Where functions connect instead of to a database's AWS endpoint: host name -> {"host", "port", "ca"}.
        self.hosts: dict[str, dict[str, Any]] = {}
        self.calls = CallLog()
        self.faults = Faults()
        self.ready = False
        self._control = Control(self)
        self._moto = Moto()
        self._handlers = Handlers()
        self._resets: list[Callable[[], None]] = [
            self.hosts.clear,
            self.faults.clear,
            self.calls.clear,
            self.clock.clear,
        ]
        self._fork_hooks: list[Callable[[], None]] = []
        self._stop_hooks: list[Callable[[], None]] = []
        self._locks: dict[str, threading.RLock] = {name: threading.RLock() for name in ONE_AT_A_TIME}

    def redirects(self) -> dict[str, dict[str, Any]]:
        """Where functions connect instead of to the hosts that are its keys."""
        if self.port == self.first_port:
            return dict(self.hosts)
        return {**self.hosts, f"127.0.0.1:{self.first_port}": {"host": "127.0.0.1", "port": self.port}}

    @property
    def time_scale(self) -> float:
        return self.clock.time_scale

    @time_scale.setter
    def time_scale(self, scale: float) -> None:
        self.clock.time_scale = scale

    # What overlay modules use

    def service(self, name: str) -> ServiceHandlers:
        """Where a service's handlers are registered, by moto's name for the service."""
        return ServiceHandlers(self._handlers, name)

    def on_reset(self, callback: Callable[[], None]) -> None:
        self._resets.append(callback)

    def on_fork(self, callback: Callable[[], None]) -> None:
        """Calls `callback` in each forked process first, to replace the parent's processes and files."""
        self._fork_hooks.append(callback)

    def on_stop(self, callback: Callable[[], None]) -> None:
        self._stop_hooks.append(callback)

    def client(self, service: str, region: str = "us-east-1") -> Any:
        """A boto3 client of this sandbox. Not for handlers of services with a lock: the call would wait for them."""
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
            config=Config(retries={"max_attempts": 1}),
        )

    def lock(self, service: str) -> Any:
        return self._locks.get(service) or contextlib.nullcontext()

    def reset(self) -> None:
        from moto.moto_api._internal.models import moto_api_backend

        with contextlib.ExitStack() as stack:
            for name in sorted(self._locks):
                stack.enter_context(self._locks[name])
            moto_api_backend.reset()
            for callback in self._resets:
                callback()

    def forked(self, *, data_dir: Path, port: int, front_door_port: int, time_scale: float | None) -> None:
        """Adapts to the forked process that this copy of the sandbox is in."""
        self.data_dir, self.port, self.front_door_port = data_dir, port, front_door_port
        self.ready = False
        self.calls.clear()
        if time_scale is not None:
            self.time_scale = time_scale
        os.environ["MOTO_PORT"] = str(port)
        # Otherwise parent and copy would generate the same ids.
        mock_random.seed()
        for hook in self._fork_hooks:
            hook()

    def preload(self) -> None:
        """Loads what is otherwise loaded at the first call of each service."""
        self._moto.preload()

    def stop(self) -> None:
        for hook in self._stop_hooks:
            hook()

    # The path of a request

    def answer(self, request: Request) -> Reply:
        if request.path.startswith(PREFIX):
            # A fork waits until no work is in progress, so it can't be work itself.
            with contextlib.nullcontext() if request.path == FORK else activity:
                return self._control.answer(request)
        with activity:
            environ = environ_of(request, self.port)
            body = decoded(environ, request.body)
            if cbor.is_cbor(environ):
                return cbor.bridge(environ, body, self._answer_call)
            return self._answer_call(environ, body)

    def _answer_call(self, environ: dict[str, Any], body: bytes) -> Reply:
        request = AwsRequest(environ, body)
        for service, happen in self.clock.take_due():
            with self.lock(service):
                happen()
        with self.lock(request.service):
            reply = self._run(request)
        stamp_request_id(reply)
        if not environ.get("PATH_INFO", "").startswith("/moto-api"):
            self.calls.add(request, reply.status, error_code(request, reply))
        return reply

    def _run(self, request: AwsRequest) -> Reply:
        if request.operation is None:
            return self._moto.answer(request.http)
        try:
            self.faults.raise_next(request)
            for handler in self._handlers.before(request):
                result = handler(request)
                if result is not None:
                    return serialise(request, self._amended(request, result))
            reply = self._moto.answer(request.http)
            if reply.status >= 300 or not self._handlers.amends(request):
                return reply
            return serialise(request, self._amended(request, parse(request, reply)))
        except AwsError as error:
            return serialise(request, error)
        except ServiceException as error:
            return serialise(request, AwsError(error.code, error.message))
        except NotImplementedError as error:
            return serialise(request, AwsError("NotImplemented", f"the sandbox lacks this: {error}", 501))
        except Exception as error:  # the caller sees a bug of the overlay as such
            log.exception("%s.%s", request.service, request.operation)
            return serialise(request, AwsError("InternalFailure", f"sandbox: {error!r}", 500))

    def _amended(self, request: AwsRequest, result: dict[str, Any]) -> dict[str, Any]:
        for handler in self._handlers.amends(request):
            changed = handler(request, result)
            result = result if changed is None else changed
        return result
