"""Security group rules: their descriptions, when two are equal, and those of the default group."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from moto.ec2.models.security_groups import SecurityGroupRule

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    SecurityGroupRule.__init__ = _with_prefix_list(SecurityGroupRule.__init__)  # type: ignore[method-assign]
    SecurityGroupRule.description = property(_description)
    SecurityGroupRule.referenced_group_info = property(_referenced_group)
    SecurityGroupRule.__eq__ = _same  # type: ignore[method-assign, assignment]
    ec2 = sandbox.service("ec2")
    update = "UpdateSecurityGroupRuleDescriptions"
    ec2.answer((f"{update}Ingress", f"{update}Egress"), describe_by_rule_id)
    ec2.amend("CreateVpc", allow_default_group_to_itself)


def _with_prefix_list(original: Any) -> Any:
    """moto keeps only the id of a rule's prefix list."""
    signature = inspect.signature(original)

    def __init__(self: Any, *given: Any, **named: Any) -> None:
        original(self, *given, **named)
        self.prefix_list = signature.bind(self, *given, **named).arguments.get("prefix_list_id") or {}

    return __init__


def _source(rule: SecurityGroupRule) -> str | None:
    return rule.source_group.get("GroupId")


def _description(rule: SecurityGroupRule) -> str | None:
    sources = (rule.ip_range, rule.source_group, rule.prefix_list)  # type: ignore[attr-defined]
    return next((source["Description"] for source in sources if source.get("Description")), None)


def _referenced_group(rule: SecurityGroupRule) -> dict[str, str] | None:
    source = _source(rule)
    return {"GroupId": source, "UserId": rule.owner_id} if source else None


def _same(rule: SecurityGroupRule, other: Any) -> bool:
    """Rules that differ only by description are the same."""

    def identity(one: Any) -> tuple[Any, ...]:
        ports = (None, None) if one.ip_protocol == "-1" else (one.from_port, one.to_port)
        return (one.ip_protocol, *ports, one.cidr_ipv4, one.cidr_ipv6, _source(one), one.prefix_list_id)

    return isinstance(other, SecurityGroupRule) and identity(rule) == identity(other)


def describe_by_rule_id(request: AwsRequest) -> dict[str, Any] | None:
    """moto finds rules only by their ports and sources."""
    descriptions = request.params.get("SecurityGroupRuleDescriptions")
    if not descriptions:
        return None
    group = backend("ec2", request.region).get_security_group_from_id(request.params["GroupId"])
    for one in descriptions:
        rule = group and group.get_rule(one["SecurityGroupRuleId"])
        if not rule:
            raise AwsError("InvalidSecurityGroupRuleId.NotFound", f"{one['SecurityGroupRuleId']} does not exist")
        (rule.source_group if rule.source_group else rule.ip_range)["Description"] = one.get("Description")
    return {"Return": True}


def allow_default_group_to_itself(request: AwsRequest, result: dict[str, Any]) -> None:
    ec2 = backend("ec2", request.region)
    default = ec2.get_security_group_from_name("default", vpc_id=result["Vpc"]["VpcId"])
    if not default.ingress_rules:
        default.ingress_rules.append(
            SecurityGroupRule(ec2, "-1", default.id, None, None, None, {"GroupId": default.id}, is_egress=False)
        )
