"""The HTTP/1.1 server behind both ports. Each connection has a thread and stays open from request to request."""

from __future__ import annotations

import functools
import logging
import socket
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from .http_messages import Headers, Request, Response, reason

log = logging.getLogger(__name__)

MAX_LINE = 65_536
MAX_HEADERS = 200
# The server sets these itself.
OWN_HEADERS = frozenset(["connection", "content-length", "date", "transfer-encoding"])

Answer = Callable[[Request], Any]


class BadRequest(Exception):
    """Bytes that are no HTTP request."""


def bind(port: int, *, reuse: bool = False) -> socket.socket:
    """A socket on this loopback port (0: any free port). It refuses connections until it listens."""
    listener = socket.socket()
    if reuse:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    # Closed connections would keep the next process from this port for a minute.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return listener


def port_of(listener: socket.socket) -> int:
    return listener.getsockname()[1]


def serve(listener: socket.socket, answer: Answer, name: str) -> None:
    """Answers all requests on this socket, on threads that end with the process."""

    def accept() -> None:
        while True:
            try:
                connection, address = listener.accept()
            except ConnectionError:
                continue
            except OSError:
                log.exception("%s can't accept connections", name)
                return
            threading.Thread(target=_converse, args=(connection, address, answer), name=name, daemon=True).start()

    listener.listen(256)
    threading.Thread(target=accept, name=name, daemon=True).start()


def _converse(connection: socket.socket, address: tuple[str, int], answer: Answer) -> None:
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as stream:
            while _exchange(connection, address, stream, answer):
                pass
    except (ConnectionError, TimeoutError):
        pass  # the client disconnected
    except Exception:
        log.exception("a connection failed")


def _exchange(connection: socket.socket, address: tuple[str, int], stream: Any, answer: Answer) -> bool:
    """Serves one request; False if the connection is to be closed."""
    try:
        head = _read_head(stream)
        if head is None:
            return False
        method, target, version, headers = head
        named = {name.lower(): value for name, value in headers}
        if named.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = _read_body(stream, named)
        path, query = _split(target)
    except (BadRequest, ValueError) as error:
        connection.sendall(_written(Response.plain(400, str(error)), "GET", keep=False))
        return False
    options = named.get("connection", "").lower()
    keep = "close" not in options and (version == "HTTP/1.1" or "keep-alive" in options)
    request = Request(method, path, query, headers, body, client=address[0], client_port=address[1], target=target)
    try:
        response = answer(request)
    except Exception as error:
        log.exception("%s %s", method, target)
        response = Response.plain(500, repr(error))
    connection.sendall(_written(response, method, keep=keep))
    return keep


def _read_head(stream: Any) -> tuple[str, str, str, Headers] | None:
    """Method, target, version and headers; None if the client has closed the connection."""
    line = _read_line(stream)
    if line == "":  # some clients end a body with an extra line break
        line = _read_line(stream)
    if line is None:
        return None
    words = line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequest(f"no HTTP/1.1 request: {line[:80]!r}")
    headers: Headers = []
    while line := _read_line(stream):
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or len(headers) == MAX_HEADERS:
            raise BadRequest(f"bad header: {line[:80]!r}")
        headers.append((name, value.strip()))
    if line is None:
        return None
    return words[0], words[1], words[2], headers


def _read_line(stream: Any) -> str | None:
    line = stream.readline(MAX_LINE)
    if not line:
        return None
    if not line.endswith(b"\n"):
        raise BadRequest("a line is too long or cut")
    return line.rstrip(b"\r\n").decode("latin-1")


def _read_body(stream: Any, headers: dict[str, str]) -> bytes:
    if "chunked" not in headers.get("transfer-encoding", "").lower():
        return _read(stream, int(headers.get("content-length") or 0))
    chunks = []
    while size := int((_read_line(stream) or "").partition(";")[0], 16):
        chunks.append(_read(stream, size))
        _read_line(stream)
    while _read_line(stream):
        pass  # trailers
    return b"".join(chunks)


def _read(stream: Any, size: int) -> bytes:
    data = stream.read(size) if size else b""
    if len(data) < size:
        raise ConnectionError("the body is cut")
    return data


def _split(target: str) -> tuple[str, str]:
    """Path and query of a request's target, which may be a whole URL."""
    if not target.startswith("/"):
        parts = urlsplit(target)
        return parts.path or "/", parts.query
    path, _, query = target.partition("?")
    return path, query


def _written(response: Any, method: str, *, keep: bool) -> bytes:
    """The bytes of anything with a status, headers and a body."""
    length = str(len(response.body))
    lines = [f"HTTP/1.1 {response.status} {reason(response.status)}", f"Date: {_date(int(time.time()))}"]
    for name, value in response.headers:
        if name.lower() not in OWN_HEADERS:
            lines.append(f"{name}: {value}")
        elif method == "HEAD" and name.lower() == "content-length":
            length = value
    lines.append(f"Content-Length: {length}")
    if not keep:
        lines.append("Connection: close")
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    return head if method == "HEAD" else head + response.body


@functools.lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
