"""Changes and reads of the traffic tests, through boto3: `traffic.py FUNCTION ARGUMENTS` prints its result as JSON."""

import json
import sys

# What moves all weights, stops processors and listens to topics is called through this file as well.
from payments import _listeners, aws, eventually, heard, listen, pause, returned, shift, sound, weights  # noqa: F401


# Weights, changed by hand


def _forward(edge, change):
    """Changes what the edge's listener forwards to: `change` gets the configuration of its forward action."""
    (listener,) = [listener for balancer, listener in _listeners() if balancer == edge]
    (action,) = listener["DefaultActions"]
    change(action["ForwardConfig"])
    action.pop("TargetGroupArn", None)
    aws("elbv2").modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=[action])


def shift_edge(edge, blue, green):
    """Sets the weights of one edge and leaves the others."""

    def change(forward):
        for group in forward["TargetGroups"]:
            group["Weight"] = int(green if "/to-green-" in group["TargetGroupArn"] else blue)

    _forward(edge, change)


def stick(edge):
    """Binds the edge's clients to the environment that serves them first."""
    _forward(edge, lambda forward: forward.update(TargetGroupStickinessConfig={"Enabled": True, "DurationSeconds": 3600}))


def sticky():
    """The edges that bind their clients."""
    forwards = {balancer: listener["DefaultActions"][0]["ForwardConfig"] for balancer, listener in _listeners()}
    return [edge for edge, forward in forwards.items() if forward.get("TargetGroupStickinessConfig", {}).get("Enabled")]


# Functions that get ill


def spoil(function):
    """Each payment fails from now on; the function goes on saying that it is well."""
    now = aws("lambda").get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    _configure(function, Environment={"Variables": now | {"QUEUE_URL": now["QUEUE_URL"] + "-gone"}})


def kill(function):
    """Its code can't be loaded any more."""
    now = aws("lambda").get_function_configuration(FunctionName=function)["Handler"]
    _configure(function, Handler=f"gone/{now}")


def revive(function):
    """Takes `kill` back."""
    now = aws("lambda").get_function_configuration(FunctionName=function)["Handler"]
    _configure(function, Handler=now.removeprefix("gone/"))


def _configure(function, **to):
    aws("lambda").update_function_configuration(FunctionName=function, **to)


def await_health(function, state):
    """Waits until all load balancers take the function for `healthy`, or for `unhealthy`."""
    arn = aws("lambda").get_function_configuration(FunctionName=function)["FunctionArn"]
    groups = [group["TargetGroupArn"] for group in aws("elbv2").describe_target_groups()["TargetGroups"]]
    groups = [group for group in groups if any(target["Target"]["Id"].startswith(arn) for target in _targets(group))]
    assert groups, f"{function} is nobody's target"
    states = lambda: {target["TargetHealth"]["State"] for group in groups for target in _targets(group)}
    eventually(lambda: states() == {state})


def _targets(group):
    return aws("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]


# Alarms


def set_alarm(name, state):
    """Sets any alarm; it stays so until there are newer data."""
    aws("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason="so say the tests")


def alarms_of(composite):
    """The names of the alarms that a composite alarm is made of."""
    named = {"AlarmNames": [composite], "AlarmTypes": ["CompositeAlarm"]}
    (alarm,) = aws("cloudwatch").describe_alarms(**named)["CompositeAlarms"]
    return alarm["AlarmRule"].split('"')[1::2]


def silence(composite):
    """Takes its actions from a composite alarm: it goes on to tell its state."""
    named = {"AlarmNames": [composite], "AlarmTypes": ["CompositeAlarm"]}
    (alarm,) = aws("cloudwatch").describe_alarms(**named)["CompositeAlarms"]
    kept = {key: alarm[key] for key in ("AlarmName", "AlarmRule", "AlarmActions")}
    aws("cloudwatch").put_composite_alarm(**kept, ActionsEnabled=False)


if __name__ == "__main__":
    _, name, *arguments = sys.argv
    print(json.dumps(globals()[name](*arguments)))
