"""ECS services: the checks and the settings that moto lacks. `rollouts` has their deployments and tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...clock import MINUTE
from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend
from ..elbv2.load_balancers import groups_of
from . import rollouts

if TYPE_CHECKING:
    from ...app import Sandbox

SETTINGS = (
    "deploymentConfiguration healthCheckGracePeriodSeconds enableECSManagedTags enableExecuteCommand"
    " propagateTags networkConfiguration loadBalancers"
).split()
DEFAULTS = {
    "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100},
    "enableECSManagedTags": False,
    "enableExecuteCommand": False,
}
# A change of one of these replaces the tasks.
REPLACING_TASKS = {"taskDefinition", "networkConfiguration", "loadBalancers", "platformVersion", "enableExecuteCommand"}


def install(sandbox: Sandbox) -> None:
    ecs = sandbox.service("ecs")
    ecs.exists("CreateService", cluster_exists)
    ecs.exists(("UpdateService", "DeleteService"), service_exists)
    ecs.state("CreateService", refuse_draining)
    ecs.state("UpdateService", refuse_inactive)
    ecs.answer("CreateService", return_existing)
    ecs.answer("UpdateService", prepare_update)
    ecs.amend("CreateService", _created(sandbox))
    ecs.amend("UpdateService", _updated(sandbox))
    ecs.amend("DeleteService", _deleted(sandbox))
    ecs.amend("DescribeServices", show_all)
    ecs.amend("ListServices", list_existing)


def find(region: str, cluster: str, service: str) -> Any:
    """Returns the service in any state, or None."""
    pair = f"{cluster.rpartition('/')[2]}:{service.rpartition('/')[2]}"
    return backend("ecs", region).services.get(pair)


def _named(request: AwsRequest, member: str = "service") -> Any:
    return find(request.region, request.params.get("cluster", "default"), request.params[member])


def cluster_exists(request: AwsRequest) -> None:
    backend("ecs", request.region)._get_cluster(request.params.get("cluster", "default"))


def service_exists(request: AwsRequest) -> None:
    service = _named(request)
    if service is None or (service.status == "INACTIVE" and request.operation == "DeleteService"):
        raise AwsError("ServiceNotFoundException", "Service not found.")


def refuse_draining(request: AwsRequest) -> None:
    existing = _named(request, "serviceName")
    if existing is not None and existing.status == "DRAINING":
        raise _invalid("Unable to Start a service that is still Draining.")


def refuse_inactive(request: AwsRequest) -> None:
    if _named(request).status != "ACTIVE":
        raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")


def return_existing(request: AwsRequest) -> dict[str, Any] | None:
    """The same call with the same token returns the existing service."""
    params, existing = request.params, _named(request, "serviceName")
    if existing is not None and existing.status == "ACTIVE":
        if params.get("clientToken") and existing.created_by == params:
            return {"service": shown(existing)}
        raise _invalid("Creation of service was not idempotent.")
    _check(request, params["taskDefinition"], params.get("loadBalancers"))
    if params.get("healthCheckGracePeriodSeconds") is not None and not params.get("loadBalancers"):
        raise _invalid("Health check grace period is only valid for services configured to use load balancers")
    return None


def prepare_update(request: AwsRequest) -> None:
    params, service = request.params, _named(request)
    balancers = params.get("loadBalancers", service.load_balancers)
    _check(request, params.get("taskDefinition") or service.task_definition, balancers)
    service.before_update = (service.task_definition, service.settings.copy(), service.desired_count)


def _check(request: AwsRequest, task_definition: str, balancers: list[dict[str, Any]] | None) -> None:
    definition = backend("ecs", request.region).describe_task_definition(task_definition)
    if definition.status != "ACTIVE":
        raise AwsError("ClientException", "TaskDefinition is inactive")
    containers = {one["name"]: one for one in definition.container_definitions}
    elb = backend("elbv2", request.region)
    for balancer in balancers or []:
        name, port = balancer["containerName"], balancer["containerPort"]
        if name not in containers:
            raise _invalid(f"The container {name} does not exist in the task definition.")
        if port not in [mapping["containerPort"] for mapping in containers[name]["portMappings"]]:
            raise _invalid(f"The container {name} did not have a container port {port} defined.")
        arn = balancer["targetGroupArn"]
        group = elb.target_groups.get(arn)
        if group is None:
            raise _invalid(f"Unable to find target group {arn}")
        if group.target_type != "ip":
            message = f"The provided target group {arn} has target type {group.target_type or 'instance'}"
            raise _invalid(f"{message}, which is incompatible with the awsvpc network mode.")
        if not _is_forwarded_to(elb, arn):
            raise _invalid(f"The target group with targetGroupArn {arn} does not have an associated load balancer.")


def _is_forwarded_to(elb: Any, arn: str) -> bool:
    return any(group.arn == arn for balancer in elb.load_balancers.values() for group in groups_of(balancer, elb))


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def _created(sandbox: Sandbox) -> Any:
    def amend(request: AwsRequest, result: dict[str, Any]) -> None:
        params, service = request.params, _named(request, "serviceName")
        if getattr(service, "settings", None) is not None:
            return  # the answer to a repeated call
        service.created_by = params
        service.settings = {**DEFAULTS, **{name: params[name] for name in SETTINGS if name in params}}
        rollouts.begin(sandbox, request.region, service)
        result["service"] = shown(service, result["service"])

    return amend


def _updated(sandbox: Sandbox) -> Any:
    def amend(request: AwsRequest, result: dict[str, Any]) -> None:
        params, service = request.params, _named(request)
        task_definition, settings, desired = service.before_update
        service.settings.update({name: params[name] for name in SETTINGS if name in params})
        if params.get("taskDefinition"):
            definition = backend("ecs", request.region).describe_task_definition(params["taskDefinition"])
            service.task_definition = definition.arn
        changed = {
            name for name in REPLACING_TASKS & service.settings.keys() if service.settings[name] != settings.get(name)
        }
        if changed or service.task_definition != task_definition or params.get("forceNewDeployment"):
            rollouts.begin(sandbox, request.region, service)
        elif service.desired_count != desired:
            rollouts.scale(sandbox, request.region, service)
        result["service"] = shown(service, result["service"])

    return amend


def _deleted(sandbox: Sandbox) -> Any:
    def amend(request: AwsRequest, result: dict[str, Any]) -> None:
        service = _named(request)
        service.status, service.desired_count = "DRAINING", 0

        def finish() -> None:
            service.status = "INACTIVE"
            rollouts.stop(request.region, service)

        sandbox.clock.after("ecs", MINUTE, finish)
        result["service"] = shown(service, result["service"])

    return amend


def shown(service: Any, described: dict[str, Any] | None = None) -> dict[str, Any]:
    """A service as AWS describes it: moto's description, completed."""
    tasks = rollouts.tasks_of(service)
    known = {
        "serviceName": service.name,
        "serviceArn": service.arn,
        "clusterArn": service.cluster_arn,
        "status": service.status,
        "desiredCount": service.desired_count,
        "runningCount": len(tasks),
        "pendingCount": max(0, service.desired_count - len(tasks)),
        "taskDefinition": service.task_definition,
        "deployments": service.rollouts,
        "events": service.service_events,
    }
    return {**(described or {}), **known, **service.settings}


def show_all(request: AwsRequest, result: dict[str, Any]) -> None:
    result["services"] = [
        shown(find(request.region, one["clusterArn"], one["serviceName"]), one) for one in result["services"]
    ]


def list_existing(request: AwsRequest, result: dict[str, Any]) -> None:
    cluster = request.params.get("cluster", "default")
    result["serviceArns"] = [
        arn for arn in result["serviceArns"] if find(request.region, cluster, arn).status != "INACTIVE"
    ]
