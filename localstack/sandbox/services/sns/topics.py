"""Topics: attributes that moto forgets, and e-mail subscriptions that wait for confirmation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    sns = sandbox.service("sns")
    sns.amend(("CreateTopic", "SetTopicAttributes"), remember_attributes)
    sns.amend("GetTopicAttributes", show_attributes)
    sns.amend("Subscribe", show_pending_confirmation)
    sns.amend(("ListSubscriptions", "ListSubscriptionsByTopic"), show_pending_in_lists)


def _attributes(request: AwsRequest, result: dict[str, Any]) -> dict[str, str]:
    arn = request.params.get("TopicArn") or result.get("TopicArn")
    return backend("sns", request.region).topics[arn].__dict__.setdefault("set_attributes", {})


def remember_attributes(request: AwsRequest, result: dict[str, Any]) -> None:
    params = request.params
    attributes = _attributes(request, result)
    attributes.update(params.get("Attributes") or {})
    if "AttributeName" in params:
        attributes[params["AttributeName"]] = params.get("AttributeValue", "")


def show_attributes(request: AwsRequest, result: dict[str, Any]) -> None:
    for name, value in _attributes(request, result).items():
        if value == "":
            result["Attributes"].pop(name, None)
        else:
            result["Attributes"][name] = value


def _needs_confirmation(protocol: str | None) -> bool:
    return (protocol or "").startswith("email")


def show_pending_confirmation(request: AwsRequest, result: dict[str, Any]) -> None:
    if _needs_confirmation(request.params.get("Protocol")) and not request.params.get("ReturnSubscriptionArn"):
        result["SubscriptionArn"] = "pending confirmation"


def show_pending_in_lists(_request: AwsRequest, result: dict[str, Any]) -> None:
    for subscription in result.get("Subscriptions", []):
        if _needs_confirmation(subscription.get("Protocol")):
            subscription["SubscriptionArn"] = "PendingConfirmation"
