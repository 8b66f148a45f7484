"""Deliveries to functions, with AWS's event, and corrections of two other deliveries."""

from __future__ import annotations

import json
import logging
from urllib.parse import urlsplit

from moto.core.exceptions import ServiceException
from moto.core.utils import iso_8601_datetime_with_milliseconds
from moto.sns.models import Subscription

from ...functions.policies import may_invoke

log = logging.getLogger(__name__)

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def install(sandbox) -> None:
    publish = Subscription.publish

    def deliver(
        self,
        message,
        message_id,
        subject=None,
        message_attributes=None,
        group_id=None,
        deduplication_id=None,
        message_structure=None,
    ) -> None:
        # For moto, the text "false" is true.
        if str(self.attributes.get("RawMessageDelivery", "")).lower() == "false":
            del self.attributes["RawMessageDelivery"]
        if self.protocol in ("http", "https") and urlsplit(self.endpoint).hostname not in LOOPBACK:
            return  # nothing leaves this machine
        if self.protocol != "lambda":
            publish(
                self,
                message,
                message_id,
                subject=subject,
                message_attributes=message_attributes,
                group_id=group_id,
                deduplication_id=deduplication_id,
                message_structure=message_structure,
            )
            return
        matcher = self._filter_policy_matcher
        if matcher is not None and not matcher.matches(message_attributes, message):
            return
        if message_structure == "json":
            message = self._parse_message_structure(message, self.protocol)
        _invoke(sandbox, self, message, message_id, subject, message_attributes)

    Subscription.publish = deliver


def _invoke(sandbox, subscription, message, message_id, subject, attributes) -> None:
    try:
        function = sandbox.invoker.find(subscription.endpoint)
    except ServiceException as error:
        log.warning("subscription %s: %s", subscription.arn, error)
        return
    if not may_invoke(function, "sns.amazonaws.com", subscription.topic.arn):
        log.warning(
            "topic %s may not invoke %s: its policy doesn't allow it", subscription.topic.arn, subscription.endpoint
        )
        return
    region = subscription.topic.sns_backend.region_name
    notification = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": subscription.topic.arn,
        "Subject": subject,
        "Message": message,
        "Timestamp": iso_8601_datetime_with_milliseconds(),
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertUrl": f"https://sns.{region}.amazonaws.com/SimpleNotificationService.pem",
        "UnsubscribeUrl": f"https://sns.{region}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={subscription.arn}",
        "MessageAttributes": {
            name: {"Type": value["Type"], "Value": value["Value"]} for name, value in (attributes or {}).items()
        },
    }
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription.arn,
        "Sns": notification,
    }
    sandbox.invoker.invoke_later(function, json.dumps({"Records": [record]}), subscription.endpoint)
