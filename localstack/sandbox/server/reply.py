"""Replies: serialised in the protocol of the caller, and parsed from moto's."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from botocore import parsers
from moto.core.model import StructureShape
from moto.core.serialize import DefaultAttributePicker, SerializationContext, get_serializer_class

from .errors import AwsError
from .request import AwsRequest

_PARSERS: dict[str, Any] = {}
# moto's placeholder for the request id in XML bodies.
MOTO_PLACEHOLDER = b">request-id<"


@dataclass
class Reply:
    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    def set_header(self, name: str, value: str) -> None:
        self.headers = [(k, v) for k, v in self.headers if k.lower() != name.lower()]
        self.headers.append((name, value))


def serialise(request: AwsRequest, result: dict[str, Any] | AwsError) -> Reply:
    """A result or an error in the protocol of the request."""
    model = request.operation_model
    serializer_class = get_serializer_class(request.service, request.protocol)
    serializer = serializer_class(
        operation_model=model,
        context=SerializationContext(),
        value_picker=DefaultAttributePicker(),
    )
    written = serializer.serialize(result)
    body = written["body"]
    reply = Reply(
        status=result.status if isinstance(result, AwsError) else int(written["status_code"]),
        headers=[(k, str(v)) for k, v in written["headers"].items()],
        body=body if isinstance(body, bytes) else body.encode(),
    )
    if isinstance(result, AwsError) and "json" in request.protocol:
        reply.set_header("x-amzn-ErrorType", result.code)
    return reply


def parse(request: AwsRequest, reply: Reply) -> dict[str, Any]:
    """The result of moto's reply, by API names."""
    parser = _PARSERS.get(request.protocol)
    if parser is None:
        parser = _PARSERS[request.protocol] = parsers.create_parser(request.protocol)
    shape: StructureShape | None = request.operation_model.output_shape
    headers = {k.lower(): v for k, v in reply.headers}
    parsed = parser.parse({"body": reply.body, "headers": headers, "status_code": reply.status}, shape)
    parsed.pop("ResponseMetadata", None)
    return parsed


def error_code(request: AwsRequest, reply: Reply) -> str | None:
    """The error code of a failed call, or None."""
    if reply.status < 300 or request.operation is None:
        return None
    try:
        return parse(request, reply).get("Error", {}).get("Code")
    except parsers.ResponseParserError:
        return None


def stamp_request_id(reply: Reply) -> str:
    """Sets the request id under both of its header names; clients log it."""
    request_id = reply.header("x-amzn-requestid") or reply.header("x-amz-request-id") or str(uuid.uuid4())
    reply.set_header("x-amzn-RequestId", request_id)
    reply.set_header("x-amz-request-id", request_id)
    reply.body = reply.body.replace(MOTO_PLACEHOLDER, f">{request_id}<".encode())
    return request_id
