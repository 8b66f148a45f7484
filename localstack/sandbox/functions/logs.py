"""Writes the output of functions to CloudWatch Logs, with Lambda's START, END and REPORT lines."""

from __future__ import annotations

import base64
import json
import math
import time
import uuid
from dataclasses import dataclass

from moto.logs.models import logs_backends

TAIL = 4096  # bytes of log that Invoke returns


@dataclass(frozen=True)
class LogTarget:
    """The log stream and format of a function version."""

    account: str
    region: str
    group: str
    stream: str
    json_format: bool

    @classmethod
    def of(cls, account: str, region: str, configuration: dict) -> LogTarget:
        logging = configuration.get("LoggingConfig") or {}
        group = logging.get("LogGroup") or f"/aws/lambda/{configuration['FunctionName']}"
        stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{configuration['Version']}]{uuid.uuid4().hex}"
        return cls(account, region, group, stream, logging.get("LogFormat") == "JSON")

    def frame(self, request_id: str, version: str, lines: list[str], seconds: float, memory: int) -> list[str]:
        """The log of one invocation, with Lambda's own lines."""
        duration = round(seconds * 1000, 2)
        if self.json_format:
            started = _platform("start", {"requestId": request_id, "version": version})
            metrics = {"durationMs": duration, "billedDurationMs": math.ceil(duration), "memorySizeMB": memory}
            return [started, *lines, _platform("report", {"requestId": request_id, "metrics": metrics})]
        return [
            f"START RequestId: {request_id} Version: {version}",
            *lines,
            f"END RequestId: {request_id}",
            f"REPORT RequestId: {request_id}\tDuration: {duration} ms\tBilled Duration: {math.ceil(duration)} ms"
            f"\tMemory Size: {memory} MB",
        ]

    def write(self, lines: list[str]) -> None:
        backend = logs_backends[self.account][self.region]
        backend.ensure_log_group(self.group)
        backend.ensure_log_stream(self.group, self.stream)
        now = int(time.time() * 1000)
        backend.put_log_events(self.group, self.stream, [{"timestamp": now, "message": line} for line in lines])


def tail(lines: list[str]) -> str:
    """The end of a log, as the header of an Invoke with LogType=Tail has it."""
    return base64.b64encode("\n".join(lines).encode()[-TAIL:]).decode()


def _platform(kind: str, record: dict) -> str:
    timestamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    return json.dumps({"time": timestamp, "type": f"platform.{kind}", "record": record})
