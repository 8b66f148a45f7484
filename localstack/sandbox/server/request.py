"""An AWS request: its service, operation, region and parameters."""

from __future__ import annotations

import gzip
import io
import re
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from botocore.exceptions import UnknownServiceError
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import NotFound, get_service_router
from moto.moto_server.werkzeug_app import SIGNING_ALIASES

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


class AwsRequest:
    """`params` are the operation's parameters by their API names, in all protocols."""

    def __init__(self, environ: dict[str, Any], body: bytes) -> None:
        self.environ = environ
        self.body = body
        self.service, self.region = _scope(environ, body)
        self.http = Request(self.moto_environ())
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

    def moto_environ(self) -> dict[str, Any]:
        """A copy with a new stream of the body, because a stream can be read only once."""
        return {
            **self.environ,
            "wsgi.input": io.BytesIO(self.body),
            "wsgi.input_terminated": True,
            "CONTENT_LENGTH": str(len(self.body)),
        }

    def _route(self) -> tuple[Any, dict[str, Any]]:
        try:
            return get_service_router(self.service).match(self.http)
        except (NotFound, NotImplementedError, UnknownServiceError):
            return None, {}


def read_body(environ: dict[str, Any]) -> bytes:
    """The whole body, with Content-Length or chunked, decompressed."""
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        body = stream.read()
    else:
        body = stream.read(int(environ.get("CONTENT_LENGTH") or 0))
    if environ.get("HTTP_CONTENT_ENCODING") == "gzip" and environ.get("HTTP_X_AMZ_TARGET"):
        environ.pop("HTTP_CONTENT_ENCODING")
        body = gzip.decompress(body)
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
