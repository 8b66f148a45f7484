"""CloudWatch alarms that live: they evaluate, change state, act, and feed composite alarms."""

from __future__ import annotations

import json
import threading

from moto.cloudwatch.models import Alarm, cloudwatch_backends

from ...background import Background, repeat
from ...server.errors import AwsError
from . import alarm_actions
from .alarm_descriptions import CompositeAlarm, describe, now
from .alarm_evaluation import evaluate, newest_data
from .alarm_history import History
from .composite_rules import BadRule, parse

EVERY = 1.0  # seconds between two evaluations of all alarms
STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")
TYPES = {"MetricAlarm": "MetricAlarms", "CompositeAlarm": "CompositeAlarms"}


def install(sandbox) -> None:
    alarms = Alarms(sandbox)
    sandbox.on_reset(alarms.reset)
    cloudwatch = sandbox.service("cloudwatch")
    cloudwatch.answer("PutCompositeAlarm", alarms.put_composite)
    cloudwatch.answer("PutMetricAlarm", alarms.remember)
    cloudwatch.answer("DescribeAlarms", alarms.describe)
    cloudwatch.answer("DescribeAlarmHistory", alarms.describe_history)
    cloudwatch.answer("SetAlarmState", alarms.set_state)
    cloudwatch.amend("PutMetricAlarm", alarms.put_metric)
    repeat("alarm evaluation", EVERY, alarms.evaluate_all)


class Alarms:
    def __init__(self, sandbox):
        self._sandbox = sandbox
        self._account = sandbox.account
        self._lock = threading.RLock()
        self._actions = Background(1, "alarm action")  # one at a time: in the order of the changes
        self._history = History()
        # Alarms set by hand, and the newest data they had then; they stay as set until there is newer.
        self._held: dict[Alarm, tuple[int, float]] = {}
        self._before = threading.local()

    def reset(self) -> None:
        with self._lock:
            self._actions.clear()
            self._history.clear()
            self._held.clear()

    # The API

    def put_composite(self, request) -> dict:
        asked = request.params
        backend = cloudwatch_backends[self._account][request.region]
        try:
            rule = parse(asked["AlarmRule"])
        except BadRule as error:
            raise AwsError("ValidationError", f"AlarmRule: {error}") from error
        missing = sorted(name for name in rule.children if name not in backend.alarms)
        if missing:
            message = f"AlarmRule must not contain references to alarms that do not exist: {', '.join(missing)}"
            raise AwsError("ValidationError", message)
        with self._lock:
            before = backend.alarms.get(asked["AlarmName"])
            alarm = CompositeAlarm(self._account, request.region, asked)
            self._start(alarm, before)
            backend.alarms[alarm.name] = alarm
            if asked.get("Tags") and before is None:
                backend.tagger.tag_resource(alarm.alarm_arn, asked["Tags"])
            self._weigh(alarm)
        return {}

    def remember(self, request) -> None:
        """Before moto replaces an alarm: AWS keeps the state of one that is only updated."""
        backend = cloudwatch_backends[self._account][request.region]
        self._before.alarm = backend.alarms.get(request.params["AlarmName"])

    def put_metric(self, request, _result: dict) -> None:
        alarm = cloudwatch_backends[self._account][request.region].alarms[request.params["AlarmName"]]
        with self._lock:
            self._start(alarm, self._before.alarm)

    def describe(self, request) -> dict:
        asked = request.params
        types = asked.get("AlarmTypes") or ["MetricAlarm"]
        backend = cloudwatch_backends[self._account][request.region]
        found = [alarm for alarm in list(backend.alarms.values()) if _type(alarm) in types and _wanted(alarm, asked)]
        found = self._relatives(asked, found, backend)
        found.sort(key=lambda alarm: alarm.name)
        first, most = int(asked.get("NextToken") or 0), int(asked.get("MaxRecords") or 50)
        result: dict = {kind: [] for kind in TYPES.values()}
        for alarm in found[first : first + most]:
            result[TYPES[_type(alarm)]].append(describe(alarm))
        return result | ({"NextToken": str(first + most)} if first + most < len(found) else {})

    def describe_history(self, request) -> dict:
        return self._history.find(self._account, request.region, request.params)

    def set_state(self, request) -> dict:
        asked = request.params
        alarm = cloudwatch_backends[self._account][request.region].alarms.get(asked["AlarmName"])
        if alarm is None:
            raise AwsError("ResourceNotFound", "", 404)
        if asked["StateValue"] not in STATES:
            raise AwsError("ValidationError", f"Invalid state {asked['StateValue']}")
        data = asked.get("StateReasonData")
        try:
            json.loads(data or "{}")
        except ValueError as error:
            raise AwsError("InvalidFormat", "StateReasonData is no JSON") from error
        with self._lock:
            if not isinstance(alarm, CompositeAlarm):
                self._held[alarm] = newest_data(self._account, alarm)
            self._change(alarm, asked["StateValue"], asked["StateReason"], data or "{}")
        return {}

    # How they live

    def evaluate_all(self) -> None:
        for backend in list(cloudwatch_backends[self._account].values()):
            for alarm in list(backend.alarms.values()):
                # What was deleted or replaced in the meantime is none of our business any more.
                if not isinstance(alarm, CompositeAlarm) and backend.alarms.get(alarm.name) is alarm:
                    self._evaluate(alarm)

    def _evaluate(self, alarm: Alarm) -> None:
        with self._lock:
            held = self._held.get(alarm)
            if held is not None:
                if newest_data(self._account, alarm) <= held:
                    return
                del self._held[alarm]
            verdict = evaluate(self._account, alarm)
            if verdict is not None and verdict.state != alarm.state_value:
                self._change(alarm, verdict.state, verdict.reason, verdict.reason_data)

    def _start(self, alarm: Alarm, before: Alarm | None) -> None:
        """A new alarm knows nothing yet; an updated one goes on from its state."""
        if before is None:
            alarm.state_value = "INSUFFICIENT_DATA"
            summary = f'Alarm "{alarm.name}" created'
        else:
            for kept in ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp"):
                setattr(alarm, kept, getattr(before, kept))
            if (held := self._held.pop(before, None)) is not None:
                self._held[alarm] = held
            summary = f'Alarm "{alarm.name}" updated'
        self._record(alarm, "ConfigurationUpdate", summary, {"version": "1.0"})

    def _change(self, alarm: Alarm, state: str, reason: str, reason_data: str) -> None:
        previous = alarm_actions.state_of(alarm)
        changed = alarm.state_value != state
        alarm.state_value, alarm.state_reason, alarm.state_reason_data = state, reason, reason_data
        alarm.state_updated_timestamp = now()
        if not changed:
            return
        summary = f"Alarm updated from {previous['value']} to {state}"
        data = {"version": "1.0", "oldState": previous, "newState": alarm_actions.state_of(alarm)}
        self._record(alarm, "StateUpdate", summary, data)
        actions = [] if self._suppressed(alarm) else self._actions_for(alarm)
        self._actions.submit(self._follow_up, alarm, actions, previous)
        for parent in self._parents(alarm):
            self._weigh(parent)

    def _follow_up(self, alarm: Alarm, actions: list[str], previous: dict) -> None:
        alarm_actions.announce(self._account, alarm, previous)
        for arn in actions:
            done = alarm_actions.act(self._sandbox, self._account, alarm, arn, previous)
            outcome = "Successfully executed" if done else "Failed to execute"
            self._record(alarm, "Action", f"{outcome} action {arn}", {"actionState": "Succeeded" if done else "Failed"})

    def _weigh(self, alarm: CompositeAlarm) -> None:
        alarms = cloudwatch_backends[self._account][alarm.region_name].alarms

        def state_of(name: str) -> str:
            return alarms[name].state_value if name in alarms else "INSUFFICIENT_DATA"

        state = "ALARM" if alarm.parsed.holds(state_of) else "OK"
        if state != alarm.state_value:
            children = {name: state_of(name) for name in sorted(alarm.parsed.children)}
            reason = f"{alarm.rule} evaluates to {'TRUE' if state == 'ALARM' else 'FALSE'}"
            self._change(alarm, state, reason, json.dumps({"triggeringAlarms": children}))

    def _parents(self, alarm: Alarm) -> list[CompositeAlarm]:
        alarms = cloudwatch_backends[self._account][alarm.region_name].alarms
        return [a for a in list(alarms.values()) if isinstance(a, CompositeAlarm) and alarm.name in a.parsed.children]

    def _suppressed(self, alarm: Alarm) -> bool:
        suppressor = getattr(alarm, "suppressor", None)
        if not suppressor:
            return False
        name = suppressor.split(":alarm:")[-1]
        other = cloudwatch_backends[self._account][alarm.region_name].alarms.get(name)
        suppressed = other is not None and other.state_value == "ALARM"
        alarm.suppressed_by = "Alarm" if suppressed else None
        return suppressed

    @staticmethod
    def _actions_for(alarm: Alarm) -> list[str]:
        if not alarm.actions_enabled:
            return []
        lists = {"ALARM": alarm.alarm_actions, "OK": alarm.ok_actions}
        return list(lists.get(alarm.state_value, alarm.insufficient_data_actions) or [])

    def _relatives(self, asked: dict, found: list[Alarm], backend) -> list[Alarm]:
        if parent := asked.get("ChildrenOfAlarmName"):
            composite = backend.alarms.get(parent)
            children = composite.parsed.children if isinstance(composite, CompositeAlarm) else ()
            return [alarm for name, alarm in backend.alarms.items() if name in children]
        if child := asked.get("ParentsOfAlarmName"):
            return self._parents(backend.alarms[child]) if child in backend.alarms else []
        return found

    def _record(self, alarm: Alarm, kind: str, summary: str, data: dict) -> None:
        self._history.add(self._account, alarm.region_name, alarm, kind, summary, data)


def _type(alarm: Alarm) -> str:
    return "CompositeAlarm" if isinstance(alarm, CompositeAlarm) else "MetricAlarm"


def _wanted(alarm: Alarm, asked: dict) -> bool:
    actions = [*alarm.alarm_actions, *alarm.ok_actions, *alarm.insufficient_data_actions]
    return (
        (not asked.get("AlarmNames") or alarm.name in asked["AlarmNames"])
        and alarm.name.startswith(asked.get("AlarmNamePrefix") or "")
        and (not asked.get("StateValue") or alarm.state_value == asked["StateValue"])
        and (not asked.get("ActionPrefix") or any(a.startswith(asked["ActionPrefix"]) for a in actions))
    )
