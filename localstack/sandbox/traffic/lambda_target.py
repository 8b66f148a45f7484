"""Targets of type lambda: the event of a request, and the response from the function's answer."""

from __future__ import annotations

import base64
import json
import uuid
from urllib.parse import parse_qsl, quote

from moto.core.exceptions import ServiceException

from ..functions.policies import may_invoke
from ..http_messages import Headers, Request, Response

MAX_BODY = 1024 * 1024  # bytes of a request or a response
TEXT = ("text/", "application/json", "application/javascript", "application/xml")


class BadTarget(Exception):
    """The function failed, or its answer is invalid: the client gets a 502."""


def call(sandbox, group, function_arn: str, request: Request) -> Response:
    """Sends the request to a function that is registered in moto's `group`. Raises BadTarget."""
    if len(request.body) > MAX_BODY:
        return Response.plain(413)
    multi = str(group.attributes.get("lambda.multi_value_headers.enabled")).lower() == "true"
    try:
        function = sandbox.invoker.find(function_arn)
        if not may_invoke(function, "elasticloadbalancing.amazonaws.com", group.arn):
            raise BadTarget(f"the policy of {function_arn} doesn't let the load balancer invoke it")
        answer = sandbox.invoker.invoke(function, json.dumps(event(group.arn, request, multi)), function_arn)
    except ServiceException as error:
        raise BadTarget(str(error)) from error
    if answer.failed:
        raise BadTarget(answer.payload)
    return _response(json.loads(answer.payload), multi)


def event(group_arn: str, request: Request, multi: bool) -> dict:
    encoded = _is_binary(request)
    body = base64.b64encode(request.body).decode() if encoded else request.body.decode()
    built: dict = {
        "requestContext": {"elb": {"targetGroupArn": group_arn}},
        "httpMethod": request.method,
        "path": request.path,
        "body": body,
        "isBase64Encoded": encoded,
    }
    # The load balancer doesn't decode the query.
    query = [(quote(k, safe=""), quote(v, safe="")) for k, v in parse_qsl(request.query, keep_blank_values=True)]
    headers = [(name.lower(), value) for name, value in request.headers]
    if request.header("x-amzn-trace-id") is None:
        headers.append(("x-amzn-trace-id", f"Root=1-{uuid.uuid4().hex[:8]}-{uuid.uuid4().hex[:24]}"))
    if multi:
        return built | {"multiValueQueryStringParameters": _lists(query), "multiValueHeaders": _lists(headers)}
    # Of a repeated name, only the last value is passed on.
    return built | {"queryStringParameters": dict(query), "headers": dict(headers)}


def _is_binary(request: Request) -> bool:
    if request.header("Content-Encoding"):
        return True
    kind = request.header("Content-Type") or "text/plain"
    if not kind.startswith(TEXT):
        return bool(request.body)
    try:
        request.body.decode()
    except UnicodeDecodeError:
        return True
    return False


def _response(answer, multi: bool) -> Response:
    if not isinstance(answer, dict):
        raise BadTarget("the answer isn't an object")
    try:
        status = int(answer["statusCode"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadTarget("the answer has no statusCode") from error
    if not 100 <= status <= 599:
        raise BadTarget(f"statusCode {status}")
    body = answer.get("body") or ""
    if not isinstance(body, str):
        raise BadTarget("the body isn't a string")
    try:
        raw = base64.b64decode(body, validate=True) if answer.get("isBase64Encoded") else body.encode()
    except ValueError as error:
        raise BadTarget("the body isn't base64") from error
    if len(raw) > MAX_BODY:
        raise BadTarget("the body is larger than 1 MB")
    return Response(status, _headers(answer, multi), raw)


def _headers(answer: dict, multi: bool) -> Headers:
    given = answer.get("multiValueHeaders" if multi else "headers") or {}
    if not isinstance(given, dict):
        raise BadTarget("the headers aren't an object")
    pairs: Headers = []
    for name, value in given.items():
        pairs += [(name, str(one)) for one in (value if isinstance(value, list) else [value])]
    return pairs


def _lists(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return lists
