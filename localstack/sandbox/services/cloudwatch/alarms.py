"""Alarms that are evaluated, change state, run actions, and update composite alarms."""

from __future__ import annotations

import json
import threading

from moto.cloudwatch.models import Alarm, cloudwatch_backends

from ...background import Background, repeat
from ...server.errors import AwsError
from . import alarm_actions
from .alarm_descriptions import CompositeAlarm, describe, now, paginate
from .alarm_evaluation import evaluate, newest_data
from .alarm_history import History
from .composite_rules import BadRule, parse

INTERVAL = 1.0  # seconds between two evaluations of all alarms
STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")
TYPES = {"MetricAlarm": "MetricAlarms", "CompositeAlarm": "CompositeAlarms"}


def install(sandbox) -> None:
    alarms = Alarms(sandbox)
    sandbox.on_reset(alarms.reset)
    cloudwatch = sandbox.service("cloudwatch")
    cloudwatch.answer("PutCompositeAlarm", alarms.put_composite)
    cloudwatch.answer("PutMetricAlarm", alarms.remember_earlier)
    cloudwatch.answer("DescribeAlarms", alarms.describe)
    cloudwatch.answer("DescribeAlarmHistory", alarms.describe_history)
    cloudwatch.answer("SetAlarmState", alarms.set_state)
    cloudwatch.amend("PutMetricAlarm", alarms.put_metric)
    repeat("alarm evaluation", INTERVAL, alarms.evaluate_all)


class Alarms:
    def __init__(self, sandbox):
        self._sandbox = sandbox
        self._account = sandbox.account
        self._lock = threading.RLock()
        self._actions = Background(1, "alarm action")  # one thread, so in the order of the changes
        self._history = History()
        # Alarms whose state SetAlarmState set, and their newest data then. They keep the state until there are newer data.
        self._set_by_call: dict[Alarm, tuple[int, float]] = {}
        self._earlier = threading.local()

    def reset(self) -> None:
        with self._lock:
            self._actions.clear()
            self._history.clear()
            self._set_by_call.clear()

    def put_composite(self, request) -> dict:
        params = request.params
        backend = cloudwatch_backends[self._account][request.region]
        try:
            rule = parse(params["AlarmRule"])
        except BadRule as error:
            raise AwsError("ValidationError", f"AlarmRule: {error}") from error
        missing = sorted(name for name in rule.children if name not in backend.alarms)
        if missing:
            message = f"AlarmRule must not contain references to alarms that do not exist: {', '.join(missing)}"
            raise AwsError("ValidationError", message)
        with self._lock:
            existing = backend.alarms.get(params["AlarmName"])
            alarm = CompositeAlarm(self._account, request.region, params)
            self._start(alarm, existing)
            backend.alarms[alarm.name] = alarm
            if params.get("Tags") and existing is None:
                backend.tagger.tag_resource(alarm.alarm_arn, params["Tags"])
            self._evaluate_composite(alarm)
        return {}

    def remember_earlier(self, request) -> None:
        """An update keeps the alarm's state, but moto replaces the alarm."""
        backend = cloudwatch_backends[self._account][request.region]
        self._earlier.alarm = backend.alarms.get(request.params["AlarmName"])

    def put_metric(self, request, _result: dict) -> None:
        alarm = cloudwatch_backends[self._account][request.region].alarms[request.params["AlarmName"]]
        with self._lock:
            self._start(alarm, self._earlier.alarm)

    def describe(self, request) -> dict:
        params = request.params
        types = params.get("AlarmTypes") or ["MetricAlarm"]
        backend = cloudwatch_backends[self._account][request.region]
        found = [alarm for alarm in list(backend.alarms.values()) if _type(alarm) in types and _matches(alarm, params)]
        found = self._relatives(params, found, backend)
        found.sort(key=lambda alarm: alarm.name)
        page, token = paginate(found, params, default_size=50)
        result: dict = {kind: [] for kind in TYPES.values()}
        for alarm in page:
            result[TYPES[_type(alarm)]].append(describe(alarm))
        return result | token

    def describe_history(self, request) -> dict:
        return self._history.find(self._account, request.region, request.params)

    def set_state(self, request) -> dict:
        params = request.params
        alarm = cloudwatch_backends[self._account][request.region].alarms.get(params["AlarmName"])
        if alarm is None:
            raise AwsError("ResourceNotFound", "", 404)
        if params["StateValue"] not in STATES:
            raise AwsError("ValidationError", f"Invalid state {params['StateValue']}")
        data = params.get("StateReasonData")
        try:
            json.loads(data or "{}")
        except ValueError as error:
            raise AwsError("InvalidFormat", "StateReasonData isn't JSON") from error
        with self._lock:
            if not isinstance(alarm, CompositeAlarm):
                self._set_by_call[alarm] = newest_data(self._account, alarm)
            self._change(alarm, params["StateValue"], params["StateReason"], data or "{}")
        return {}

    def evaluate_all(self) -> None:
        for backend in list(cloudwatch_backends[self._account].values()):
            for alarm in list(backend.alarms.values()):
                # The alarm may have been deleted or replaced in the meantime.
                if not isinstance(alarm, CompositeAlarm) and backend.alarms.get(alarm.name) is alarm:
                    self._evaluate(alarm)

    def _evaluate(self, alarm: Alarm) -> None:
        with self._lock:
            data_when_set = self._set_by_call.get(alarm)
            if data_when_set is not None:
                if newest_data(self._account, alarm) <= data_when_set:
                    return
                del self._set_by_call[alarm]
            verdict = evaluate(self._account, alarm)
            if verdict is not None and verdict.state != alarm.state_value:
                self._change(alarm, verdict.state, verdict.reason, verdict.reason_data)

    def _start(self, alarm: Alarm, earlier: Alarm | None) -> None:
        """A new alarm has insufficient data; an updated one keeps its state."""
        if earlier is None:
            alarm.state_value = "INSUFFICIENT_DATA"
            summary = f'Alarm "{alarm.name}" created'
        else:
            for attribute in ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp"):
                setattr(alarm, attribute, getattr(earlier, attribute))
            if (data_when_set := self._set_by_call.pop(earlier, None)) is not None:
                self._set_by_call[alarm] = data_when_set
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
        self._actions.submit(self._run_actions, alarm, actions, previous)
        for parent in self._parents(alarm):
            self._evaluate_composite(parent)

    def _run_actions(self, alarm: Alarm, actions: list[str], previous: dict) -> None:
        alarm_actions.put_event(self._account, alarm, previous)
        for arn in actions:
            succeeded = alarm_actions.run_action(self._sandbox, self._account, alarm, arn, previous)
            outcome = "Successfully executed" if succeeded else "Failed to execute"
            self._record(
                alarm, "Action", f"{outcome} action {arn}", {"actionState": "Succeeded" if succeeded else "Failed"}
            )

    def _evaluate_composite(self, alarm: CompositeAlarm) -> None:
        alarms = cloudwatch_backends[self._account][alarm.region_name].alarms

        def state_of(name: str) -> str:
            return alarms[name].state_value if name in alarms else "INSUFFICIENT_DATA"

        state = "ALARM" if alarm.parsed.is_true(state_of) else "OK"
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

    def _relatives(self, params: dict, found: list[Alarm], backend) -> list[Alarm]:
        if parent := params.get("ChildrenOfAlarmName"):
            composite = backend.alarms.get(parent)
            children = composite.parsed.children if isinstance(composite, CompositeAlarm) else ()
            return [alarm for name, alarm in backend.alarms.items() if name in children]
        if child := params.get("ParentsOfAlarmName"):
            return self._parents(backend.alarms[child]) if child in backend.alarms else []
        return found

    def _record(self, alarm: Alarm, kind: str, summary: str, data: dict) -> None:
        self._history.add(self._account, alarm.region_name, alarm, kind, summary, data)


def _type(alarm: Alarm) -> str:
    return "CompositeAlarm" if isinstance(alarm, CompositeAlarm) else "MetricAlarm"


def _matches(alarm: Alarm, params: dict) -> bool:
    actions = [*alarm.alarm_actions, *alarm.ok_actions, *alarm.insufficient_data_actions]
    return (
        (not params.get("AlarmNames") or alarm.name in params["AlarmNames"])
        and alarm.name.startswith(params.get("AlarmNamePrefix") or "")
        and (not params.get("StateValue") or alarm.state_value == params["StateValue"])
        and (not params.get("ActionPrefix") or any(a.startswith(params["ActionPrefix"]) for a in actions))
    )
