"""What moto lacks of AWS's services, a module or package each. A package's `MODULES` register their handlers in this order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import (
    acm,
    application_autoscaling,
    backup,
    cloudwatch,
    config,
    dms,
    dynamodb,
    ec2,
    ecr,
    ecs,
    elbv2,
    events,
    iam,
    kms,
    lambda_,
    logs,
    rds,
    route53,
    s3,
    secretsmanager,
    sns,
    sqs,
    tagging,
    wafv2,
)

if TYPE_CHECKING:
    from ..app import Sandbox

SERVICES = (
    acm,
    application_autoscaling,
    backup,
    cloudwatch,
    config,
    dms,
    dynamodb,
    ec2,
    ecr,
    ecs,
    elbv2,
    events,
    iam,
    kms,
    lambda_,
    logs,
    rds,
    route53,
    s3,
    secretsmanager,
    sns,
    sqs,
    tagging,
    wafv2,
)


def install(sandbox: Sandbox) -> None:
    for service in SERVICES:
        service.install(sandbox)
