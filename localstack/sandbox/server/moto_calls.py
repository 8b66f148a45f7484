"""Calls moto's handlers directly. moto's own server wraps them in Flask, which takes longer than most handlers."""

from __future__ import annotations

import functools
from typing import Any

from botocore.exceptions import ClientError
from flask import Flask
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException

from .reply import Reply
from .request import MODEL_BY_SIGNING_NAME

# Signing names of the services and regions that systems use.
PRELOADED = """
acm application-autoscaling backup config dynamodb ec2 ecr ecs elasticloadbalancing events iam kms lambda logs
monitoring rds route53 s3 secretsmanager sns sqs ssm sts tagging wafv2
""".split()
REGIONS = ["us-east-1", "us-east-2", "eu-central-1", "eu-west-1"]


class Moto:
    def __init__(self) -> None:
        self._dispatcher = DomainDispatcherApplication(create_backend_app)
        # It tries the patterns of all services.
        find = functools.cache(self._dispatcher.get_backend_for_host)
        self._dispatcher.get_backend_for_host = find  # type: ignore[method-assign]

    def answer(self, request: Request) -> Reply:
        app = self._dispatcher.get_application(request.environ)
        try:
            handler = _handler(app, request)
            answer = handler(request, request.raw_url, dict(request.headers))
        except HTTPException as error:
            response = error.get_response(request.environ)
            return Reply(response.status_code, list(response.headers), response.get_data())
        except ClientError as error:
            answer = 400, {}, error.response["Error"]["Message"]
        return _reply(answer)

    def preload(self) -> None:
        """Loads what is otherwise loaded when a service is called for the first time."""
        for signing_name in PRELOADED:
            get_service_router(MODEL_BY_SIGNING_NAME.get(signing_name, signing_name))
            for region in REGIONS:
                # These two headers matter for DynamoDB and S3.
                environ = {"HTTP_X_AMZ_TARGET": "DynamoDB_20120810.x", "HTTP_HOST": "127.0.0.1"}
                environ["HTTP_AUTHORIZATION"] = f"AWS4 Credential=x/20200101/{region}/{signing_name}/aws4_request"
                self._dispatcher.get_application(environ)


def _handler(app: Flask, request: Request) -> Any:
    endpoint, _ = app.url_map.bind_to_environ(request.environ).match()
    return app.view_functions[endpoint].callback  # type: ignore[attr-defined]


def _reply(answer: Any) -> Reply:
    status, headers, content = answer if len(answer) == 3 else (200, {}, answer)
    if isinstance(content, str):
        body = content.encode()
    elif isinstance(content, bytes):
        body = content
    else:
        body = b"".join(part.encode() if isinstance(part, str) else part for part in content or ())
    pairs = [(name, str(value)) for name, value in Headers(headers)]
    if not any(name.lower() == "content-type" for name, _ in pairs):
        pairs.append(("Content-Type", "text/html; charset=utf-8"))
    return Reply(int(str(status).split()[0]), pairs, body)
