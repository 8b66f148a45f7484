"""Rules on a schedule are due when they say, and reach their targets then."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone

import pytest
from live import ACCOUNT, REGION, arn_of, eventually
from sandbox.services.events.schedule_expressions import BadSchedule, parse
from support import refused

MINUTE, HOUR = 60, 3600


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


class TestExpressions:
    @pytest.mark.parametrize(
        "expression, due, not_due",
        [
            ("cron(0 12 * * ? *)", "2026-03-04 12:00", "2026-03-04 12:01"),
            ("cron(0/15 8-17 ? * MON-FRI *)", "2026-03-04 17:45", "2026-03-07 17:45"),
            ("cron(5,35 * ? * * *)", "2026-03-04 00:35", "2026-03-04 00:36"),
            ("cron(0 0 1 JAN,JUL ? *)", "2026-07-01 00:00", "2026-08-01 00:00"),
            ("cron(0 0 L * ? *)", "2026-02-28 00:00", "2026-03-28 00:00"),
            ("cron(0 0 1W * ? *)", "2026-08-03 00:00", "2026-08-01 00:00"),
            ("cron(0 0 31W * ? *)", "2026-05-29 00:00", "2026-05-31 00:00"),
            ("cron(0 0 ? * 6#3 *)", "2026-03-20 00:00", "2026-03-27 00:00"),
            ("cron(0 0 ? * 6L *)", "2026-03-27 00:00", "2026-03-20 00:00"),
            ("cron(0 0 ? * 1 2027)", "2027-01-03 00:00", "2026-01-04 00:00"),
        ],
    )
    def test_cron_is_due_at_the_minutes_it_names(self, expression, due, not_due):
        for moment, expected in ((at(due), True), (at(not_due), False)):
            assert parse(expression).is_due(0, moment - 1, moment) is expected

    def test_cron_is_due_however_long_nobody_looked(self):
        noon = parse("cron(0 12 ? * SUN *)")
        assert noon.is_due(0, at("2026-03-02 00:00"), at("2026-03-08 12:00"))
        assert not noon.is_due(0, at("2026-03-01 12:00"), at("2026-03-08 11:59"))

    def test_a_rate_counts_from_when_it_begins(self):
        five = parse("rate(5 minutes)")
        begun = at("2026-03-04 00:02")
        assert not five.is_due(begun, begun, begun + 5 * MINUTE - 1)
        assert five.is_due(begun, begun + 5 * MINUTE - 1, begun + 5 * MINUTE)
        assert not five.is_due(begun, begun + 5 * MINUTE, begun + 9 * MINUTE)

    @pytest.mark.parametrize(
        "expression",
        [
            "rate(1 minutes)",
            "rate(5 minute)",
            "rate(0 minutes)",
            "rate(5 seconds)",
            "cron(0 12 * * ?)",
            "cron(0 12 * * * *)",
            "cron(0 12 ? * ? *)",
            "cron(60 12 * * ? *)",
            "cron(0 12 * FOO ? *)",
            "cron(0/0 12 * * ? *)",
            "every day",
        ],
    )
    def test_what_aws_refuses_is_no_schedule(self, expression):
        with pytest.raises(BadSchedule):
            parse(expression)


class TestSchedules:
    @pytest.fixture
    def schedule(self, cloud):
        """Makes a rule on a schedule; it is gone after the test."""
        events, made = cloud.client("events"), []

        def make(expression: str, *targets: dict, **settings) -> str:
            name = f"rule-{len(made)}"
            arn = events.put_rule(Name=name, ScheduleExpression=expression, **settings)["RuleArn"]
            events.put_targets(Rule=name, Targets=[{"Id": str(n), **target} for n, target in enumerate(targets)])
            made.append((name, [str(n) for n in range(len(targets))]))
            # What it counts from is when it is first seen.
            time.sleep(1)
            return arn

        yield make
        for name, targets in made:
            events.remove_targets(Rule=name, Ids=targets)
            events.delete_rule(Name=name)

    @pytest.fixture
    def leap(self, cloud):
        return lambda seconds: cloud.control("POST", "advance", {"seconds": seconds})

    def test_they_reach_functions_and_queues_when_they_are_due(self, cloud, schedule, leap):
        name, arn = cloud.recorder("events.amazonaws.com")
        sqs = cloud.client("sqs")
        queue = sqs.create_queue(QueueName="ticks")["QueueUrl"]
        constant = {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:ticks", "Input": json.dumps({"task": "sweep"})}
        rule = schedule("rate(5 minutes)", {"Arn": arn}, constant)
        leap(4 * MINUTE)
        time.sleep(1)
        assert cloud.events(name) == []
        leap(MINUTE)
        event = eventually(lambda: cloud.events(name))[0]
        assert (event["source"], event["detail-type"], event["resources"]) == ("aws.events", "Scheduled Event", [rule])
        assert event["detail"] == {} and event["time"].endswith("Z")
        message = eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))[0]
        assert json.loads(message["Body"]) == {"task": "sweep"}
        # What was due often meanwhile comes once.
        leap(HOUR)
        eventually(lambda: len(cloud.events(name)) == 2)
        time.sleep(1)
        assert len(cloud.events(name)) == 2

    def test_they_go_faster_by_the_time_scale(self, cloud, schedule):
        name, arn = cloud.recorder("events.amazonaws.com")
        cloud.control("PUT", "time-scale", {"scale": 60})
        try:
            schedule("cron(* * * * ? *)", {"Arn": arn})
            eventually(lambda: len(cloud.events(name)) >= 3)
        finally:
            cloud.control("PUT", "time-scale", {"scale": 0})

    def test_a_function_that_fails_goes_the_way_of_asynchronous_calls(self, cloud, schedule, leap):
        sqs = cloud.client("sqs")
        dead = sqs.create_queue(QueueName="dead-ticks")["QueueUrl"]
        letters = {"TargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead-ticks"}
        name = cloud.function("export const handler = async () => { throw new Error('no'); };", DeadLetterConfig=letters)
        cloud.permit(name, "events.amazonaws.com")
        schedule("rate(1 minute)", {"Arn": arn_of(name), "Input": json.dumps({"task": "sweep"})})
        leap(MINUTE)
        message = eventually(lambda: sqs.receive_message(QueueUrl=dead).get("Messages"))[0]
        assert json.loads(message["Body"]) == {"task": "sweep"}

    def test_one_that_is_off_or_gone_isnt_due(self, cloud, schedule, leap):
        name, arn = cloud.recorder("events.amazonaws.com")
        schedule("rate(1 minute)", {"Arn": arn}, State="DISABLED")
        leap(HOUR)
        time.sleep(1)
        assert cloud.events(name) == []

    def test_one_that_is_made_again_after_a_reset_begins_anew(self, aws, sandbox):
        def make():
            queue = aws("sqs").create_queue(QueueName="ticks")["QueueUrl"]
            aws("events").put_rule(Name="tick", ScheduleExpression="rate(1 minute)")
            target = {"Id": "q", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:ticks"}
            aws("events").put_targets(Rule="tick", Targets=[target])
            time.sleep(1)
            return queue

        make()
        sandbox.control("POST", "advance", {"seconds": 50})
        sandbox.control("POST", "reset")
        queue = make()
        sandbox.control("POST", "advance", {"seconds": 20})
        time.sleep(1)
        assert "Messages" not in aws("sqs").receive_message(QueueUrl=queue)
        sandbox.control("POST", "advance", {"seconds": 50})
        assert eventually(lambda: aws("sqs").receive_message(QueueUrl=queue).get("Messages"))

    def test_what_is_no_schedule_is_refused(self, aws):
        with refused("ValidationException"):
            aws("events").put_rule(Name="r", ScheduleExpression="rate(1 minutes)")
