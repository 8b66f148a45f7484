"""The deployments of services, which take time or fail, and their tasks, which have an address and are targets."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import ServiceException

from ...clock import MINUTE
from ...server.stores import ACCOUNT, backend, regions
from ..ec2.interfaces import SOURCES, ServiceInterface, interface_of

if TYPE_CHECKING:
    from ...app import Sandbox

# How long tasks take to start, and after how long AWS gives up on those that don't.
START, GIVE_UP = 2 * MINUTE, 5 * MINUTE
OWN_IMAGE = re.compile(rf"{ACCOUNT}\.dkr\.ecr\.([^.]+)\.[^/]+/([^:@]+)(?::([^@]+))?(?:@(.+))?")


@dataclass
class Task:
    """A task of a service, identified by the attachment of its network interface."""

    subnet: str
    groups: tuple[str, ...]
    public: bool
    attachment: str = field(default_factory=lambda: str(uuid.uuid4()))


def install(_sandbox: Sandbox) -> None:
    SOURCES["ecs"] = _interfaces


def _interfaces(region: str) -> Iterator[ServiceInterface]:
    for service in backend("ecs", region).services.values():
        for task in tasks_of(service):
            yield _interface(region, task)


def _interface(region: str, task: Task) -> ServiceInterface:
    description = f"arn:aws:ecs:{region}:{ACCOUNT}:attachment/{task.attachment}"
    return ServiceInterface(description, task.subnet, task.groups, public=task.public)


def tasks_of(service: Any) -> list[Task]:
    return service.__dict__.setdefault("running_tasks", [])


def begin(sandbox: Sandbox, region: str, service: Any) -> None:
    """Starts a deployment, which completes if its images can be pulled."""
    earlier = service.__dict__.setdefault("rollouts", [])
    service.__dict__.setdefault("service_events", [])
    for rollout in earlier:
        rollout["status"] = "ACTIVE"
    rollout = _rollout(service, "IN_PROGRESS")
    service.rollouts = [rollout, *earlier]
    missing = _missing_image(region, service)
    if missing and service.desired_count:
        _add_event(service, f"was unable to place a task. Reason: CannotPullContainerError: {missing}: not found.")
        sandbox.clock.after("ecs", GIVE_UP, lambda: _fail(region, service, rollout))
    else:
        sandbox.clock.after("ecs", START, lambda: _complete(region, service, rollout))


def scale(sandbox: Sandbox, region: str, service: Any) -> None:
    """Starts or stops tasks after a change of the desired count; the others keep running."""
    failed = service.rollouts[0]["rolloutState"] == "FAILED"
    if not failed:
        wait = START if service.desired_count > len(tasks_of(service)) else 0.0
        sandbox.clock.after("ecs", wait, lambda: _run(region, service, tasks_of(service)))


def stop(region: str, service: Any) -> None:
    service.desired_count = 0
    _run(region, service, [])


def _rollout(service: Any, state: str) -> dict[str, Any]:
    now = datetime.now(timezone.utc)
    return {
        "id": f"ecs-svc/{uuid.uuid4().int % 10**19}",
        "status": "PRIMARY",
        "taskDefinition": service.task_definition,
        "desiredCount": service.desired_count,
        "createdAt": now,
        "updatedAt": now,
        "launchType": service.launch_type,
        "rolloutState": state,
    }


def _complete(region: str, service: Any, rollout: dict[str, Any]) -> None:
    if service.status != "ACTIVE" or service.rollouts[0] is not rollout:
        return
    rollout.update(rolloutState="COMPLETED", rolloutStateReason=f"ECS deployment {rollout['id']} completed.")
    service.rollouts = [rollout]
    service.last_completed = (service.task_definition, dict(service.settings))
    _run(region, service, [])
    _add_event(service, "has reached a steady state.")


def _fail(region: str, service: Any, rollout: dict[str, Any]) -> None:
    if service.status != "ACTIVE" or service.rollouts[0] is not rollout:
        return
    breaker = (service.settings.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
    if not breaker.get("enable"):
        return  # ECS retries for ever
    reason = "ECS deployment circuit breaker: tasks failed to start."
    rollout.update(rolloutState="FAILED", rolloutStateReason=reason)
    _add_event(service, f"(deployment {rollout['id']}) deployment failed: tasks failed to start.")
    completed = next((one for one in service.rollouts if one["rolloutState"] == "COMPLETED"), None)
    if breaker.get("rollback") and completed is not None:
        service.task_definition, service.settings = service.last_completed[0], dict(service.last_completed[1])
        rollout["status"] = "ACTIVE"
        _add_event(service, f"(deployment {rollout['id']}) rolling back to deployment {completed['id']}.")
        service.rollouts = [_rollout(service, "COMPLETED"), rollout]


def _add_event(service: Any, text: str) -> None:
    event = {"id": str(uuid.uuid4()), "createdAt": datetime.now(timezone.utc)}
    service.service_events.insert(0, {**event, "message": f"(service {service.name}) {text}"})


def _missing_image(region: str, service: Any) -> str | None:
    """The first image that is missing in this account's registry. Images of other registries count as present."""
    definition = backend("ecs", region).describe_task_definition(service.task_definition)
    for container in definition.container_definitions:
        match = OWN_IMAGE.fullmatch(container["image"])
        if match and not _exists(*match.groups()):
            return container["image"]
    return None


def _exists(region: str, repository: str, tag: str | None, digest: str | None) -> bool:
    if region not in regions("ecr") or repository not in backend("ecr", region).repositories:
        return False
    default_tag = tag if tag or digest else "latest"
    try:
        backend("ecr", region).repositories[repository]._get_image(default_tag, digest)
    except ServiceException:
        return False
    return True


def _run(region: str, service: Any, kept: list[Task]) -> None:
    """Runs the desired number of tasks, of which `kept` run already, and registers exactly these as targets."""
    network = (service.settings.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    subnets, groups = network.get("subnets") or [], tuple(network.get("securityGroups") or ())
    public = network.get("assignPublicIp") == "ENABLED"
    tasks = kept[: service.desired_count]
    while subnets and len(tasks) < service.desired_count:
        tasks.append(Task(subnets[len(tasks) % len(subnets)], groups, public))
    service.running_tasks = tasks
    _register(region, service)


def _register(region: str, service: Any) -> None:
    elb = backend("elbv2", region)
    for arn, ids in service.__dict__.pop("registered", {}).items():
        group = elb.target_groups.get(arn)
        known = [{"Id": one} for one in ids if group is not None and one in group.targets]
        if known:
            group.deregister(known)
    service.registered = {}
    for balancer in service.settings.get("loadBalancers") or []:
        group = elb.target_groups.get(balancer["targetGroupArn"])
        addresses = [interface_of(region, _interface(region, task)).private_ip_address for task in tasks_of(service)]
        if group is not None:
            group.register([{"Id": address, "Port": balancer["containerPort"]} for address in addresses])
            service.registered[group.arn] = addresses


def tagged_tasks(region: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The ARNs and tags of tasks whose service propagates its tags."""
    for service in backend("ecs", region).services.values():
        if service.settings.get("propagateTags") != "SERVICE":
            continue
        for task in tasks_of(service):
            arn = f"arn:aws:ecs:{region}:{ACCOUNT}:task/{service.cluster_name}/{task.attachment.replace('-', '')}"
            yield arn, {tag["key"]: tag["value"] for tag in service.tags}


def is_task(arn: str, address: str) -> bool:
    """Whether a target is a task. Nothing listens at its address in the sandbox: it counts as healthy while it runs."""
    stores = list(regions("ecs").values())
    services = [service for store in stores for service in list(store.services.values())]
    return any(address in getattr(service, "registered", {}).get(arn, ()) for service in services)
