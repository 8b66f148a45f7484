"""Application Auto Scaling: targets of existing resources, their tags, and policies that are deleted with their target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.applicationautoscaling.models import ApplicationAutoscalingBackend

from ..server.errors import AwsError
from ..server.request import AwsRequest
from ..server.stores import backend
from .ecs.services import find

if TYPE_CHECKING:
    from ..app import Sandbox

STORE = "applicationautoscaling"


def install(sandbox: Sandbox) -> None:
    store = ApplicationAutoscalingBackend
    store.put_scaling_policy = _keeping_its_arn(store.put_scaling_policy)  # type: ignore[method-assign]
    scaling = sandbox.service("application-autoscaling")
    scaling.validate("RegisterScalableTarget", check_capacities_and_tags)
    scaling.exists("RegisterScalableTarget", resource_exists)
    scaling.exists(("DeregisterScalableTarget", "PutScalingPolicy"), target_exists)
    scaling.exists("DeleteScalingPolicy", policy_exists)
    scaling.answer("DeregisterScalableTarget", delete_policies)
    scaling.answer("ListTagsForResource", lambda request: {"Tags": tags_of_target(_by_arn(request))})
    scaling.answer("TagResource", tag)
    scaling.answer("UntagResource", untag)
    scaling.amend("RegisterScalableTarget", remember_tags)


def tags_of_target(target: Any) -> dict[str, str]:
    return target.__dict__.setdefault("tags", {})


def _key(request: AwsRequest) -> tuple[str, str]:
    return request.params["ScalableDimension"], request.params["ResourceId"]


def _target(request: AwsRequest) -> Any:
    dimension, resource = _key(request)
    return backend(STORE, request.region).targets.get(dimension, {}).get(resource)


def check_capacities_and_tags(request: AwsRequest) -> None:
    params, existing = request.params, _target(request)
    if existing is None and not {"MinCapacity", "MaxCapacity"} <= params.keys():
        raise _invalid("Minimum and maximum capacity are required for a new scalable target")
    if existing is not None and params.get("Tags"):
        raise _invalid("Tags can't be updated via RegisterScalableTarget: use TagResource")
    min_capacity = params.get("MinCapacity", getattr(existing, "min_capacity", None))
    max_capacity = params.get("MaxCapacity", getattr(existing, "max_capacity", None))
    if min_capacity is not None and max_capacity is not None and min_capacity > max_capacity:
        raise _invalid("Maximum capacity cannot be less than minimum capacity")


def resource_exists(request: AwsRequest) -> None:
    params = request.params
    if not _resource_exists(request):
        raise _invalid(f"{params['ServiceNamespace'].upper()} resource doesn't exist: {params['ResourceId']}")


def _resource_exists(request: AwsRequest) -> bool:
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


def delete_policies(request: AwsRequest) -> None:
    """Deregistering a scalable target deletes its policies."""
    store = backend(STORE, request.region)
    for key, policy in list(store.policies.items()):
        if (policy.scalable_dimension, policy.resource_id) == _key(request):
            policy.delete_alarms(store.account_id, store.region_name)
            del store.policies[key]


def target_exists(request: AwsRequest) -> None:
    if _target(request) is None:
        what = "registered" if request.operation == "PutScalingPolicy" else "found"
        raise _not_found(f"No scalable target {what}", request)


def policy_exists(request: AwsRequest) -> None:
    policies = backend(STORE, request.region).policies.values()
    key = (*_key(request), request.params["PolicyName"])
    if key not in [(one.scalable_dimension, one.resource_id, one.policy_name) for one in policies]:
        raise _not_found("No scaling policy found", request)


def _keeping_its_arn(original: Any) -> Any:
    """moto gives a changed policy a new ARN, and leaves the alarms of the earlier version behind."""

    def put_scaling_policy(self: Any, *rest: Any, **named: Any) -> Any:
        existing = dict(self.policies)
        policy = original(self, *rest, **named)
        key = next(key for key, one in list(self.policies.items()) if one is policy)
        if key in existing:
            existing[key].delete_alarms(self.account_id, self.region_name)
            policy.policy_arn = existing[key].policy_arn
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


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def _not_found(what: str, request: AwsRequest) -> AwsError:
    dimension, resource = _key(request)
    namespace = request.params["ServiceNamespace"]
    place = f"service namespace: {namespace}, resource ID: {resource}, scalable dimension: {dimension}"
    return AwsError("ObjectNotFoundException", f"{what} for {place}")
