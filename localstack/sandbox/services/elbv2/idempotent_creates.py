"""Making a load balancer or target group again: the same settings give the same one, others are refused."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from ...memory import Memory
from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox

# moto changes a matcher only of groups that have a protocol, which those of type lambda lack.
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
    _once(sandbox, "CreateLoadBalancer", "load_balancers", "DuplicateLoadBalancerName")
    _once(sandbox, "CreateTargetGroup", "target_groups", "DuplicateTargetGroupName")
    elbv2 = sandbox.service("elbv2")
    elbv2.exists("CreateListener", refuse_second_listener)
    elbv2.state("DeleteTargetGroup", refuse_used_group)
    elbv2.answer("DeregisterTargets", pass_over_missing)
    elbv2.amend("DeleteLoadBalancer", drop_web_acl)
    MATCHERS.install(sandbox)


def _once(sandbox: Sandbox, operation: str, store: str, code: str) -> None:
    made: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}

    def wish(request: AwsRequest) -> str:
        settings = {k: v for k, v in request.params.items() if k != "Tags"}
        return json.dumps(settings, sort_keys=True, default=str)

    def again(request: AwsRequest) -> dict[str, Any] | None:
        name = request.params["Name"]
        standing = {one.name for one in getattr(backend("elbv2", request.region), store).values()}
        if name not in standing:
            return None
        before = made.get((request.region, name))
        if before is None or before[0] != wish(request):
            raise AwsError(code, f"'{name}' already exists with other settings")
        return copy.deepcopy(before[1])

    def remember(request: AwsRequest, result: dict[str, Any]) -> None:
        made[request.region, request.params["Name"]] = (wish(request), copy.deepcopy(result))

    sandbox.service("elbv2").answer(operation, again)
    sandbox.service("elbv2").amend(operation, remember)
    sandbox.on_reset(made.clear)


def drop_web_acl(request: AwsRequest, _result: dict[str, Any]) -> None:
    """A deleted load balancer is no longer protected, and so doesn't hold its web ACL."""
    backend("wafv2", request.region).disassociate_web_acl(request.params["LoadBalancerArn"])


def refuse_used_group(request: AwsRequest) -> None:
    """moto overlooks the groups of weighted forwards."""
    arn = request.params["TargetGroupArn"]
    for balancer in backend("elbv2", request.region).load_balancers.values():
        for listener in balancer.listeners.values():
            actions = [*listener.default_actions, *(a for rule in listener.rules.values() for a in rule.actions)]
            if any(arn in str(action.data) for action in actions):
                raise AwsError("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")


def pass_over_missing(request: AwsRequest) -> dict[str, Any] | None:
    """AWS takes targets out that aren't in: the call then changes nothing."""
    group = backend("elbv2", request.region).target_groups.get(request.params["TargetGroupArn"])
    if group is None:
        return None
    standing = [target for target in request.params["Targets"] if target["Id"] in group.targets]
    group.deregister(standing)
    return {}


def refuse_second_listener(request: AwsRequest) -> None:
    balancer = backend("elbv2", request.region).load_balancers.get(request.params["LoadBalancerArn"])
    if balancer is None:
        return
    if any(int(listener.port) == request.params.get("Port") for listener in balancer.listeners.values()):
        raise AwsError("DuplicateListener", "A listener already exists on this port for this load balancer")
