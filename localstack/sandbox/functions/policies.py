"""Resource policies of functions: whether an AWS service may invoke one."""

from __future__ import annotations

from fnmatch import fnmatchcase


def may_invoke(function, service: str, source_arn: str | None = None) -> bool:
    """Whether `service` ("events.amazonaws.com") may invoke moto's `function` on behalf of `source_arn`."""
    return any(_allows(statement, service, source_arn) for statement in function.policy.statements)


def _allows(statement: dict, service: str, source_arn: str | None) -> bool:
    if statement.get("Effect") != "Allow" or statement.get("Action") not in ("lambda:InvokeFunction", "lambda:*", "*"):
        return False
    principal = statement.get("Principal")
    allowed = principal.get("Service") if isinstance(principal, dict) else principal
    if service not in (allowed if isinstance(allowed, list) else [allowed]) and allowed != "*":
        return False
    patterns = [
        pattern
        for operator, keys in (statement.get("Condition") or {}).items()
        if operator in ("ArnLike", "ArnEquals", "StringLike", "StringEquals")
        for key, pattern in keys.items()
        if key.lower() == "aws:sourcearn"
    ]
    return source_arn is None or all(fnmatchcase(source_arn, pattern) for pattern in patterns)
