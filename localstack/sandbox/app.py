"""The sandbox: moto's application with our overlay before and behind it.

A call goes through, in this order: injected faults, what overlay modules `intercept`, moto, what
overlay modules `amend` in moto's answer.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from moto.core.exceptions import ServiceException
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from .calls import CallLog
from .clock import Clock
from .control import Control
from .server import cbor
from .server.errors import AwsError
from .server.faults import Faults
from .server.handlers import Handlers, ServiceHandlers
from .server.reply import Reply, error_code, parse, serialise, stamp_request_id
from .server.request import AwsRequest, read_body
from .server.stores import ACCOUNT

log = logging.getLogger("sandbox")

# moto's backends are plain dictionaries: one call at a time keeps a list from changing under its reader,
# and makes a check and the delete it guards one step. Services that call out (Lambda, and whatever
# invokes it) or wait (SQS) stay unlocked, or a function that calls back would wait for itself.
ONE_AT_A_TIME = frozenset(
    ["acm", "backup", "config", "ec2", "ecs", "elbv2", "iam", "kms", "rds", "route53", "ssm", "wafv2"]
)


class Sandbox:
    """What overlay modules are installed into, and the WSGI application itself."""

    def __init__(self, *, data_dir: Path, node: str | None, port: int, front_door_port: int, time_scale: float) -> None:
        self.data_dir = data_dir
        self.node = node
        self.port = port
        self.front_door_port = front_door_port
        self.clock = Clock(time_scale)
        self.account = ACCOUNT
        # Host names of databases that stand for Aurora endpoints: name -> {"host", "port", "ca"}.
        self.hosts: dict[str, dict[str, Any]] = {}
        self.calls = CallLog()
        self.faults = Faults()
        self.ready = False
        self._control = Control(self)
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._handlers = Handlers()
        self._resets: list[Callable[[], None]] = [
            self.hosts.clear,
            self.faults.clear,
            self.calls.clear,
            self.clock.clear,
        ]
        self._locks: dict[str, threading.RLock] = {name: threading.RLock() for name in ONE_AT_A_TIME}

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

    def client(self, service: str, region: str = "us-east-1") -> Any:
        """A boto3 client that talks to this sandbox; never from within a handler of a locked service."""
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

    # How a request goes

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        reply = self._control.answer(environ) or self._answer(environ)
        if environ["REQUEST_METHOD"] != "HEAD":
            reply.set_header("Content-Length", str(len(reply.body)))
        start_response(f"{reply.status} {_reason(reply.status)}", reply.headers)
        return [reply.body]

    def _answer(self, environ: dict[str, Any]) -> Reply:
        body = read_body(environ)
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
            return self._ask_moto(request)
        try:
            self.faults.raise_next(request)
            for handler in self._handlers.before(request):
                result = handler(request)
                if result is not None:
                    return serialise(request, self._amended(request, result))
            reply = self._ask_moto(request)
            if reply.status >= 300 or not self._handlers.amends(request):
                return reply
            return serialise(request, self._amended(request, parse(request, reply)))
        except AwsError as error:
            return serialise(request, error)
        except ServiceException as error:
            return serialise(request, AwsError(error.code, error.message))
        except NotImplementedError as error:
            return serialise(request, AwsError("NotImplemented", f"the sandbox lacks this: {error}", 501))
        except Exception as error:  # an overlay bug must reach the caller as what it is
            log.exception("%s.%s", request.service, request.operation)
            return serialise(request, AwsError("InternalFailure", f"sandbox: {error!r}", 500))

    def _amended(self, request: AwsRequest, result: dict[str, Any]) -> dict[str, Any]:
        for handler in self._handlers.amends(request):
            changed = handler(request, result)
            result = result if changed is None else changed
        return result

    def _ask_moto(self, request: AwsRequest) -> Reply:
        answer: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            answer["status"], answer["headers"] = int(status.split()[0]), headers

        chunks = self._moto(request.moto_environ(), start_response)
        try:
            body = b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close:
                close()
        return Reply(answer["status"], list(answer["headers"]), body)


def _reason(status: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
