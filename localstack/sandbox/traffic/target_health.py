"""Health checks of registered targets."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from moto.core.exceptions import ServiceException
from moto.elbv2.models import FakeHealthStatus, FakeTargetGroup

from ..background import Background, repeat
from ..http_messages import Request
from ..services.ecs import rollouts
from ..services.elbv2 import load_balancers
from . import address_target, lambda_target

MIN_INTERVAL = 2.0  # seconds between two probes of a target
FIRST_PROBE_TIMEOUT = 5.0  # seconds that DescribeTargetHealth waits for the first probe


@dataclass
class Record:
    """The health of one target."""

    healthy: bool | None = None
    streak: int = 0  # consecutive probes with the opposite result
    probed: float = 0.0
    reason: str | None = None
    description: str | None = None


class TargetHealth:
    """Without a time scale, a target is probed in the background only after its health was first needed."""

    def __init__(self, sandbox):
        self._sandbox = sandbox
        self._records: dict[tuple[str, str], Record] = {}
        self._lock = threading.Lock()
        self._probes = Background(8, "target probe")
        sandbox.on_reset(self._records.clear)
        self._patch_descriptions()
        sandbox.service("elbv2").amend("CreateTargetGroup", _apply_disabled_checks)
        repeat("target health", 0.5, self._probe_due)

    def healthy(self, group, target: str) -> bool:
        """Whether a target counts as healthy. Waits for the first probe."""
        if not _checks(group):
            return True
        record = self._record(group, target)
        if record.healthy is None:
            self._wait_for_probe(group, target)
        return record.healthy is not False

    def of_balancer(self, balancer, backend) -> bool:
        """The health for EvaluateTargetHealth: each target group has a healthy target."""
        groups = load_balancers.groups_of(balancer, backend)
        return bool(groups) and all(any(self.healthy(g, target) for target in list(g.targets)) for g in groups)

    def _patch_descriptions(self) -> None:
        original = FakeTargetGroup.health_for

        def health_for(group, target, ec2_backend):
            status = original(group, target, ec2_backend)
            if status.status != "healthy" or group.target_type not in ("lambda", "ip"):
                return status
            backend = next(b for b in load_balancers.all_backends() if group.arn in b.target_groups)
            if not load_balancers.is_used(group, backend):
                reason, text = (
                    "Target.NotInUse",
                    "Target group is not configured to receive traffic from the load balancer",
                )
                return _status(status, "unused", reason, text)
            if not _checks(group):
                return _status(
                    status, "unavailable", "Target.HealthCheckDisabled", "Health checks are disabled for this target"
                )
            healthy = self.healthy(group, target["Id"])
            record = self._record(group, target["Id"])
            return status if healthy else _status(status, "unhealthy", record.reason, record.description)

        FakeTargetGroup.health_for = health_for

    def _record(self, group, target: str) -> Record:
        with self._lock:
            return self._records.setdefault((group.arn, target), Record())

    def _wait_for_probe(self, group, target: str) -> None:
        done = threading.Event()

        def task() -> None:
            try:
                self._probe(group, target)
            finally:
                done.set()

        self._probes.submit(task)
        done.wait(FIRST_PROBE_TIMEOUT)

    def _probe_due(self) -> None:
        scale = self._sandbox.time_scale
        for backend in load_balancers.all_backends():
            for group in list(backend.target_groups.values()):
                if not _checks(group) or group.target_type not in ("lambda", "ip"):
                    continue
                interval = float(group.health_check_interval_seconds or 30)
                pause = max(MIN_INTERVAL, interval / scale) if scale else MIN_INTERVAL
                for target in list(group.targets):
                    known = self._records.get((group.arn, target))
                    if known is None and (not scale or not load_balancers.is_used(group, backend)):
                        continue
                    record = self._record(group, target)
                    if time.monotonic() - record.probed >= pause:
                        record.probed = time.monotonic()
                        self._probes.submit(self._probe, group, target)

    def _probe(self, group, target: str) -> None:
        record = self._record(group, target)
        record.probed = time.monotonic()
        reason, description = self._ask(group, target)
        healthy = reason is None
        if record.healthy is None or healthy == record.healthy:
            record.healthy, record.streak = healthy, 0
        else:
            record.streak += 1
            threshold = int(group.healthy_threshold_count if healthy else group.unhealthy_threshold_count)
            # Without a time scale, one probe is enough.
            if record.streak >= (threshold if self._sandbox.time_scale else 1):
                record.healthy, record.streak = healthy, 0
        if not healthy:
            record.reason, record.description = reason, description

    def _ask(self, group, target: str) -> tuple[str | None, str | None]:
        """Probes a target. Returns the reason and description if it is unhealthy, else None twice."""
        if rollouts.is_task(group.arn, target):
            return None, None
        path, _, query = (group.health_check_path or "/").partition("?")
        request = Request("GET", path, query, [("user-agent", "ELB-HealthChecker/2.0")])
        try:
            if group.target_type == "lambda":
                response = lambda_target.call(self._sandbox, group, target, request)
            else:
                port = int(group.targets[target]["Port"])
                response = address_target.call(target, port, request, float(group.health_check_timeout_seconds or 5))
        except (lambda_target.BadTarget, ServiceException) as error:
            return "Target.FailedHealthChecks", f"Health checks failed: {str(error)[:200]}"
        if _matches(response.status, str((group.matcher or {}).get("HttpCode") or "200")):
            return None, None
        return "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{response.status}]"


def _apply_disabled_checks(request, result: dict) -> None:
    """moto ignores HealthCheckEnabled=false at creation."""
    if request.params.get("HealthCheckEnabled") is False:
        for shown in result["TargetGroups"]:
            group = next(
                backend.target_groups[shown["TargetGroupArn"]]
                for backend in load_balancers.all_backends()
                if shown["TargetGroupArn"] in backend.target_groups
            )
            group.health_check_enabled = shown["HealthCheckEnabled"] = False


def _checks(group) -> bool:
    """Functions are checked only if the group enables it. moto has a text or a boolean here."""
    return str(group.health_check_enabled).lower() == "true" or group.target_type != "lambda"


def _matches(status: int, matcher: str) -> bool:
    for part in matcher.split(","):
        first, _, last = part.partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False


def _status(status: FakeHealthStatus, state: str, reason: str | None, description: str | None) -> FakeHealthStatus:
    port = None if status.instance_id.startswith("arn:") else status.port
    return FakeHealthStatus(status.instance_id, port, status.health_check_port, state, reason, description)
