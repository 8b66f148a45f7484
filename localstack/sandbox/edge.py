"""What happens to a request once it is known which load balancer it reached."""

from __future__ import annotations

import base64
import random
import time

from .http_messages import Request, Response
from .services.elbv2 import forwarding, load_balancers
from .traffic import address_target, lambda_target, listener_rules
from .traffic.metrics import Traffic
from .traffic.target_health import TargetHealth

STICKY = "AWSALBTG"
HTTPS_PORT = 443


class Edge:
    def __init__(self, sandbox, health: TargetHealth):
        self._sandbox = sandbox
        self._health = health

    def serve(self, balancer, backend, request: Request, host: str, port: int | None) -> Response:
        """Answer as the load balancer would on its listener at `port`, which has ended TLS if it has to.

        Without a port it is the HTTPS listener, or where there is none the one with the lowest port.
        """
        listener = _listener(balancer, port)
        if listener is None:
            ports = ", ".join(str(listener.port) for listener in balancer.listeners.values()) or "none"
            return Response.plain(503, f"{balancer.name} has no listener on port {port or HTTPS_PORT}; it has: {ports}")
        traffic = Traffic(balancer, backend)
        rule = listener_rules.matching(listener, request, host)
        # Authentication comes before the last action, which is the one that answers.
        action = forwarding.actions(listener, rule)[-1]
        kind = action["Type"]
        if kind == "redirect":
            traffic.answered_by_balancer(302, "HTTP_Redirect_Count")
            return _redirect(action["RedirectConfig"], listener, request, host)
        if kind == "fixed-response":
            traffic.answered_by_balancer(200, "HTTP_Fixed_Response_Count")
            return _fixed(action["FixedResponseConfig"])
        _add_forwarding_headers(request, listener)
        return self._forward(action, backend, traffic, request)

    def _forward(self, action: dict, backend, traffic: Traffic, request: Request) -> Response:
        arn, sticky = _choose(action, request)
        group = backend.target_groups.get(arn)
        target = self._target(group) if group else None
        if target is None:
            traffic.answered_by_balancer(503)
            response = Response.plain(503)
        else:
            response = self._ask(group, target, traffic, request)
        if arn:
            response.headers.append(("X-Sandbox-Target-Group", arn))
        if sticky:
            response.headers.append(sticky)
        return response

    def _target(self, group) -> str | None:
        """A healthy target; with none of them healthy, any: the load balancer fails open."""
        targets = list(group.targets)
        fit = [target for target in targets if self._health.healthy(group, target)] if len(targets) > 1 else []
        return random.choice(fit or targets) if targets else None

    def _ask(self, group, target: str, traffic: Traffic, request: Request) -> Response:
        started = time.monotonic()
        is_lambda = group.target_type == "lambda"
        try:
            if is_lambda:
                response = lambda_target.call(self._sandbox, group, target, request)
            else:
                response = address_target.call(target, int(group.targets[target]["Port"]), request)
        except (lambda_target.BadTarget, ValueError) as error:
            traffic.target_failed(group, 502, is_lambda)
            response = Response.plain(502)
            response.headers.append(("X-Sandbox-Reason", str(error).replace("\n", " ")[:500]))
            return response
        traffic.answered_by_target(group, response.status, time.monotonic() - started)
        return response


def _listener(balancer, port: int | None):
    by_port = {int(listener.port): listener for listener in balancer.listeners.values()}
    if port is None and by_port:
        port = HTTPS_PORT if HTTPS_PORT in by_port else min(by_port)
    return by_port.get(port)


def _choose(action: dict, request: Request) -> tuple[str | None, tuple[str, str] | None]:
    """The target group for this request, and the cookie that keeps the client with it."""
    groups = forwarding.target_groups(action)
    seconds = forwarding.stickiness(action)
    if seconds and (cookie := request.cookie(STICKY)):
        stays_with = next((arn for arn, _ in groups if _cookie_value(arn) == cookie), None)
        if stays_with:
            return stays_with, _cookie(stays_with, seconds)
    if not any(weight for _, weight in groups):
        return None, None
    arn = random.choices([arn for arn, _ in groups], [weight for _, weight in groups])[0]
    return arn, _cookie(arn, seconds) if seconds else None


def _cookie(arn: str, seconds: int) -> tuple[str, str]:
    expires = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + seconds))
    return "Set-Cookie", f"{STICKY}={_cookie_value(arn)}; Expires={expires}; Path=/"


def _cookie_value(arn: str) -> str:
    return base64.urlsafe_b64encode(load_balancers.dimension(arn).encode()).decode().rstrip("=")


def _add_forwarding_headers(request: Request, listener) -> None:
    kept = [
        (n, v)
        for n, v in request.headers
        if n.lower() not in ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-port")
    ]
    before = request.header("X-Forwarded-For")
    request.headers = kept + [
        ("x-forwarded-for", f"{before}, {request.client}" if before else request.client),
        ("x-forwarded-proto", listener.protocol.lower()),
        ("x-forwarded-port", str(listener.port)),
    ]


def _redirect(config: dict, listener, request: Request, host: str) -> Response:
    known = {
        "#{protocol}": listener.protocol.lower(),
        "#{host}": host,
        "#{port}": str(listener.port),
        "#{path}": request.path.lstrip("/"),
        "#{query}": request.query,
    }

    def filled(name: str, default: str) -> str:
        text = config.get(name) or default
        for variable, value in known.items():
            text = text.replace(variable, value)
        return text

    protocol = filled("Protocol", "#{protocol}").lower()
    port = filled("Port", "#{port}")
    shown_port = "" if (protocol, port) in (("https", "443"), ("http", "80")) else f":{port}"
    query = filled("Query", "#{query}")
    location = f"{protocol}://{filled('Host', '#{host}')}{shown_port}{filled('Path', '/#{path}')}" + (
        f"?{query}" if query else ""
    )
    status = 301 if config["StatusCode"] == "HTTP_301" else 302
    return Response(status, [("Location", location)])


def _fixed(config: dict) -> Response:
    kind = config.get("ContentType") or "text/plain"
    return Response(int(config["StatusCode"]), [("Content-Type", kind)], (config.get("MessageBody") or "").encode())
