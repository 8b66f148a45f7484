"""Scheduled rules of EventBridge: delivers an event to their targets when they are due.

Their clock is the machine's, faster by the time scale if there is one, and moved on when the sandbox is advanced. A rule that
was due several times since the last look is delivered once.
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

INTERVAL = 0.5  # seconds between looks for rules that are due
Deliver = Callable[[Rule, dict[str, Any]], None]


def install(sandbox: Sandbox, deliver: Deliver) -> None:
    schedules = Schedules(sandbox, deliver)
    sandbox.service("events").validate("PutRule", check_schedule)
    sandbox.on_reset(schedules.clear)
    repeat("scheduled rules", INTERVAL, schedules.deliver_due)


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
        # Since when a rule has its schedule. It starts again if the schedule changes or the rule was disabled.
        self._started: dict[tuple[str, str], float] = {}
        self._now = time.time()
        self._looked = sandbox.clock.now()
        self._lock = threading.Lock()

    def deliver_due(self) -> None:
        with self._lock:
            if not self._sandbox.ready:
                return
            last = self._advance()
            rules = {(rule.arn, rule.scheduled_expression): rule for rule in _scheduled_rules(self._sandbox.account)}
            self._started = {key: self._started.get(key, self._now) for key in rules}
            for key, rule in rules.items():
                if schedule_expressions.parse(key[1]).is_due(self._started[key], last, self._now):
                    self._deliver(rule, self._event(rule))

    def clear(self) -> None:
        """Drops what was due before a reset."""
        with self._lock:
            self._advance()
            self._started.clear()

    def _advance(self) -> float:
        """Moves the clock on to now. Returns its previous time."""
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


def _scheduled_rules(account: str) -> Iterator[Rule]:
    for backend in list(events_backends[account].values()):
        for bus in list(backend.event_buses.values()):
            for rule in list(bus.rules.values()):
                if rule.scheduled_expression and rule.state == "ENABLED" and rule.targets:
                    yield rule
