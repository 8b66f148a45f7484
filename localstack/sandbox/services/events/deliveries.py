"""Delivers events to the targets of the rules that match them, in the background as AWS does."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from copy import copy

from moto.core.exceptions import ServiceException
from moto.events.models import Rule, events_backends

from ...background import Background
from ...functions import destinations
from ...functions.policies import may_invoke
from . import schedules

log = logging.getLogger(__name__)

PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.-]+)>")
DELIVERED = ("lambda", "sns", "sqs")


def install(sandbox) -> None:
    deliveries = Background(8, "event delivery")

    def deliver(rule, event: dict) -> None:
        for target in rule.targets:
            if _is_delivered_here(target):
                deliveries.submit(_deliver, sandbox, rule, target, event)

    schedules.install(sandbox, deliver)
    # After the schedules: drops also what these have just submitted.
    sandbox.on_reset(deliveries.clear)
    send_by_moto = Rule.send_to_targets

    def send_to_targets(self, original_event, transform_input=True) -> None:
        # A scheduled rule has no pattern; for moto, that matches every event.
        if self.state != "ENABLED" or (self.scheduled_expression and not self.event_pattern.get_pattern()):
            return
        if not self.event_pattern.matches_event(original_event):
            return
        event = {**original_event, "time": _timestamp(original_event.get("time"))}
        event.pop("ingestion-time", None)
        deliver(self, event)
        others = [target for target in self.targets if not _is_delivered_here(target)]
        if others:
            rest = copy(self)
            rest.targets = others
            try:
                send_by_moto(rest, original_event, transform_input)
            except NotImplementedError:
                log.warning("rule %s has targets of a kind that the sandbox doesn't support", self.name)

    Rule.send_to_targets = send_to_targets


def _is_delivered_here(target: dict) -> bool:
    return target["Arn"].split(":")[2] in DELIVERED


def emit(account: str, region: str, source: str, detail_type: str, resources: list[str], detail: dict) -> None:
    """Puts an event of an AWS service on the default bus."""
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": time.time(),
        "region": region,
        "resources": resources,
        "detail": detail,
    }
    for rule in list(events_backends[account][region].event_buses["default"].rules.values()):
        rule.send_to_targets(event)


def _deliver(sandbox, rule, target: dict, event: dict) -> None:
    arn = target["Arn"]
    message = target_input(target, event)
    try:
        if arn.split(":")[2] == "lambda":
            function = sandbox.invoker.find(arn)
            if not may_invoke(function, "events.amazonaws.com", rule.arn):
                log.warning("rule %s may not invoke %s: its policy doesn't allow it", rule.name, arn)
                return
            sandbox.invoker.invoke_later(function, message, arn)
        else:
            group = (target.get("SqsParameters") or {}).get("MessageGroupId")
            destinations.send(arn, message, group=group)
    except (ServiceException, destinations.NoDestination) as error:
        log.warning("rule %s, target %s: %s", rule.name, arn, error)
        if dead_letters := (target.get("DeadLetterConfig") or {}).get("Arn"):
            destinations.send(dead_letters, message)


def target_input(target: dict, event: dict) -> str:
    """The input of a target as JSON text: a constant, a part of the event, a filled template, or the whole event."""
    if target.get("Input") is not None:
        return target["Input"]
    if target.get("InputPath"):
        return json.dumps(_at(event, target["InputPath"]))
    transformer = target.get("InputTransformer")
    if not transformer:
        return json.dumps(event)
    values = {name: _at(event, path) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    return _fill(transformer["InputTemplate"], values, event)


def _fill(template: str, values: dict, event: dict) -> str:
    reserved = {"aws.events.event.json": event, "aws.events.event": event}

    def value(match: re.Match) -> str:
        name = match[1]
        found = values.get(name, reserved.get(name))
        # Within quotes a placeholder is replaced by the text, elsewhere by a JSON value.
        quoted = template[: match.start()].count('"') % 2 == 1
        if isinstance(found, str):
            return json.dumps(found)[1:-1] if quoted else json.dumps(found)
        text = json.dumps(found)
        return text.replace('"', '\\"') if quoted else text

    return PLACEHOLDER.sub(value, template)


def _at(event: dict, path: str):
    """The value at a JSON path such as $.detail.state.value or $.resources[0]."""
    value = event
    for key, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path.removeprefix("$")):
        try:
            value = value[int(index)] if index else value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _timestamp(when) -> str:
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(float(when)))
    except (TypeError, ValueError):
        return str(when)
