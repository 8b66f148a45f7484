"""Asynchronous invocations: retries, dead letters and destinations."""

from __future__ import annotations

import json
import logging
import time

from moto.awslambda.exceptions import LambdaClientError

from ..background import Background
from ..node_process import Answer
from . import api, destinations

log = logging.getLogger(__name__)

RETRIES = 2  # of an invocation that fails


class Asynchronous:
    def __init__(self, sandbox, invoker):
        self._sandbox = sandbox
        self._invoker = invoker
        self._background = Background(16, "asynchronous invocation")

    def submit(self, function, event: str, arn: str | None) -> None:
        self._background.submit(self._run, function, event, arn)

    def clear(self) -> None:
        self._background.clear()

    def _run(self, function, event: str, arn: str | None) -> None:
        scale = self._sandbox.time_scale
        configured = _asynchronous_configuration(function)
        retries = configured.get("MaximumRetryAttempts", RETRIES)
        answer = None
        for attempt in range(1 + int(retries)):
            if attempt:
                # AWS waits one minute before the first retry and two before the second.
                time.sleep(60 * attempt / scale if scale else 0.2)
            try:
                answer = self._invoker.invoke(function, event, arn)
            except LambdaClientError as error:
                answer = Answer(json.dumps({"errorType": error.error_type, "errorMessage": error.message}), failed=True)
            if not answer.failed:
                break
        assert answer is not None
        self._report(function, configured, event, answer)

    def _report(self, function, configured: dict, event: str, answer: Answer) -> None:
        outcome = "OnFailure" if answer.failed else "OnSuccess"
        destination = ((configured.get("DestinationConfig") or {}).get(outcome) or {}).get("Destination")
        dead_letters = (api.configuration(function).get("DeadLetterConfig") or {}).get("TargetArn")
        record = {
            "version": "1.0",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
            "requestContext": {
                "functionArn": function.function_arn,
                "condition": "RetriesExhausted" if answer.failed else "Success",
            },
            "requestPayload": json.loads(event or "{}"),
            "responsePayload": json.loads(answer.payload),
        }
        try:
            if destination and ":function:" in destination:
                self._invoker.invoke_later(self._invoker.find(destination), json.dumps(record), destination)
            elif destination:
                destinations.send(destination, json.dumps(record))
            if answer.failed and dead_letters:
                destinations.send(dead_letters, event)
        except (destinations.NoDestination, LambdaClientError) as error:
            log.warning("can't report the result of an invocation of %s: %s", function.function_name, error)


def _asynchronous_configuration(function) -> dict:
    # moto also keeps earlier configurations.
    return function.event_invoke_config[-1].config if function.event_invoke_config else {}
