"""HTTP requests and responses."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from http import HTTPStatus

Headers = list[tuple[str, str]]


@dataclass
class Request:
    method: str
    path: str
    query: str = ""
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    client: str = "127.0.0.1"
    client_port: int = 0
    # Path and query as they were received.
    target: str = ""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def cookie(self, name: str) -> str | None:
        for part in (self.header("Cookie") or "").split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                return value
        return None


@dataclass
class Response:
    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""

    @classmethod
    def plain(cls, status: int, text: str = "") -> Response:
        """A text that doesn't come from a target."""
        return cls(status, [("Content-Type", "text/plain; charset=utf-8")], (text or reason(status)).encode())


@functools.cache
def reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
