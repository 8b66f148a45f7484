"""Queues remember who may use them as a dead letter queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..backends import backend
from ..request import AwsRequest

if TYPE_CHECKING:
    from ..app import Sandbox

ATTRIBUTE = "RedriveAllowPolicy"


def install(sandbox: Sandbox) -> None:
    sandbox.amend("sqs", "CreateQueue", remember)
    sandbox.amend("sqs", "SetQueueAttributes", remember)
    sandbox.amend("sqs", "GetQueueAttributes", recall)


def _queue(request: AwsRequest, result: dict[str, Any]) -> Any:
    url = request.params.get("QueueUrl") or result.get("QueueUrl") or ""
    return backend("sqs", request.region).queues.get(url.rpartition("/")[2])


def remember(request: AwsRequest, result: dict[str, Any]) -> None:
    queue = _queue(request, result)
    value = (request.params.get("Attributes") or {}).get(ATTRIBUTE)
    if queue is not None and value is not None:
        queue.allowed_by = value


def recall(request: AwsRequest, result: dict[str, Any]) -> None:
    value = getattr(_queue(request, result), "allowed_by", None)
    if value and {"All", ATTRIBUTE} & set(request.params.get("AttributeNames") or []):
        result.setdefault("Attributes", {})[ATTRIBUTE] = value
