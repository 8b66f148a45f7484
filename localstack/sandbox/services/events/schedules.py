"""EventBridge: brings rules with a schedule to their targets when they are due.

Their time is the day's, which goes faster by the time scale, if there is one, and leaps where the sandbox is advanced.
What was due more than once meanwhile comes once.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from moto.events.models import Rule, events_backends

from ...background import repeat
from ...server.errors import AwsError
from ...server.request import AwsRequest
from . import schedule_expressions

if TYPE_CHECKING:
    from ...app import Sandbox

LOOK = 0.5  # seconds between looks for what is due
Deliver = Callable[[Rule, dict[str, Any]], None]


def install(sandbox: Sandbox, deliver: Deliver) -> None:
    schedules = Schedules(sandbox, deliver)
    sandbox.service("events").validate("PutRule", check_schedule)
    sandbox.on_reset(schedules.clear)
    repeat("scheduled rules", LOOK, schedules.follow)


def check_schedule(request: AwsRequest) -> None:
    expression = request.params.get("ScheduleExpression")
    if expression:
        try:
            schedule_expressions.parse(expression)
        except schedule_expressions.BadSchedule as error:
            raise AwsError("ValidationException", f"Parameter ScheduleExpression is not valid: {error}") from error


class Schedules:
    def __init__(self, sandbox: Sandbox, deliver: Deliver) -> None:
        self._sandbox = sandbox
        self._deliver = deliver
        # Since when a rule has its schedule: one that changes, or is off for a while, begins anew.
        self._begun: dict[tuple[str, str], float] = {}
        self._now = time.time()
        self._looked = sandbox.clock.now()
        self._lock = threading.Lock()

    def follow(self) -> None:
        with self._lock:
            if not self._sandbox.ready:
                return
            last = self._go_on()
            rules = {(rule.arn, rule.scheduled_expression): rule for rule in _on_schedule(self._sandbox.account)}
            self._begun = {key: self._begun.get(key, self._now) for key in rules}
            for key, rule in rules.items():
                if schedule_expressions.parse(key[1]).is_due(self._begun[key], last, self._now):
                    self._deliver(rule, self._event(rule))

    def clear(self) -> None:
        """Nothing that was due before a reset comes after it."""
        with self._lock:
            self._go_on()
            self._begun.clear()

    def _go_on(self) -> float:
        """Brings the time up to now; gives what it was."""
        last, looked = self._now, self._looked
        self._looked = self._sandbox.clock.now()
        self._now += (self._looked - looked) * (self._sandbox.time_scale or 1)
        return last

    def _event(self, rule: Rule) -> dict[str, Any]:
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": rule.account_id,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._now)),
            "region": rule.region_name,
            "resources": [rule.arn],
            "detail": {},
        }


def _on_schedule(account: str) -> Iterator[Rule]:
    for backend in list(events_backends[account].values()):
        for bus in list(backend.event_buses.values()):
            for rule in list(bus.rules.values()):
                if rule.scheduled_expression and rule.state == "ENABLED" and rule.targets:
                    yield rule
