"""`/_sandbox/...`: how the tool and the tests steer the sandbox."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import moto

from . import __version__
from .server.reply import Reply
from .server.request import read_body

if TYPE_CHECKING:
    from .app import Sandbox

PREFIX = "/_sandbox/"


class Control:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._routes: dict[tuple[str, str], Callable[[Any], Any]] = {
            ("GET", "status"): self._status,
            ("GET", "calls"): lambda _: sandbox.calls.list(),
            ("DELETE", "calls"): lambda _: sandbox.calls.clear(),
            ("POST", "reset"): lambda _: sandbox.reset(),
            ("PUT", "time-scale"): self._set_time_scale,
            ("POST", "advance"): self._advance,
            ("POST", "faults"): sandbox.faults.add,
            ("DELETE", "faults"): lambda _: sandbox.faults.clear(),
            ("GET", "hosts"): lambda _: sandbox.hosts,
            ("PUT", "hosts"): self._set_hosts,
        }

    def answer(self, environ: dict[str, Any]) -> Reply | None:
        """The reply, or None for a request that isn't ours."""
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return None
        route = self._routes.get((environ["REQUEST_METHOD"], path[len(PREFIX) :].rstrip("/")))
        if route is None:
            return _json(404, {"error": f"no such control: {environ['REQUEST_METHOD']} {path}"})
        try:
            body = read_body(environ)
            result = route(json.loads(body) if body else None)
        except (ValueError, KeyError, TypeError) as error:
            return _json(400, {"error": f"{type(error).__name__}: {error}"})
        return _json(200, {} if result is None else result)

    def _status(self, _: Any) -> dict[str, Any]:
        sandbox = self._sandbox
        return {
            "ready": sandbox.ready,
            "version": __version__,
            "port": sandbox.port,
            "front_door_port": sandbox.front_door_port,
            "time_scale": sandbox.time_scale,
            "moto_version": moto.__version__,
            "calls": sandbox.calls.total,
            "pid": os.getpid(),
            "data_dir": str(sandbox.data_dir),
            # Which unpacked copy of these files this is; none if someone started it by hand.
            "bundle": os.environ.get("PROVISIONER_SANDBOX_BUNDLE"),
        }

    def _set_time_scale(self, wanted: dict[str, Any]) -> None:
        scale = float(wanted["scale"])
        if scale < 0:
            raise ValueError("scale must not be negative")
        self._sandbox.time_scale = scale

    def _advance(self, wanted: dict[str, Any]) -> None:
        seconds = float(wanted["seconds"])
        if seconds < 0:
            raise ValueError("seconds must not be negative")
        self._sandbox.clock.advance(seconds)

    def _set_hosts(self, hosts: dict[str, dict[str, Any]]) -> None:
        checked = {
            name: {"host": at["host"], "port": int(at["port"]), "ca": at.get("ca")} for name, at in hosts.items()
        }
        self._sandbox.hosts.clear()
        self._sandbox.hosts.update(checked)


def _json(status: int, value: Any) -> Reply:
    return Reply(status, [("Content-Type", "application/json")], json.dumps(value).encode())
