"""Copies of a running sandbox: `POST /_sandbox/fork`."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from live import ACCOUNT, REGION, Cloud, eventually, forward

ANSWERS = "export const handler = async () => ({ statusCode: 200, body: String(process.pid) });"


def vpcs(sandbox) -> set[str]:
    return {vpc["VpcId"] for vpc in sandbox.client("ec2").describe_vpcs()["Vpcs"]}


def make_vpc(sandbox) -> str:
    return sandbox.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class TestState:
    def test_copy_has_all_state_and_shares_none(self, cloud, tmp_path):
        before = make_vpc(cloud)
        copy = cloud.fork(tmp_path)
        in_copy, in_original = make_vpc(copy), make_vpc(cloud)
        assert vpcs(copy) - vpcs(cloud) == {in_copy}
        assert vpcs(cloud) - vpcs(copy) == {in_original}
        copy.client("ec2").delete_vpc(VpcId=before)
        assert before in vpcs(cloud) and before not in vpcs(copy)

    def test_copy_can_be_copied(self, cloud, tmp_path):
        first = cloud.fork(tmp_path / "first")
        created = make_vpc(first)
        second = first.fork(tmp_path / "second")
        assert created in vpcs(second)
        first.control("POST", "reset")
        assert created in vpcs(second) and created not in vpcs(first)

    def test_reset_of_the_copy_keeps_the_original(self, cloud, tmp_path):
        created = make_vpc(cloud)
        name = cloud.function(ANSWERS)
        cloud.invoke(name)
        copy = cloud.fork(tmp_path)
        copy.invoke(name)
        copy.control("POST", "reset")
        assert created in vpcs(cloud) and cloud.invoke(name)[0]["statusCode"] == 200

    def test_objects_are_copied(self, cloud, tmp_path):
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket="copied")
        s3.put_object(Bucket="copied", Key="k", Body=b"before")
        copy = cloud.fork(tmp_path)
        copy.client("s3").put_object(Bucket="copied", Key="k", Body=b"after")
        assert s3.get_object(Bucket="copied", Key="k")["Body"].read() == b"before"
        assert copy.client("s3").get_object(Bucket="copied", Key="k")["Body"].read() == b"after"

    def test_status_and_calls_are_of_the_copy(self, cloud, tmp_path):
        make_vpc(cloud)
        copy = cloud.fork(tmp_path, time_scale=7)
        status = copy.control("GET", "status")
        assert status["ready"] and status["calls"] == 0 and status["time_scale"] == 7
        assert (status["port"], status["front_door_port"]) == (copy.port, copy.front_door)
        assert (status["pid"], status["data_dir"]) == (copy.pid, str(tmp_path))
        make_vpc(copy)
        assert [call["operation"] for call in copy.control("GET", "calls")] == ["CreateVpc"]
        assert cloud.control("GET", "status")["time_scale"] == 0

    def test_copy_has_its_own_clock(self, cloud, tmp_path):
        original = cloud.fork(tmp_path / "original", time_scale=1)
        ec2 = original.client("ec2")
        subnet = ec2.create_subnet(VpcId=make_vpc(original), CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)
        copy = original.fork(tmp_path / "copy")

        def state(sandbox) -> str:
            (gateway,) = sandbox.client("ec2").describe_nat_gateways()["NatGateways"]
            return gateway["State"]

        assert (state(original), state(copy)) == ("pending", "pending")
        copy.control("POST", "advance", {"seconds": 600})
        assert (state(original), state(copy)) == ("pending", "available")


class TestThreads:
    """Background work of the original also runs in the copy."""

    def test_functions_run_in_processes_of_the_copy(self, cloud, tmp_path):
        name = cloud.function("export const handler = async () => process.pid;")
        pid, _ = cloud.invoke(name)
        copy = cloud.fork(tmp_path)
        in_copy, _ = copy.invoke(name)
        assert in_copy != pid
        assert cloud.invoke(name)[0] == pid, "the original keeps its process"
        assert list((tmp_path / "functions").iterdir())

    def test_front_door_of_the_copy_reaches_its_functions(self, cloud, tmp_path):
        name = cloud.function(ANSWERS)
        cloud.permit(name, "elasticloadbalancing.amazonaws.com")
        arn, host = cloud.balancer()
        cloud.client("elbv2").create_listener(
            LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=forward((cloud.group(name), 1))
        )
        original = cloud.request(host).text
        copy = cloud.fork(tmp_path)
        assert copy.request(host).status == 200 and copy.request(host).text != original
        copy.client("elbv2").delete_load_balancer(LoadBalancerArn=arn)
        assert (copy.request(host).status, cloud.request(host).status) == (404, 200)

    def test_mappings_deliver_in_the_copy(self, cloud, tmp_path):
        name, arn = cloud.recorder()
        sqs = cloud.client("sqs")
        url = sqs.create_queue(QueueName="mapped")["QueueUrl"]
        source = f"arn:aws:sqs:{REGION}:{ACCOUNT}:mapped"
        cloud.client("lambda").create_event_source_mapping(FunctionName=name, EventSourceArn=source, BatchSize=1)
        sqs.send_message(QueueUrl=url, MessageBody="before")
        eventually(lambda: cloud.events(name))
        copy = cloud.fork(tmp_path)
        copy.client("sqs").send_message(QueueUrl=url, MessageBody="after")
        eventually(lambda: len(copy.events(name)) == 2)
        assert len(cloud.events(name)) == 1

    def test_alarms_and_schedules_work_in_the_copy(self, cloud, tmp_path):
        name, arn = cloud.recorder("events.amazonaws.com")
        copy = cloud.fork(tmp_path, time_scale=1)
        events = copy.client("events")
        events.put_rule(Name="often", ScheduleExpression="rate(1 minute)")
        events.put_targets(Rule="often", Targets=[{"Id": "1", "Arn": arn}])
        cloudwatch = copy.client("cloudwatch")
        datum = {"MetricName": "m", "Value": 5}
        cloudwatch.put_metric_alarm(
            AlarmName="a",
            Namespace="n",
            MetricName="m",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
        cloudwatch.put_metric_data(Namespace="n", MetricData=[datum])
        time.sleep(1)  # the schedule has to begin
        copy.control("POST", "advance", {"seconds": 61})
        eventually(lambda: copy.events(name))
        eventually(lambda: cloudwatch.describe_alarms(AlarmNames=["a"])["MetricAlarms"][0]["StateValue"] == "ALARM")

    def test_asynchronous_invocations_run_in_the_copy(self, cloud, tmp_path):
        name, _ = cloud.recorder()
        cloud.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
        eventually(lambda: cloud.events(name))
        copy = cloud.fork(tmp_path)
        copy.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
        eventually(lambda: len(copy.events(name)) == 2)

    def test_queue_urls_stay_and_functions_reach_the_copy(self, cloud, tmp_path):
        url = cloud.client("sqs").create_queue(QueueName="q")["QueueUrl"]
        ask = "const answer = await fetch(new URL('/_sandbox/status', event.url)); return (await answer.json()).port;"
        name = cloud.function(f"export const handler = async (event) => {{ {ask} }};")
        copy = cloud.fork(tmp_path)
        assert copy.client("sqs").get_queue_url(QueueName="q")["QueueUrl"] == url
        assert copy.client("sqs").create_queue(QueueName="other")["QueueUrl"] == url.removesuffix("q") + "other"
        assert cloud.invoke(name, {"url": url})[0] == cloud.port
        assert copy.invoke(name, {"url": url})[0] == copy.port


class TestMoment:
    """A process is forked while no work is in progress."""

    def test_fork_waits_for_work_in_progress(self, cloud, tmp_path):
        slow = "await new Promise((resolve) => setTimeout(resolve, 1000)); console.log('done'); return event;"
        name = cloud.function(f"export const handler = async (event) => {{ {slow} }};")
        cloud.invoke(name)
        with ThreadPoolExecutor() as threads:
            invocation = threads.submit(cloud.invoke, name, {"a": 1})
            eventually(lambda: any("START" in line for line in cloud.log(name)))
            time.sleep(0.3)
            copy = cloud.fork(tmp_path)
            assert invocation.result()[0] == {"a": 1}
        assert sum("done" in line for line in copy.log(name)) == 2
        assert copy.invoke(name, {"a": 2})[0] == {"a": 2}

    def test_copies_forked_under_load_work(self, cloud, tmp_path):
        stop = threading.Event()
        name = cloud.function("export const handler = async (event) => event;")

        def use() -> int:
            calls = 0
            while not stop.is_set():
                cloud.client("ec2").describe_vpcs()
                cloud.client("lambda").invoke(FunctionName=name, Payload=b"{}")
                calls += 1
            return calls

        cloud.client("ec2"), cloud.client("lambda")
        with ThreadPoolExecutor() as threads:
            users = [threads.submit(use) for _ in range(4)]
            copies = [cloud.fork(tmp_path / str(number)) for number in range(6)]
            stop.set()
            assert all(user.result() for user in users)
        for number, copy in enumerate(copies):
            assert copy.invoke(name, {"number": number})[0] == {"number": number}
            assert make_vpc(copy) in vpcs(copy)
            os.kill(copy.pid, signal.SIGTERM)

    def test_fork_fails_without_its_folder(self, cloud, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(AssertionError, match="file"):
            cloud.fork(tmp_path / "file" / "folder")
        assert cloud.control("GET", "status")["ready"]


class TestEnd:
    def test_copy_ends_on_sigterm_with_its_functions(self, cloud, tmp_path):
        name = cloud.function("export const handler = async () => process.pid;")
        copy = cloud.fork(tmp_path)
        node, _ = copy.invoke(name)
        os.kill(copy.pid, signal.SIGTERM)
        eventually(lambda: not runs(copy.pid) and not runs(node))
        assert cloud.invoke(name)[0], "the original still works"

    @pytest.mark.parametrize("end", ["stop", "kill"])
    def test_copy_ends_with_its_parent(self, tmp_path, end):
        cloud = Cloud(tmp_path / "original")
        name = cloud.function("export const handler = async () => process.pid;")
        copies = [cloud.fork(tmp_path / "one"), cloud.fork(tmp_path / "two")]
        copies.append(copies[0].fork(tmp_path / "three"))
        nodes = [copy.invoke(name)[0] for copy in copies]
        getattr(cloud, end)()
        eventually(lambda: not any(runs(pid) for pid in [*nodes, *(copy.pid for copy in copies)]))

    def test_copy_has_no_connection_of_its_parent(self, cloud, tmp_path):
        name = cloud.function("export const handler = async () => process.pid;")
        cloud.invoke(name)
        copy = cloud.fork(tmp_path)
        folder = Path(f"/proc/{copy.pid}/fd")
        if not folder.exists():
            pytest.skip("needs /proc")
        kinds = [os.readlink(entry) for entry in folder.iterdir()]
        ours = {os.readlink(entry) for entry in Path(f"/proc/{cloud.pid}/fd").iterdir()}
        shared = [kind for kind in kinds if kind in ours and kind.startswith(("socket:", "pipe:"))]
        assert len(shared) == 1, "it shares the pipe by which it sees its parent end"

    def test_copy_has_its_own_log(self, cloud, tmp_path):
        _, arn = cloud.recorder()  # which no rule may invoke
        copy = cloud.fork(tmp_path)
        events = copy.client("events")
        events.put_rule(Name="r", EventPattern='{"source": ["s"]}')
        events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])
        events.put_events(Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}"}])
        eventually(lambda: "rule/r can't invoke" in (tmp_path / "sandbox.log").read_text())
