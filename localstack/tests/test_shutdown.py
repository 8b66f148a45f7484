"""Reset and shutdown leave no processes and files behind."""

from __future__ import annotations

import http.client
import os
import sys
from pathlib import Path

from live import ACCOUNT, REGION, Cloud, alarm_state, eventually


def test_reset_leaves_nothing_behind(tmp_path):
    cloud = Cloud(tmp_path)
    try:
        for _ in range(2):
            name, arn = cloud.recorder("events.amazonaws.com")
            cloud.client("sqs").create_queue(QueueName="q")
            cloud.client("lambda").create_event_source_mapping(
                FunctionName=name, EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
            )
            queue = cloud.client("sqs").get_queue_url(QueueName="q")["QueueUrl"]
            cloud.client("sqs").send_message(QueueUrl=queue, MessageBody="x")
            assert len(eventually(lambda name=name: cloud.events(name))) == 1
            cloud.client("cloudwatch").put_composite_alarm(AlarmName="c", AlarmRule="TRUE")
            assert alarm_state(cloud, "c") == "ALARM"
            connection = http.client.HTTPConnection("127.0.0.1", cloud.port)
            connection.request("POST", "/_sandbox/reset")
            assert connection.getresponse().status == 200
            assert cloud.client("cloudwatch").describe_alarm_history(AlarmName="c")["AlarmHistoryItems"] == []
            assert not (tmp_path / "functions").exists()
            cloud.client("iam").create_role(RoleName="functions", AssumeRolePolicyDocument="{}")
    finally:
        cloud.stop()


def test_functions_end_with_the_sandbox(tmp_path):
    cloud = Cloud(tmp_path)
    try:
        pid = cloud.invoke(cloud.function("export const handler = async () => process.pid;"))[0]
        assert Path(f"/proc/{pid}").exists() or sys.platform != "linux"
    finally:
        cloud.stop()
    eventually(lambda: not _running(pid))


def _running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
