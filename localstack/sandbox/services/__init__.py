"""What moto lacks or does differently from AWS, a module or package a service."""

from __future__ import annotations

from ..server.installer import installer

install = installer(
    __name__,
    "acm",
    "application_autoscaling",
    "backup",
    "cloudwatch",
    "config",
    "dms",
    "dynamodb",
    "ec2",
    "ecr",
    "ecs",
    "elbv2",
    "events",
    "iam",
    "kms",
    "lambda_",
    "logs",
    "rds",
    "route53",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "tagging",
    "wafv2",
)
