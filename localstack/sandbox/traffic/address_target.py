"""Targets of type ip: forwards requests to loopback addresses, and refuses all others."""

from __future__ import annotations

import http.client
import ipaddress

from ..http_messages import Request, Response
from .lambda_target import BadTarget

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length"}


def call(address: str, port: int, request: Request, timeout: float = 60.0) -> Response:
    if not ipaddress.ip_address(address).is_loopback:
        raise BadTarget(f"{address} isn't on this machine")
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        target = request.path + (f"?{request.query}" if request.query else "")
        headers = {name: value for name, value in request.headers if name.lower() not in HOP_BY_HOP}
        connection.request(request.method, target, body=request.body or None, headers=headers)
        answer = connection.getresponse()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
        return Response(answer.status, kept, answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise BadTarget(f"{address}:{port}: {error}") from error
    finally:
        connection.close()
