"""Listeners, target groups and targets: the checks that moto lacks, and what a deletion removes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...memory import Memory
from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox

# moto changes the matcher only of groups with a protocol; those of type lambda have none.
MATCHERS = Memory(
    service="elbv2",
    named_by="TargetGroupArn",
    shown_as="TargetGroupArn",
    writes=("ModifyTargetGroup",),
    reads={"DescribeTargetGroups": "TargetGroups"},
    deletes=("DeleteTargetGroup",),
    fields={"Matcher": "Matcher"},
)


def install(sandbox: Sandbox) -> None:
    elbv2 = sandbox.service("elbv2")
    elbv2.exists("CreateListener", refuse_second_listener)
    elbv2.state("DeleteTargetGroup", refuse_used_group)
    elbv2.answer("DeregisterTargets", ignore_missing_targets)
    elbv2.amend("DeleteLoadBalancer", disassociate_web_acl)
    MATCHERS.install(sandbox)


def refuse_second_listener(request: AwsRequest) -> None:
    balancer = backend("elbv2", request.region).load_balancers.get(request.params["LoadBalancerArn"])
    if balancer is None:
        return
    if any(int(listener.port) == request.params.get("Port") for listener in balancer.listeners.values()):
        raise AwsError("DuplicateListener", "A listener already exists on this port for this load balancer")


def refuse_used_group(request: AwsRequest) -> None:
    """moto doesn't look at weighted forward actions."""
    arn = request.params["TargetGroupArn"]
    for balancer in backend("elbv2", request.region).load_balancers.values():
        for listener in balancer.listeners.values():
            actions = [*listener.default_actions, *(a for rule in listener.rules.values() for a in rule.actions)]
            if any(arn in str(action.data) for action in actions):
                raise AwsError("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")


def ignore_missing_targets(request: AwsRequest) -> dict[str, Any] | None:
    """AWS accepts targets that aren't registered."""
    group = backend("elbv2", request.region).target_groups.get(request.params["TargetGroupArn"])
    if group is None:
        return None
    group.deregister([target for target in request.params["Targets"] if target["Id"] in group.targets])
    return {}


def disassociate_web_acl(request: AwsRequest, _result: dict[str, Any]) -> None:
    """A deleted load balancer doesn't block the deletion of its web ACL."""
    backend("wafv2", request.region).disassociate_web_acl(request.params["LoadBalancerArn"])
