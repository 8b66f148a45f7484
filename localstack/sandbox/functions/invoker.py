"""Invokes functions: runs their uploaded package with the machine's Node.js."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import re
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaFunction, lambda_backends

from ..node_pool import Build, Busy, NodePool
from ..node_process import Answer, NodeProcess
from ..node_sdk import NodeSdk
from ..services.cloudwatch import minute_metrics
from . import api, embedded_metrics
from .arns import ARN
from .asynchronous import Asynchronous
from .logs import LogTarget
from .packages import Packages

FIRST_WITHOUT_CALLBACKS = 24  # the first Node.js of Lambda that refuses handlers with a callback


class Throttled(LambdaClientError):
    code = 429

    def __init__(self) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")


def install(sandbox) -> None:
    sandbox.invoker = invoker = Invoker(sandbox)
    api.install(sandbox, invoker)
    sandbox.on_reset(invoker.reset)
    sandbox.on_reset(minute_metrics.forget)
    atexit.register(invoker.stop)


class Invoker:
    """Runs functions. A `function` is moto's object of a function version."""

    def __init__(self, sandbox):
        self._sandbox = sandbox
        data_dir = Path(sandbox.data_dir).resolve()
        self._packages = Packages(data_dir / "functions")
        self._sdk = NodeSdk(data_dir, sandbox.node)
        self._pool = NodePool()
        self._asynchronous = Asynchronous(sandbox, self)
        self._running: dict[str, int] = defaultdict(int)
        self._running_lock = threading.Lock()
        self._log_targets: dict[Build, LogTarget] = {}

    def find(self, arn: str) -> LambdaFunction:
        """The function of an ARN, with or without a qualifier. Raises moto's error if it doesn't exist."""
        match = ARN.match(arn)
        if match is None:
            raise LambdaClientError("ValidationException", f"Not an ARN of a function: {arn}")
        backend = lambda_backends[match["account"]][match["region"]]
        return backend.get_function(match["name"], match["qualifier"])

    def invoke(self, function: LambdaFunction, event: str, arn: str | None = None, client_context=None) -> Answer:
        """Runs the function and waits for it. Raises Throttled."""
        with self._slot(function):
            request_id = str(uuid.uuid4())
            answer = self._run(function, event, arn or function.function_arn, request_id, client_context)
        self._measure(function, "Invocations", 1)
        self._measure(function, "Errors", int(answer.failed))
        return answer

    def invoke_later(self, function: LambdaFunction, event: str, arn: str | None = None) -> None:
        """Runs the function in the background, with the retries and destinations of an asynchronous invocation."""
        self._asynchronous.submit(function, event, arn)

    def forget(self, function_arn: str) -> None:
        """Ends the processes of a function that was deleted."""
        self._pool.stop(function_arn)

    def reset(self) -> None:
        self._asynchronous.clear()
        self._pool.stop()
        self._packages.clear()
        self._log_targets.clear()

    def stop(self) -> None:
        self._pool.stop()

    def _run(self, function, event: str, arn: str, request_id: str, client_context) -> Answer:
        configuration = api.configuration(function)
        build = Build(function.function_arn, _fingerprint(function, configuration))
        target = self._log_targets.get(build)
        if target is None:
            target = LogTarget.of(function.account_id, function.region, configuration)
            self._log_targets[build] = target
        request = {
            "requestId": request_id,
            "event": json.loads(event or "{}"),
            "functionArn": arn,
            "clientContext": client_context,
            "traceId": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
            "hosts": dict(self._sandbox.hosts),
        }
        started = time.monotonic()
        try:
            with self._pool.process(build, lambda: self._start(function, configuration, target)) as process:
                started = time.monotonic()
                answer = process.invoke(request, float(function.timeout))
        except Busy:
            self._measure(function, "Throttles", 1)
            raise Throttled from None
        except (OSError, RuntimeError) as error:
            answer = Answer(json.dumps({"errorType": "Sandbox.StartError", "errorMessage": str(error)}), failed=True)
            answer.log.append(str(error))
        seconds = time.monotonic() - started
        # As on AWS, without the start of the execution environment.
        self._measure(function, "Duration", seconds * 1000, "Milliseconds")
        memory = int(function.memory_size)
        embedded_metrics.extract(function.account_id, function.region, answer.log)
        answer.log = target.frame(request_id, str(configuration["Version"]), answer.log, seconds, memory)
        target.write(answer.log)
        return answer

    def _start(self, function, configuration: dict, target: LogTarget) -> NodeProcess:
        if not str(function.run_time).startswith("nodejs"):
            raise RuntimeError(f"The sandbox runs Node.js functions only, not {function.run_time}")
        code = getattr(function, "code_bytes", b"")
        if not code:
            raise RuntimeError(f"{function.function_name} has no code package")
        if self._sandbox.node is None:
            raise RuntimeError("functions need Node.js (18 or later) on this machine")
        folder = self._packages.unpack(function.function_name, hashlib.sha256(code).hexdigest(), code)
        self._sdk.provide(folder)
        environment = self._environment(function, configuration, target, folder)
        return NodeProcess(self._sandbox.node, folder, environment)

    def _environment(self, function, configuration: dict, target: LogTarget, folder: Path) -> dict[str, str]:
        """The environment of a function's process: none of the machine's variables, above all no credentials."""
        callbacks = "refused" if _node_major(function.run_time) >= FIRST_WITHOUT_CALLBACKS else "allowed"
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "HOME": str(folder),
            **{key: str(value) for key, value in (function.environment_vars or {}).items()},
            "_HANDLER": str(function.handler),
            "LAMBDA_TASK_ROOT": str(folder),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": str(configuration["Version"]),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_LOG_GROUP_NAME": target.group,
            "AWS_LAMBDA_LOG_STREAM_NAME": target.stream,
            "AWS_LAMBDA_LOG_FORMAT": "JSON" if target.json_format else "Text",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._sandbox.port}",
            "AWS_EC2_METADATA_DISABLED": "true",
            "SANDBOX_CALLBACKS": callbacks,
        }

    @contextmanager
    def _slot(self, function) -> Iterator[None]:
        """Takes one of the function's concurrent executions, which all of its versions share."""
        latest = lambda_backends[function.account_id][function.region].get_function(function.function_name)
        name, reserved = latest.function_arn, latest.reserved_concurrency
        with self._running_lock:
            if reserved is not None and self._running[name] >= int(reserved):
                self._measure(function, "Throttles", 1)
                raise Throttled
            self._running[name] += 1
        try:
            yield
        finally:
            with self._running_lock:
                self._running[name] -= 1

    def _measure(self, function, name: str, value: float, unit: str = "Count") -> None:
        dimensions = {"FunctionName": function.function_name}
        minute_metrics.publish(function.account_id, function.region, "AWS/Lambda", name, dimensions, value, unit)


def _node_major(runtime: str) -> int:
    digits = re.search(r"\d+", str(runtime))
    return int(digits.group()) if digits else 0


def _fingerprint(function, configuration: dict) -> str:
    relevant = [
        configuration.get("CodeSha256"),
        configuration.get("Handler"),
        configuration.get("Runtime"),
        configuration.get("MemorySize"),
        configuration.get("LoggingConfig"),
        function.environment_vars,
    ]
    return hashlib.sha256(json.dumps(relevant, sort_keys=True, default=str).encode()).hexdigest()
