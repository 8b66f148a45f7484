"""ECS task definitions: revision numbers are never reused, a family means its newest active revision, Fargate's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ecs.exceptions import TaskDefinitionNotFoundException
from moto.ecs.models import EC2ContainerServiceBackend

from ...clock import MINUTE
from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox

FARGATE = "FARGATE"
GIB = 1024
# CPU units -> the allowed MiB of memory.
SIZES: dict[int, set[int]] = {
    256: {512, GIB, 2 * GIB},
    512: {n * GIB for n in range(1, 5)},
    1024: {n * GIB for n in range(2, 9)},
    2048: {n * GIB for n in range(4, 17)},
    4096: {n * GIB for n in range(8, 31)},
    8192: {n * GIB for n in range(16, 61, 4)},
    16384: {n * GIB for n in range(32, 121, 8)},
}


def install(sandbox: Sandbox) -> None:
    store = EC2ContainerServiceBackend
    store.describe_task_definition = _newest_active(store.describe_task_definition)  # type: ignore[method-assign]
    store.delete_task_definitions = _deleting(sandbox, store.delete_task_definitions)  # type: ignore[method-assign]
    store._get_last_task_definition_revision_id = _last_revision  # type: ignore[method-assign]
    ecs = sandbox.service("ecs")
    ecs.validate("RegisterTaskDefinition", check_fargate)
    ecs.amend("RegisterTaskDefinition", remember_revision)


def _newest_active(original: Any) -> Any:
    def describe_task_definition(self: Any, task_definition_str: str) -> Any:
        family = task_definition_str.split("/")[-1]
        if ":" in family:
            return original(self, task_definition_str)
        active = [one for one in self.task_definitions.get(family, {}).values() if one.status == "ACTIVE"]
        if not active:
            raise TaskDefinitionNotFoundException
        return max(active, key=lambda one: one.revision)

    return describe_task_definition


def _last_revisions(store: Any) -> dict[str, int]:
    return store.__dict__.setdefault("last_revisions", {})


def _last_revision(self: Any, family: str) -> int | None:
    return max([_last_revisions(self).get(family, 0), *self.task_definitions.get(family, {})]) or None


def remember_revision(request: AwsRequest, result: dict[str, Any]) -> None:
    registered = result["taskDefinition"]
    _last_revisions(backend("ecs", request.region))[registered["family"]] = registered["revision"]


def check_fargate(request: AwsRequest) -> None:
    params = request.params
    if FARGATE not in (params.get("requiresCompatibilities") or []):
        return
    if params.get("networkMode") != "awsvpc":
        raise _invalid("Fargate only supports network mode ‘awsvpc’.")
    if _number(params.get("memory")) not in SIZES.get(_number(params.get("cpu")), set()):
        raise _invalid("No Fargate configuration exists for given values.")
    storage = params.get("ephemeralStorage")
    if storage and not 21 <= storage["sizeInGiB"] <= 200:
        raise _invalid("EphemeralStorage size should be between 21 and 200 GiB.")
    volumes = {volume["name"] for volume in params.get("volumes") or []}
    for container in params["containerDefinitions"]:
        _check_container(container, volumes, params.get("executionRoleArn"))


def _check_container(container: dict[str, Any], volumes: set[str], role: str | None) -> None:
    linux = container.get("linuxParameters") or {}
    added = set((linux.get("capabilities") or {}).get("add") or [])
    if container.get("privileged"):
        raise _invalid("Fargate does not support privileged containers.")
    if added - {"SYS_PTRACE"}:
        raise _invalid("Fargate only supports adding the capability SYS_PTRACE.")
    for mount in container.get("mountPoints") or []:
        if mount["sourceVolume"] not in volumes:
            raise _invalid(f"Unknown volume '{mount['sourceVolume']}'.")
    for port in container.get("portMappings") or []:
        if port.get("hostPort", port["containerPort"]) != port["containerPort"]:
            raise _invalid("When networkMode=awsvpc, the host ports and container ports in port mappings must match.")
    role_users = [name for name in ("secrets", "logConfiguration") if container.get(name)]
    if role_users and not role:
        raise _invalid("Fargate requires task definition to have execution role ARN to support " + role_users[0] + ".")


def _invalid(message: str) -> AwsError:
    return AwsError("ClientException", message)


def _number(text: Any) -> int:
    return int(text) if str(text).isdigit() else 0


def _deleting(sandbox: Sandbox, original: Any) -> Any:
    """AWS lists a deleted task definition for a while, as being deleted."""

    def delete_task_definitions(self: Any, task_definitions: list[str]) -> Any:
        deleted, failures = original(self, task_definitions)
        for one in deleted:
            revisions = self.task_definitions[one.family]
            revisions[one.revision] = one
            sandbox.clock.after(
                "ecs", MINUTE, lambda revisions=revisions, deleted=one: revisions.pop(deleted.revision, None)
            )
        return deleted, failures

    return delete_task_definitions
