"""Queues: RedriveAllowPolicy, and no loss of the policy when other attributes change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.sqs.models import Queue

from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox

ATTRIBUTE = "RedriveAllowPolicy"


def install(sandbox: Sandbox) -> None:
    Queue._set_attributes = _keeping_policy(Queue._set_attributes)  # type: ignore[method-assign]
    sqs = sandbox.service("sqs")
    sqs.amend(("CreateQueue", "SetQueueAttributes"), remember_redrive_policy)
    sqs.amend("GetQueueAttributes", show_redrive_policy)


def _keeping_policy(original: Any) -> Any:
    """moto removes the policy if a call doesn't set it."""

    def set_attributes(self: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
        policy = self.policy if "_policy_json" in self.__dict__ else None
        original(self, attributes, now)
        if "Policy" not in attributes:
            self.policy = policy

    return set_attributes


def _queue(request: AwsRequest, result: dict[str, Any]) -> Any:
    url = request.params.get("QueueUrl") or result.get("QueueUrl") or ""
    return backend("sqs", request.region).queues.get(url.rpartition("/")[2])


def remember_redrive_policy(request: AwsRequest, result: dict[str, Any]) -> None:
    queue = _queue(request, result)
    value = (request.params.get("Attributes") or {}).get(ATTRIBUTE)
    if queue is not None and value is not None:
        queue.redrive_allow_policy = value


def show_redrive_policy(request: AwsRequest, result: dict[str, Any]) -> None:
    value = getattr(_queue(request, result), "redrive_allow_policy", None)
    if value and {"All", ATTRIBUTE} & set(request.params.get("AttributeNames") or []):
        result.setdefault("Attributes", {})[ATTRIBUTE] = value
