"""Smithy RPC v2 CBOR, the protocol of current SDKs for CloudWatch, which moto lacks.

A call is converted to the AWS JSON protocol, which has the same types, and its answer back, by botocore's codecs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from botocore.parsers import RpcV2CBORParser, create_parser
from botocore.serialize import RpcV2CBORSerializer, create_serializer
from moto.core.utils import get_service_model

from .reply import Reply

PROTOCOL = "rpc-v2-cbor"
PATH = re.compile(r"^/service/(?P<target>[^/]+)/operation/(?P<operation>[^/]+)$")
MODEL_BY_TARGET = {"GraniteServiceVersion20100801": "cloudwatch"}

Answer = Callable[[dict[str, Any], bytes], Reply]


def is_cbor(environ: dict[str, Any]) -> bool:
    return bool(PATH.match(environ.get("PATH_INFO", ""))) and (
        environ.get("HTTP_SMITHY_PROTOCOL") == PROTOCOL or environ.get("CONTENT_TYPE") == "application/cbor"
    )


def bridge(environ: dict[str, Any], body: bytes, answer: Answer) -> Reply:
    path = PATH.match(environ["PATH_INFO"])
    assert path is not None
    service = MODEL_BY_TARGET.get(path["target"])
    if service is None:
        return _error_reply(404, "UnknownOperationException", f"no service {path['target']}")
    model = get_service_model(service)
    if path["operation"] not in model.operation_names:
        return _error_reply(404, "UnknownOperationException", f"no operation {path['operation']}")
    operation = model.operation_model(path["operation"])
    json_environ, json_body = _to_json(environ, body, operation)
    return _to_cbor(answer(json_environ, json_body), operation)


def _to_json(environ: dict[str, Any], body: bytes, operation: Any) -> tuple[dict[str, Any], bytes]:
    params = _decode(body)
    written = create_serializer("json", include_validation=False).serialize_to_request(params, operation)
    json_environ = {
        **environ,
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "RAW_URI": "/",
        "REQUEST_URI": "/",
        "CONTENT_TYPE": written["headers"]["Content-Type"],
        "HTTP_X_AMZ_TARGET": written["headers"]["X-Amz-Target"],
    }
    for header in ("HTTP_SMITHY_PROTOCOL", "HTTP_ACCEPT"):
        json_environ.pop(header, None)
    json_body = written["body"]
    return json_environ, json_body if isinstance(json_body, bytes) else json_body.encode()


def _decode(body: bytes) -> dict[str, Any]:
    """CBOR has its types in the data, so no shape is needed."""
    if not body:
        return {}
    parser = RpcV2CBORParser()
    return parser.parse_data_item(parser.get_peekable_stream_from_bytes(body))


def _to_cbor(reply: Reply, operation: Any) -> Reply:
    shape = operation.output_shape
    headers = {k.lower(): v for k, v in reply.headers}
    parsed = create_parser("json").parse({"body": reply.body, "headers": headers, "status_code": reply.status}, shape)
    parsed.pop("ResponseMetadata", None)
    kept = [(k, v) for k, v in reply.headers if k.lower() in ("x-amzn-requestid", "x-amz-request-id")]
    if reply.status >= 300:
        error = parsed.get("Error", {})
        return _error_reply(
            reply.status, error.get("Code", "InternalFailure"), error.get("Message", ""), kept, operation
        )
    body = bytearray()
    if shape is None:
        body.extend(b"\xa0")
    else:
        RpcV2CBORSerializer()._serialize_data_item(body, _without_nones(parsed), shape)
    return Reply(reply.status, [*kept, *_PROTOCOL_HEADERS], bytes(body))


_PROTOCOL_HEADERS = [("smithy-protocol", PROTOCOL), ("Content-Type", "application/cbor")]


def _error_reply(
    status: int, code: str, message: str, headers: list[tuple[str, str]] | None = None, operation: Any = None
) -> Reply:
    """`__type` has the name of the error's shape; a header has the code of the query protocol, which may differ."""
    name, namespace, fault = code, "com.amazonaws.cloudwatch", "Sender" if status < 500 else "Receiver"
    if operation is not None:
        for shape in operation.service_model.error_shapes:
            if code in (shape.name, shape.metadata.get("error", {}).get("code")):
                name = shape.name
                code = shape.metadata.get("error", {}).get("code", code)
                status = shape.metadata.get("error", {}).get("httpStatusCode", status)
    body = bytearray(b"\xa2")
    for text in ("__type", f"{namespace}#{name}", "message", message):
        _write_text(body, text)
    reply = Reply(status, [*(headers or []), *_PROTOCOL_HEADERS], bytes(body))
    reply.set_header("x-amzn-query-error", f"{code};{fault}")
    return reply


def _write_text(body: bytearray, text: str) -> None:
    RpcV2CBORSerializer()._serialize_type_string(body, text, None, None)


def _without_nones(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nones(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nones(v) for v in value]
    return value
