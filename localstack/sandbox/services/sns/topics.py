"""Topics remember all of their attributes, and an e-mail address has to confirm first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    sns = sandbox.service("sns")
    sns.amend(("CreateTopic", "SetTopicAttributes"), remember)
    sns.amend("GetTopicAttributes", recall)
    sns.amend("Subscribe", wait_for_confirmation)
    sns.amend(("ListSubscriptions", "ListSubscriptionsByTopic"), show_unconfirmed)


def _kept(request: AwsRequest, result: dict[str, Any]) -> dict[str, str]:
    arn = request.params.get("TopicArn") or result.get("TopicArn")
    return backend("sns", request.region).topics[arn].__dict__.setdefault("kept_attributes", {})


def remember(request: AwsRequest, result: dict[str, Any]) -> None:
    params = request.params
    kept = _kept(request, result)
    kept.update(params.get("Attributes") or {})
    if "AttributeName" in params:
        kept[params["AttributeName"]] = params.get("AttributeValue", "")


def recall(request: AwsRequest, result: dict[str, Any]) -> None:
    for name, value in _kept(request, result).items():
        if value == "":
            result["Attributes"].pop(name, None)
        else:
            result["Attributes"][name] = value


def _unconfirmed(protocol: str | None) -> bool:
    return (protocol or "").startswith("email")


def wait_for_confirmation(request: AwsRequest, result: dict[str, Any]) -> None:
    if _unconfirmed(request.params.get("Protocol")) and not request.params.get("ReturnSubscriptionArn"):
        result["SubscriptionArn"] = "pending confirmation"


def show_unconfirmed(_request: AwsRequest, result: dict[str, Any]) -> None:
    for subscription in result.get("Subscriptions", []):
        if _unconfirmed(subscription.get("Protocol")):
            subscription["SubscriptionArn"] = "PendingConfirmation"
