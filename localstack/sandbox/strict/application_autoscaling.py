"""Scalable targets: of what stands, with tags, told gone by AWS's code; their policies go with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.applicationautoscaling.models import ApplicationAutoscalingBackend

from ..backends import backend
from ..errors import AwsError
from ..request import AwsRequest
from .ecs_services import find

if TYPE_CHECKING:
    from ..app import Sandbox

SERVICE, STORE = "application-autoscaling", "applicationautoscaling"


def install(sandbox: Sandbox) -> None:
    store = ApplicationAutoscalingBackend
    store.put_scaling_policy = _keeping_its_name(store.put_scaling_policy)  # type: ignore[method-assign]
    sandbox.intercept(SERVICE, "RegisterScalableTarget", refuse)
    sandbox.amend(SERVICE, "RegisterScalableTarget", remember_tags)
    sandbox.intercept(SERVICE, "DeregisterScalableTarget", deregister)
    sandbox.intercept(SERVICE, "PutScalingPolicy", refuse_without_target)
    sandbox.intercept(SERVICE, "DeleteScalingPolicy", refuse_unknown_policy)
    sandbox.intercept(SERVICE, "ListTagsForResource", lambda request: {"Tags": tags_of_target(_by_arn(request))})
    sandbox.intercept(SERVICE, "TagResource", tag)
    sandbox.intercept(SERVICE, "UntagResource", untag)


def tags_of_target(target: Any) -> dict[str, str]:
    return target.__dict__.setdefault("tags", {})


def _place(request: AwsRequest) -> tuple[str, str]:
    return request.params["ScalableDimension"], request.params["ResourceId"]


def _target(request: AwsRequest) -> Any:
    dimension, resource = _place(request)
    return backend(STORE, request.region).targets.get(dimension, {}).get(resource)


def refuse(request: AwsRequest) -> None:
    params, standing = request.params, _target(request)
    if standing is None and not {"MinCapacity", "MaxCapacity"} <= params.keys():
        raise _mistake("Minimum and maximum capacity are required for a new scalable target")
    if standing is not None and params.get("Tags"):
        raise _mistake("Tags can't be updated via RegisterScalableTarget: use TagResource")
    least = params.get("MinCapacity", getattr(standing, "min_capacity", None))
    most = params.get("MaxCapacity", getattr(standing, "max_capacity", None))
    if least is not None and most is not None and least > most:
        raise _mistake("Maximum capacity cannot be less than minimum capacity")
    if not _stands(request):
        raise _mistake(f"{params['ServiceNamespace'].upper()} resource doesn't exist: {params['ResourceId']}")


def _stands(request: AwsRequest) -> bool:
    kind, _, name = request.params["ResourceId"].replace("/", ":", 1).partition(":")
    if kind == "service":
        cluster, _, service = name.partition("/")
        found = find(request.region, cluster, service)
        return found is not None and found.status == "ACTIVE"
    if kind == "cluster":
        return name in backend("rds", request.region).clusters
    return True


def remember_tags(request: AwsRequest, result: dict[str, Any]) -> None:
    target = _target(request)
    tags_of_target(target).update(request.params.get("Tags") or {})
    result["ScalableTargetARN"] = target.arn


def deregister(request: AwsRequest) -> None:
    """What is scaled by nothing any more has no policies."""
    if _target(request) is None:
        raise _gone("No scalable target found", request)
    store = backend(STORE, request.region)
    for key, policy in list(store.policies.items()):
        if (policy.scalable_dimension, policy.resource_id) == _place(request):
            policy.delete_alarms(store.account_id, store.region_name)
            del store.policies[key]


def refuse_without_target(request: AwsRequest) -> None:
    if _target(request) is None:
        raise _gone("No scalable target registered", request)


def refuse_unknown_policy(request: AwsRequest) -> None:
    policies = backend(STORE, request.region).policies.values()
    wanted = (*_place(request), request.params["PolicyName"])
    if wanted not in [(one.scalable_dimension, one.resource_id, one.policy_name) for one in policies]:
        raise _gone("No scaling policy found", request)


def _keeping_its_name(original: Any) -> Any:
    """moto makes another policy of one that is changed, and leaves the alarms of the old one behind."""

    def put_scaling_policy(self: Any, *rest: Any, **named: Any) -> Any:
        before = dict(self.policies)
        policy = original(self, *rest, **named)
        key = next(key for key, one in self.policies.items() if one is policy)
        if key in before:
            before[key].delete_alarms(self.account_id, self.region_name)
            policy.policy_arn = before[key].policy_arn
        return policy

    return put_scaling_policy


def _by_arn(request: AwsRequest) -> Any:
    arn = request.params["ResourceARN"]
    for dimension in backend(STORE, request.region).targets.values():
        for target in dimension.values():
            if target.arn == arn:
                return target
    raise AwsError("ResourceNotFoundException", f"No scalable target found with ARN {arn}")


def tag(request: AwsRequest) -> dict[str, Any]:
    tags_of_target(_by_arn(request)).update(request.params["Tags"])
    return {}


def untag(request: AwsRequest) -> dict[str, Any]:
    tags = tags_of_target(_by_arn(request))
    for key in request.params["TagKeys"]:
        tags.pop(key, None)
    return {}


def _mistake(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def _gone(what: str, request: AwsRequest) -> AwsError:
    dimension, resource = _place(request)
    namespace = request.params["ServiceNamespace"]
    place = f"service namespace: {namespace}, resource ID: {resource}, scalable dimension: {dimension}"
    return AwsError("ObjectNotFoundException", f"{what} for {place}")
