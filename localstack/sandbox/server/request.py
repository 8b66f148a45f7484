"""An AWS request: its service, operation, region and parameters."""

from __future__ import annotations

import gzip
import io
import re
import sys
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote

from botocore.exceptions import UnknownServiceError
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    Request,
    determine_request_protocol,
    environ_key_for_header,
    should_preserve_original_header_name,
)
from moto.core.routing import NotFound, get_service_router
from moto.moto_server.werkzeug_app import SIGNING_ALIASES

from .. import http_messages

# Signing name of a request -> name of the API's model.
MODEL_BY_SIGNING_NAME = {
    "monitoring": "cloudwatch",
    "elasticloadbalancing": "elbv2",
    "tagging": "resourcegroupstaggingapi",
    "eventbridge": "events",
    "states": "stepfunctions",
    "email": "ses",
    "elasticfilesystem": "efs",
    "elasticmapreduce": "emr",
    "cognito-idp": "cognito-idp",
    "resource-groups": "resource-groups",
}
CREDENTIAL_SCOPE = re.compile(r"(?:[^/,\s]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
CLASSIC_ELB_VERSION = "2012-06-01"


class HttpRequest(Request):
    """What moto's handlers take. Reading it doesn't change it, so that moto and the overlay share one."""

    # moto adds a Date header unless a server does.
    from_wsgi_server = True


class AwsRequest:
    """`params` are the operation's parameters by their API names, in all protocols."""

    def __init__(self, environ: dict[str, Any], body: bytes) -> None:
        self.environ = environ
        self.body = body
        self.service, self.region = _scope(environ, body)
        environ |= {
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
            "CONTENT_LENGTH": str(len(body)),
        }
        self.http = HttpRequest(environ)
        self._operation, self._uri_params = self._route()

    @property
    def operation(self) -> str | None:
        return self._operation.name if self._operation else None

    @property
    def operation_model(self) -> Any:
        return self._operation

    @cached_property
    def protocol(self) -> str:
        model = self._operation.service_model
        return determine_request_protocol(model, self.http.content_type)

    @cached_property
    def params(self) -> dict[str, Any]:
        parser = PROTOCOL_PARSERS[self.protocol](self._operation, map_type=dict)
        parsed = parser.parse(
            {
                "method": self.http.method,
                "values": self.http.values,
                "headers": self.http.headers,
                "body": self.body,
                "url_path": self.http.path,
                "url_params": self._uri_params,
            }
        )
        return {**self._uri_params, **(parsed or {})}

    def _route(self) -> tuple[Any, dict[str, Any]]:
        try:
            return get_service_router(self.service).match(self.http)
        except (NotFound, NotImplementedError, UnknownServiceError):
            return None, {}


def environ_of(http: http_messages.Request, port: int) -> dict[str, Any]:
    """The request in WSGI's form, which moto takes. The body isn't in it."""
    environ: dict[str, Any] = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "REQUEST_METHOD": http.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(http.path).encode().decode("latin-1") if "%" in http.path else http.path,
        "QUERY_STRING": http.query,
        "REQUEST_URI": http.target,
        "RAW_URI": http.target,
        "REMOTE_ADDR": http.client,
        "REMOTE_PORT": http.client_port,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    preserved: dict[str, str] = {}
    for name, value in http.headers:
        if "_" in name:
            # WSGI can't tell x_y from x-y, and moto only wants the metadata of S3 objects to keep such names.
            if not should_preserve_original_header_name(name):
                continue
            preserved[environ_key_for_header(name)] = name
        key = environ_key_for_header(name)
        environ[key] = f"{environ[key]},{value}" if key in environ and key.startswith("HTTP_") else value
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = preserved
    return environ


def decoded(environ: dict[str, Any], body: bytes) -> bytes:
    """The body of an AWS request without its compression, which `environ` then doesn't mention any more."""
    if environ.get("HTTP_CONTENT_ENCODING") == "gzip" and environ.get("HTTP_X_AMZ_TARGET"):
        environ.pop("HTTP_CONTENT_ENCODING")
        return gzip.decompress(body)
    return body


def _scope(environ: dict[str, Any], body: bytes) -> tuple[str, str]:
    credential = environ.get("HTTP_AUTHORIZATION") or ""
    if not credential:
        credential = parse_qs(environ.get("QUERY_STRING", "")).get("X-Amz-Credential", [""])[0]
    match = CREDENTIAL_SCOPE.search(credential)
    if not match:
        return "s3", "us-east-1"
    signing = match["service"].lower()
    service = MODEL_BY_SIGNING_NAME.get(signing, SIGNING_ALIASES.get(signing, signing))
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if service == "dynamodb" and target.startswith("DynamoDBStreams"):
        service = "dynamodbstreams"
    if service == "elbv2" and CLASSIC_ELB_VERSION.encode() in body:
        service = "elb"
    return service, match["region"]
