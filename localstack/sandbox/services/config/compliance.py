"""Compliance, which moto doesn't evaluate: no rule has results yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    config = sandbox.service("config")
    config.answer("DescribeComplianceByConfigRule", compliance)
    config.answer("DescribeConfigRuleEvaluationStatus", evaluation)
    config.answer("StartConfigRulesEvaluation", start)


def _rules(request: AwsRequest) -> list[str]:
    known = backend("config", request.region).config_rules
    names = request.params.get("ConfigRuleNames") or sorted(known)
    for name in names:
        if name not in known:
            raise AwsError("NoSuchConfigRuleException", f"The ConfigRule '{name}' provided in the request is invalid.")
    return names


def compliance(request: AwsRequest) -> dict[str, Any]:
    return {
        "ComplianceByConfigRules": [
            {"ConfigRuleName": name, "Compliance": {"ComplianceType": "INSUFFICIENT_DATA"}} for name in _rules(request)
        ]
    }


def evaluation(request: AwsRequest) -> dict[str, Any]:
    return {
        "ConfigRulesEvaluationStatus": [
            {"ConfigRuleName": name, "FirstEvaluationStarted": False} for name in _rules(request)
        ]
    }


def start(request: AwsRequest) -> dict[str, Any]:
    _rules(request)
    return {}
