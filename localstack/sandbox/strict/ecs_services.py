"""Services: what AWS refuses, and what moto takes and forgets. What they run is in `ecs_rollouts`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..backends import backend
from ..clock import MINUTE
from ..errors import AwsError
from ..request import AwsRequest
from . import ecs_rollouts

if TYPE_CHECKING:
    from ..app import Sandbox

SETTINGS = (
    "deploymentConfiguration healthCheckGracePeriodSeconds enableECSManagedTags enableExecuteCommand"
    " propagateTags networkConfiguration loadBalancers"
).split()
DEFAULTS = {
    "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100},
    "enableECSManagedTags": False,
    "enableExecuteCommand": False,
}
# Changes of these need tasks that are made anew.
DEPLOYED = {"taskDefinition", "networkConfiguration", "loadBalancers", "platformVersion", "enableExecuteCommand"}


def install(sandbox: Sandbox) -> None:
    sandbox.intercept("ecs", "CreateService", create)
    sandbox.amend("ecs", "CreateService", _created(sandbox))
    sandbox.intercept("ecs", "UpdateService", update)
    sandbox.amend("ecs", "UpdateService", _updated(sandbox))
    sandbox.intercept("ecs", "DeleteService", delete)
    sandbox.amend("ecs", "DeleteService", _deleted(sandbox))
    sandbox.amend("ecs", "DescribeServices", lambda request, result: _show_all(request, result))
    sandbox.amend("ecs", "ListServices", list_standing)


def find(region: str, cluster: str, service: str) -> Any:
    """The service, in whatever state."""
    pair = f"{cluster.rpartition('/')[2]}:{service.rpartition('/')[2]}"
    return backend("ecs", region).services.get(pair)


def _named(request: AwsRequest, member: str = "service") -> Any:
    return find(request.region, request.params.get("cluster", "default"), request.params[member])


def create(request: AwsRequest) -> dict[str, Any] | None:
    params = request.params
    backend("ecs", request.region)._get_cluster(params.get("cluster", "default"))
    standing = _named(request, "serviceName")
    if standing is not None and standing.status == "DRAINING":
        raise _mistake("Unable to Start a service that is still Draining.")
    if standing is not None and standing.status == "ACTIVE":
        if params.get("clientToken") and standing.made_by == params:
            return {"service": shown(standing)}
        raise _mistake("Creation of service was not idempotent.")
    _check(request, params["taskDefinition"], params.get("loadBalancers"))
    if params.get("healthCheckGracePeriodSeconds") is not None and not params.get("loadBalancers"):
        raise _mistake("Health check grace period is only valid for services configured to use load balancers")
    return None


def update(request: AwsRequest) -> None:
    params, service = request.params, _named(request)
    if service is None:
        raise AwsError("ServiceNotFoundException", "Service not found.")
    if service.status != "ACTIVE":
        raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")
    balancers = params.get("loadBalancers", service.load_balancers)
    _check(request, params.get("taskDefinition") or service.task_definition, balancers)
    service.before_update = (service.task_definition, service.settings.copy(), service.desired_count)


def delete(request: AwsRequest) -> None:
    service = _named(request)
    if service is None or service.status == "INACTIVE":
        raise AwsError("ServiceNotFoundException", "Service not found.")


def _check(request: AwsRequest, task_definition: str, balancers: list[dict[str, Any]] | None) -> None:
    definition = backend("ecs", request.region).describe_task_definition(task_definition)
    if definition.status != "ACTIVE":
        raise AwsError("ClientException", "TaskDefinition is inactive")
    containers = {one["name"]: one for one in definition.container_definitions}
    elb = backend("elbv2", request.region)
    for balancer in balancers or []:
        name, port = balancer["containerName"], balancer["containerPort"]
        if name not in containers:
            raise _mistake(f"The container {name} does not exist in the task definition.")
        if port not in [mapping["containerPort"] for mapping in containers[name]["portMappings"]]:
            raise _mistake(f"The container {name} did not have a container port {port} defined.")
        arn = balancer["targetGroupArn"]
        group = elb.target_groups.get(arn)
        if group is None:
            raise _mistake(f"Unable to find target group {arn}")
        if group.target_type != "ip":
            message = f"The provided target group {arn} has target type {group.target_type or 'instance'}"
            raise _mistake(f"{message}, which is incompatible with the awsvpc network mode.")
        if not _is_forwarded_to(elb, arn):
            raise _mistake(f"The target group with targetGroupArn {arn} does not have an associated load balancer.")


def _is_forwarded_to(elb: Any, arn: str) -> bool:
    from ..load_balancers import groups_of

    return any(group.arn == arn for balancer in elb.load_balancers.values() for group in groups_of(balancer, elb))


def _mistake(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def _created(sandbox: Sandbox) -> Any:
    def amend(request: AwsRequest, result: dict[str, Any]) -> None:
        params, service = request.params, _named(request, "serviceName")
        if getattr(service, "settings", None) is not None:
            return  # the same call again
        service.made_by = params
        service.settings = {**DEFAULTS, **{name: params[name] for name in SETTINGS if name in params}}
        ecs_rollouts.begin(sandbox, request.region, service)
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
        changed = {name for name in DEPLOYED & service.settings.keys() if service.settings[name] != settings.get(name)}
        if changed or service.task_definition != task_definition or params.get("forceNewDeployment"):
            ecs_rollouts.begin(sandbox, request.region, service)
        elif service.desired_count != desired:
            ecs_rollouts.scale(sandbox, request.region, service)
        result["service"] = shown(service, result["service"])

    return amend


def _deleted(sandbox: Sandbox) -> Any:
    def amend(request: AwsRequest, result: dict[str, Any]) -> None:
        service = _named(request)
        service.status, service.desired_count = "DRAINING", 0

        def gone() -> None:
            service.status = "INACTIVE"
            ecs_rollouts.stop(request.region, service)

        sandbox.clock.after("ecs", MINUTE, gone)
        result["service"] = shown(service, result["service"])

    return amend


def shown(service: Any, described: dict[str, Any] | None = None) -> dict[str, Any]:
    """A service as AWS describes it, on top of what moto tells."""
    tasks = ecs_rollouts.tasks_of(service)
    told = {
        "serviceName": service.name,
        "serviceArn": service.arn,
        "clusterArn": service.cluster_arn,
        "status": service.status,
        "desiredCount": service.desired_count,
        "runningCount": len(tasks),
        "pendingCount": max(0, service.desired_count - len(tasks)),
        "taskDefinition": service.task_definition,
        "deployments": service.rollouts,
        "events": service.happenings,
    }
    return {**(described or {}), **told, **service.settings}


def _show_all(request: AwsRequest, result: dict[str, Any]) -> None:
    result["services"] = [
        shown(find(request.region, one["clusterArn"], one["serviceName"]), one) for one in result["services"]
    ]


def list_standing(request: AwsRequest, result: dict[str, Any]) -> None:
    cluster = request.params.get("cluster", "default")
    stands = [find(request.region, cluster, arn).status != "INACTIVE" for arn in result["serviceArns"]]
    result["serviceArns"] = [arn for arn, is_standing in zip(result["serviceArns"], stands) if is_standing]
