"""The port that takes HTTP requests to all load balancers.

The Host header has the load balancer's name, or one that Route 53 resolves to it. A request goes to the HTTPS listener,
as if after TLS; `X-Sandbox-Listener: 80`, a port in the Host header, or X-Forwarded-Port selects another listener.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from .background import activity
from .edge import Edge
from .http_messages import Request, Response
from .services.elbv2 import load_balancers
from .traffic import dns_records
from .traffic.health_checks import DnsHealth
from .traffic.target_health import TargetHealth


def install(sandbox) -> None:
    sandbox.front_door = FrontDoor(sandbox).answer


class FrontDoor:
    def __init__(self, sandbox):
        self._sandbox = sandbox
        self._health = TargetHealth(sandbox)
        self._edge = Edge(sandbox, self._health)
        self._dns = DnsHealth(sandbox, self.serve)

    def answer(self, request: Request) -> Response:
        """Answers a client's request. The Host header and the listener headers name its destination."""
        with activity:
            try:
                host, port = self._destination(request)
                return self.serve(request, host, port)
            except ValueError as error:
                return Response.plain(400, str(error))

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
