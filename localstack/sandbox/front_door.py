"""One loopback port that takes HTTP for every load balancer, so that people see their system live.

The Host header says which: a load balancer's DNS name, or a name that Route 53 leads to one. A request
counts as one on the HTTPS listener after TLS; `X-Sandbox-Listener: 80` (or a port in the Host header, or
X-Forwarded-Port) picks another listener.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from .edge import Edge
from .http_messages import Request, Response, reason
from .services.elbv2 import load_balancers
from .traffic import dns_records
from .traffic.health_checks import DnsHealth
from .traffic.target_health import TargetHealth


def install(sandbox) -> None:
    door = FrontDoor(sandbox)
    server = Server(("127.0.0.1", sandbox.front_door_port), _handler(door))
    sandbox.front_door_port = server.server_address[1]
    threading.Thread(target=server.serve_forever, name="front door", daemon=True).start()


class FrontDoor:
    def __init__(self, sandbox):
        self._sandbox = sandbox
        self._health = TargetHealth(sandbox)
        self._edge = Edge(sandbox, self._health)
        self._dns = DnsHealth(sandbox, self.serve)

    def answer(self, request: Request) -> Response:
        """Answer a client's request; the Host header and the listener headers say where it goes."""
        host, port = self._destination(request)
        return self.serve(request, host, port)

    def serve(self, request: Request, host: str, port: int | None) -> Response:
        found = dns_records.resolve(host, self._dns.healthy, self._health.of_balancer)
        if found is None:
            return _unknown(host)
        balancer, backend = found
        return self._edge.serve(balancer, backend, request, host, port)

    def _destination(self, request: Request) -> tuple[str, int | None]:
        parts = urlsplit(f"//{request.header('Host') or ''}")
        named = parts.port if parts.port != self._sandbox.front_door_port else None
        wanted = request.header("X-Sandbox-Listener") or request.header("X-Forwarded-Port") or named
        request.headers = [(name, value) for name, value in request.headers if name.lower() != "x-sandbox-listener"]
        return parts.hostname or "", int(wanted) if wanted else None


def _unknown(host: str) -> Response:
    balancers = [b.dns_name for backend in load_balancers.all_backends() for b in list(backend.load_balancers.values())]
    known = "\n".join(f"  {name}" for name in sorted(balancers) + dns_records.names()) or "  (none)"
    return Response.plain(404, f"No load balancer answers for {host!r}. Known hosts:\n{known}\n")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def _handler(door: FrontDoor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave in one packet each; without this they wait for one another's acknowledgement.
        disable_nagle_algorithm = True
        wbufsize = -1

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            try:
                request = Request(
                    method=self.command,
                    path=parts.path or "/",
                    query=parts.query,
                    headers=list(self.headers.items()),
                    body=self._body(),
                    client=self.client_address[0],
                )
                response = door.answer(request)
            except ValueError as error:
                response = Response.plain(400, str(error))
                self.close_connection = True
            self._send(response)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_any

        def _body(self) -> bytes:
            if (self.headers.get("Transfer-Encoding") or "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass  # trailers
            return b"".join(chunks)

        def _send(self, response: Response) -> None:
            self.send_response_only(response.status, reason(response.status))
            for name, value in response.headers:
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.body)))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.body)
            self.wfile.flush()

        def log_message(self, *_) -> None:
            """One line a request would bury what matters."""

    return Handler
