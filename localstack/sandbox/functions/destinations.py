"""Sends messages of AWS services to queues and topics."""

from __future__ import annotations

from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends


class NoDestination(Exception):
    """No queue or topic has that ARN."""


def send(arn: str, message: str, subject: str | None = None, group: str | None = None) -> None:
    _, _, service, region, account, name = arn.split(":", 5)
    if service == "sqs":
        backend = sqs_backends[account][region]
        if name not in backend.queues:
            raise NoDestination(arn)
        backend.send_message(name, message, group_id=group)
    elif service == "sns":
        topic = sns_backends[account][region].topics.get(arn)
        if topic is None:
            raise NoDestination(arn)
        topic.publish(message, subject=subject)
    else:
        raise NoDestination(arn)
