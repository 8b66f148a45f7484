"""Route 53 health checks: requests through the front door."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone

from moto.cloudwatch.models import cloudwatch_backends
from moto.route53.models import route53_backends

from ..background import Background, repeat
from ..http_messages import Request, Response
from ..server.errors import AwsError
from ..services.cloudwatch.minute_metrics import publish

MIN_INTERVAL = 2.0  # seconds between two probes
SEARCHED_BYTES = 5120  # of a body, for the search string
PORTS = {"HTTP": 80, "HTTP_STR_MATCH": 80, "HTTPS": 443, "HTTPS_STR_MATCH": 443}
CHECKERS = ("us-east-1", "us-west-2", "eu-west-1")

Serve = Callable[[Request, str, int], Response]


@dataclass
class Record:
    healthy: bool | None = None
    streak: int = 0
    probed: float = 0.0
    checked: datetime | None = None
    status: str = "Failure: not checked yet"


class DnsHealth:
    """Without a time scale, a check starts to probe when its health is first needed."""

    def __init__(self, sandbox, serve: Serve):
        self._sandbox = sandbox
        self._serve = serve
        self._records: dict[str, Record] = {}
        self._lock = threading.Lock()
        self._probes = Background(4, "Route 53 health check")
        sandbox.on_reset(self._records.clear)
        sandbox.service("route53").answer("GetHealthCheckStatus", self._status)
        repeat("Route 53 health checks", 0.5, self._probe_due)

    def healthy(self, check_id: str) -> bool:
        check = _find(check_id)
        if check is None or _is_on(check.disabled):
            return True
        if check.type_ == "CALCULATED":
            fine = sum(self.healthy(child) for child in check.children or [])
            return (fine >= int(check.health_threshold or 0)) != _is_on(check.inverted)
        if check.type_ not in PORTS:
            return True
        record = self._record(check_id)
        if record.healthy is None:
            self._probe(check)
        return bool(record.healthy) != _is_on(check.inverted)

    def _status(self, request) -> dict:
        check_id = request.params["HealthCheckId"]
        check = _find(check_id)
        if check is None:
            raise AwsError("NoSuchHealthCheck", f"No health check exists with the specified ID. {check_id}", 404)
        record = self._record(check_id)
        # Probes in another thread for a current status, because this one has Route 53's lock.
        if check.type_ in PORTS and time.monotonic() - record.probed > MIN_INTERVAL:
            done = threading.Event()
            self._probes.submit(self._probe, check, done)
            done.wait(5)
        checked = record.checked or datetime.now(timezone.utc).replace(tzinfo=None)
        observation = {"IPAddress": "127.0.0.1", "StatusReport": {"Status": record.status, "CheckedTime": checked}}
        return {"HealthCheckObservations": [{"Region": region, **observation} for region in CHECKERS]}

    def _record(self, check_id: str) -> Record:
        with self._lock:
            return self._records.setdefault(check_id, Record())

    def _probe_due(self) -> None:
        scale = self._sandbox.time_scale
        for check in _all():
            if check.type_ not in PORTS or (not scale and check.id not in self._records):
                continue
            record = self._record(check.id)
            pause = max(MIN_INTERVAL, float(check.request_interval) / scale) if scale else MIN_INTERVAL
            if time.monotonic() - record.probed >= pause:
                record.probed = time.monotonic()
                self._probes.submit(self._probe, check)

    def _probe(self, check, done: threading.Event | None = None) -> None:
        record = self._record(check.id)
        record.probed = time.monotonic()
        try:
            healthy, record.status = self._ask(check)
            record.checked = datetime.now(timezone.utc).replace(tzinfo=None)
            threshold = int(check.failure_threshold) if self._sandbox.time_scale else 1
            record.streak = 0 if healthy == record.healthy else record.streak + 1
            if record.healthy is None or record.streak >= threshold:
                record.healthy, record.streak = healthy, 0
            self._measure(check, bool(record.healthy) != _is_on(check.inverted))
        finally:
            if done is not None:
                done.set()

    def _ask(self, check) -> tuple[bool, str]:
        port = int(check.port or PORTS[check.type_])
        path, _, query = (check.resource_path or "/").partition("?")
        host = check.fqdn or check.ip_address or ""
        headers = [
            ("host", host),
            ("user-agent", f"Amazon-Route53-Health-Check-Service (ref {check.id}; report http://amzn.to/1vsZADi)"),
        ]
        response = self._serve(Request("GET", path, query, headers), host, port)
        outcome = f"HTTP Status Code {response.status}. Resolved IP: 127.0.0.1"
        if not 200 <= response.status < 400:
            return False, f"Failure: {outcome}"
        if (
            check.type_.endswith("STR_MATCH")
            and (check.search_string or "").encode() not in response.body[:SEARCHED_BYTES]
        ):
            return False, f"Failure: the response body doesn't contain the search string. {outcome}"
        return True, f"Success: {outcome}"

    def _measure(self, check, healthy: bool) -> None:
        # Route 53 publishes in us-east-1 only. After a reset, a late probe must not publish.
        account = self._sandbox.account
        if _find(check.id) is not None and account in cloudwatch_backends:
            dimensions = {"HealthCheckId": check.id}
            publish(account, "us-east-1", "AWS/Route53", "HealthCheckStatus", dimensions, float(healthy), "None")
            percentage = 100.0 if healthy else 0.0
            publish(
                account, "us-east-1", "AWS/Route53", "HealthCheckPercentageHealthy", dimensions, percentage, "Percent"
            )


def _all() -> list:
    return [
        check
        for partitions in list(route53_backends.values())
        for backend in list(partitions.values())
        for check in list(backend.health_checks.values())
    ]


def _find(check_id: str):
    return next((check for check in _all() if check.id == check_id), None)


def _is_on(value) -> bool:
    return str(value).lower() == "true"
