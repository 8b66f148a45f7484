"""Runs invocations of the Lambda API, and keeps settings that decide how functions run and that moto forgets."""

from __future__ import annotations

import json

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaBackend, LambdaFunction, lambda_backends
from moto.awslambda.responses import LambdaResponse

from .arns import ARN
from .logs import tail

FORGOTTEN_SETTINGS = ("LoggingConfig", "DeadLetterConfig")


def install(sandbox, invoker) -> None:
    _replace_containers(invoker)
    writes = ("CreateFunction", "UpdateFunctionConfiguration")
    sandbox.service("lambda").amend(writes, lambda request, _: _remember(sandbox, request))


def configuration(function) -> dict:
    """A function's configuration, with the settings that moto forgets."""
    return function.get_configuration() | getattr(function, "remembered", {})


def _remember(sandbox, request) -> None:
    settings = {name: request.params[name] for name in FORGOTTEN_SETTINGS if name in request.params}
    function = lambda_backends[sandbox.account][request.region].get_function(request.params["FunctionName"])
    # Stored on moto's object, so that published versions, which are copies, keep their settings.
    function.remembered = {**getattr(function, "remembered", {}), **settings}


def _replace_containers(invoker) -> None:
    """Replaces the methods of moto that start a container."""

    def invoke_backend(self, function_name, qualifier, body, headers, response_headers):
        function = self.get_function(function_name, qualifier)
        match = ARN.match(function_name)
        arn = function_name if match else function.function_arn + (f":{qualifier}" if qualifier else "")
        kind = headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return b""
        event = body.decode() if isinstance(body, bytes) else body
        if not _is_json(event):
            raise LambdaClientError("InvalidRequestContentException", "Could not parse request body into json")
        if kind == "Event":
            invoker.invoke_later(function, event, arn)
            return b""
        answer = invoker.invoke(function, event, arn)
        if answer.failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        response_headers["x-amz-executed-version"] = str(function.version)
        response_headers["x-amz-log-result"] = tail(answer.log)
        return answer.payload.encode()

    def invoke_function(self, body, request_headers, response_headers):
        answer = invoker.invoke(self, body)
        if answer.failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        return answer.payload.encode()

    def invoke_async(self):
        name = self.path.rstrip("/").rsplit("/", 2)[-2]
        invoker.invoke_later(self.backend.get_function(name, None), self.body or "{}")
        return 202, {"status": 202}, ""

    delete_function = LambdaBackend.delete_function

    def delete(self, function_name, qualifier=None):
        arn = self.get_function(function_name, qualifier).function_arn
        delete_function(self, function_name, qualifier)
        invoker.forget(arn)

    LambdaBackend.invoke = invoke_backend
    LambdaBackend.delete_function = delete
    LambdaFunction.invoke = invoke_function
    LambdaResponse.invoke_async = invoke_async


def _is_json(text: str | None) -> bool:
    try:
        json.loads(text or "{}")
    except ValueError:
        return False
    return True
