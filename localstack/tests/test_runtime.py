"""What makes the sandbox live: functions, their sources, alarms and the front door, end to end."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
import zipfile
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = Path(__file__).parent
REGION = "us-east-1"
ACCOUNT = "123456789012"


class Cloud:
    """A sandbox process and what the tests make in it."""

    def __init__(self, data_dir: Path):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--port", "0", "--front-door-port", "0", "--data-dir", str(data_dir)],
            cwd=HERE.parent,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        words = dict(word.split("=") for word in self._process.stdout.readline().split()[1:])
        self.port, self.front_door = int(words["port"]), int(words["front_door"])
        self._clients: dict[str, object] = {}
        self.role = self.client("iam").create_role(RoleName="functions", AssumeRolePolicyDocument="{}")["Role"]["Arn"]

    def client(self, service: str):
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                region_name=REGION,
                endpoint_url=f"http://127.0.0.1:{self.port}",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"max_attempts": 0}, read_timeout=60),
            )
        return self._clients[service]

    def function(self, code: str, *, runtime="nodejs22.x", file="index.mjs", **settings) -> str:
        """A function with that code; gives its name."""
        name = f"f-{uuid.uuid4().hex[:8]}"
        self.client("lambda").create_function(
            FunctionName=name,
            Runtime=runtime,
            Role=self.role,
            Handler="index.handler",
            Code={"ZipFile": package({file: code})},
            **{"Timeout": 10, **settings},
        )
        return name

    def recorder(self, *principals: str, answer: str = "null") -> tuple[str, str]:
        """A function that logs every event it gets and may be invoked by AWS services; its name and ARN."""
        name = self.function(recording(answer))
        for principal in principals:
            self.permit(name, principal)
        return name, arn_of(name)

    def permit(self, name: str, principal: str) -> None:
        self.client("lambda").add_permission(
            FunctionName=name, StatementId=principal.split(".")[0], Action="lambda:InvokeFunction", Principal=principal
        )

    def invoke(self, name: str, event=None, **options):
        answer = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event or {}), **options)
        return json.loads(answer["Payload"].read() or b"null"), answer

    def log(self, name: str) -> list[str]:
        logs = self.client("logs")
        try:
            return [e["message"] for e in logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return []

    def events(self, name: str) -> list[dict]:
        """What a recorder got."""
        return [json.loads(line.split("GOT ", 1)[1]) for line in self.log(name) if "GOT " in line]

    def request(self, host: str, path: str = "/", method: str = "GET", body: str | None = None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.front_door, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body, headers={"Host": host, **named})
        response = connection.getresponse()
        response.text = response.read().decode()
        connection.close()
        return response

    def balancer(self) -> tuple[str, str]:
        """A load balancer; gives its ARN and its name in DNS."""
        ec2, elb = self.client("ec2"), self.client("elbv2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"][
                "SubnetId"
            ]
            for i, zone in enumerate("ab")
        ]
        name = f"lb-{uuid.uuid4().hex[:8]}"
        made = elb.create_load_balancer(Name=name, Subnets=subnets, Type="application")["LoadBalancers"][0]
        return made["LoadBalancerArn"], made["DNSName"]

    def group(self, function_name: str, **settings) -> str:
        """A target group with that function as its target."""
        elb = self.client("elbv2")
        made = elb.create_target_group(Name=f"tg-{uuid.uuid4().hex[:8]}", TargetType="lambda", **settings)
        arn = made["TargetGroups"][0]["TargetGroupArn"]
        elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": arn_of(function_name)}])
        return arn

    def control(self, method: str, what: str, body: dict) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, f"/_sandbox/{what}", body=json.dumps(body))
        assert connection.getresponse().status == 200
        connection.close()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def recording(answer: str) -> str:
    """The code of a function that logs its event and answers with that expression."""
    return (
        "export const handler = async (event) => "
        f"{{ console.log('GOT ' + JSON.stringify(event)); return ({answer}); }};"
    )


def package(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def certificates(host: str) -> tuple[str, str, str]:
    """An authority, and a certificate it signed for `host` with its key; all in PEM."""
    now = datetime.now(timezone.utc)

    def make(name: str, issuer: str, public, signer, extension) -> x509.Certificate:
        built = x509.CertificateBuilder(
            issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
            subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
            public_key=public,
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(days=1),
            not_valid_after=now + timedelta(days=1),
        )
        return built.add_extension(extension, critical=False).sign(signer, hashes.SHA256())

    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = make("Test CA", "Test CA", root.public_key(), root, x509.BasicConstraints(ca=True, path_length=None))
    names = x509.SubjectAlternativeName([x509.DNSName(host)])
    certificate = make(host, "Test CA", leaf.public_key(), root, names)
    pem = serialization.Encoding.PEM
    key = leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return authority.public_bytes(pem).decode(), certificate.public_bytes(pem).decode(), key.decode()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def arn_of(function_name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function_name}"


def eventually(check, seconds: float = 15.0):
    """The first true value of `check`, waiting for it."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value or time.monotonic() > deadline:
            assert value, "it never became true"
            return value
        time.sleep(0.1)


def forward(*weights: tuple[str, int], **config) -> list[dict]:
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups, **config}}]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    made = Cloud(tmp_path_factory.mktemp("sandbox"))
    yield made
    made.stop()


class TestFunctions:
    def test_runs_the_package_with_event_context_and_environment(self, cloud):
        name = cloud.function(
            """export const handler = async (event, context) => {
                console.log('hello', event.who);
                process.stdout.write('raw line\\n');
                return { who: event.who, name: context.functionName, id: context.awsRequestId,
                         left: context.getRemainingTimeInMillis(), arn: context.invokedFunctionArn, env: process.env };
            };""",
            Environment={"Variables": {"COLOUR": "green"}},
        )
        payload, answer = cloud.invoke(name, {"who": "you"}, LogType="Tail")
        assert (payload["who"], payload["name"], payload["arn"]) == ("you", name, arn_of(name))
        assert 9_000 < payload["left"] <= 10_000
        assert payload["env"]["COLOUR"] == "green"
        assert payload["env"]["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{cloud.port}"
        assert payload["env"]["AWS_ACCESS_KEY_ID"] == "test"
        tail = base64.b64decode(answer["LogResult"]).decode()
        assert f"START RequestId: {payload['id']} Version: $LATEST" in tail
        assert "hello you" in tail and "raw line" in tail and "REPORT RequestId" in tail
        assert any("hello you" in line for line in cloud.log(name))

    def test_stays_warm_until_its_configuration_changes(self, cloud):
        name = cloud.function(
            "let n = 0; export const handler = async () => ({ n: ++n, pid: process.pid, a: process.env.A });",
            Environment={"Variables": {"A": "1"}},
        )
        first, second = cloud.invoke(name)[0], cloud.invoke(name)[0]
        assert (first["n"], second["n"], first["pid"]) == (1, 2, second["pid"])
        cloud.client("lambda").update_function_configuration(FunctionName=name, Environment={"Variables": {"A": "2"}})
        third = cloud.invoke(name)[0]
        assert (third["n"], third["a"]) == (1, "2") and third["pid"] != first["pid"]

    def test_commonjs_and_callbacks(self, cloud):
        code = "exports.handler = (event, context, callback) => setTimeout(() => callback(null, { ok: event.n }), 5);"
        name = cloud.function(code, file="index.js", runtime="nodejs20.x")
        assert cloud.invoke(name, {"n": 7})[0] == {"ok": 7}
        refused, answer = cloud.invoke(cloud.function(code, file="index.js", runtime="nodejs24.x"))
        assert answer["FunctionError"] == "Unhandled"
        assert refused["errorType"] == "Runtime.CallbackHandlerDeprecated"

    @pytest.mark.parametrize(
        ("code", "kind", "text"),
        [
            ("export const handler = async () => { throw new TypeError('bad') };", "TypeError", "bad"),
            ("export const handler = async () => process.exit(3);", "Runtime.ExitError", "exit status 3"),
            ("export const other = 1;", "Runtime.HandlerNotFound", "index.handler is undefined"),
            ("import 'nowhere'; export const handler = async () => 1;", "Runtime.ImportModuleError", "nowhere"),
            ("export const handler = ;", "Runtime.UserCodeSyntaxError", "SyntaxError"),
            (
                "export const handler = () => new Promise(() => setTimeout(() => { throw new RangeError('late'); }));",
                "RangeError",
                "late",
            ),
        ],
    )
    def test_reports_errors_as_lambda_does(self, cloud, code, kind, text):
        payload, answer = cloud.invoke(cloud.function(code))
        assert answer["FunctionError"] == "Unhandled"
        assert payload["errorType"] == kind and text in payload["errorMessage"]

    def test_times_out_and_runs_again(self, cloud):
        name = cloud.function(
            "export const handler = async (e) => (e.hang ? new Promise(() => setInterval(() => {}, 1e3)) : 1);",
            Timeout=1,
        )
        payload, answer = cloud.invoke(name, {"hang": True})
        assert answer["FunctionError"] == "Unhandled"
        assert payload["errorType"] == "Sandbox.Timedout" and "timed out after 1.00 seconds" in payload["errorMessage"]
        assert cloud.invoke(name)[0] == 1

    @pytest.mark.skipif(shutil.which("npm") is None, reason="the SDK comes by npm")
    def test_resolves_the_sdk_that_lambda_brings(self, cloud):
        name = cloud.function(
            """import { SQSClient, CreateQueueCommand } from '@aws-sdk/client-sqs';
            const create = new CreateQueueCommand({ QueueName: 'by-sdk' });
            export const handler = async () => (await new SQSClient().send(create)).QueueUrl;"""
        )
        payload, _ = cloud.invoke(name)
        if "npm ci" in str(payload):
            pytest.skip(f"no SDK: {payload}")
        assert payload == cloud.client("sqs").get_queue_url(QueueName="by-sdk")["QueueUrl"]

    def test_logs_where_and_how_it_is_told_and_publishes_embedded_metrics(self, cloud):
        group = f"/own/{uuid.uuid4().hex}"
        name = cloud.function(
            """export const handler = async () => {
                console.warn({ a: 1 });
                const Metrics = [{ Name: 'PaymentsFailed' }];
                const directive = { Namespace: 'Payments', Dimensions: [['Environment']], Metrics };
                const _aws = { Timestamp: Date.now(), CloudWatchMetrics: [directive] };
                process.stdout.write(JSON.stringify({ Environment: 'blue', PaymentsFailed: 2, _aws }) + '\\n');
            };""",
            LoggingConfig={"LogFormat": "JSON", "LogGroup": group},
        )
        cloud.invoke(name)
        lines = [json.loads(e["message"]) for e in cloud.client("logs").filter_log_events(logGroupName=group)["events"]]
        assert [line.get("type") for line in lines] == ["platform.start", None, None, "platform.report"]
        assert (lines[1]["level"], lines[1]["message"]) == ("WARN", {"a": 1})
        assert read_metric(cloud, "Payments", "PaymentsFailed", {"Environment": "blue"}, "Sum") == 2

    def test_dry_run_event_and_reserved_concurrency(self, cloud):
        name, _ = cloud.recorder()
        lambda_ = cloud.client("lambda")
        assert lambda_.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
        assert lambda_.invoke(FunctionName=name, InvocationType="Event", Payload='{"a":1}')["StatusCode"] == 202
        assert eventually(lambda: cloud.events(name)) == [{"a": 1}]
        lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        with pytest.raises(lambda_.exceptions.TooManyRequestsException):
            cloud.invoke(name)

    def test_failed_event_is_retried_and_ends_at_its_destination(self, cloud):
        name = cloud.function("export const handler = async () => { console.log('TRY'); throw new Error('no'); };")
        sqs = cloud.client("sqs")
        queue = sqs.create_queue(QueueName=f"failed-{name}")["QueueUrl"]
        cloud.client("lambda").put_function_event_invoke_config(
            FunctionName=name,
            MaximumRetryAttempts=1,
            DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:failed-{name}"}},
        )
        cloud.invoke(name, {"a": 1}, InvocationType="Event")
        message = eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))[0]
        assert json.loads(message["Body"])["requestPayload"] == {"a": 1}
        assert sum("TRY" in line for line in cloud.log(name)) == 2

    def test_reaches_stand_ins_under_their_names(self, cloud):
        """Host names in the control's table lead to loopback, certificate checks and all, unknown to the function."""
        authority, certificate, key = certificates("db.example.com")
        port = free_port()
        name = cloud.function(
            """import net from 'node:net'; import tls from 'node:tls'; import dns from 'node:dns/promises';
            const text = async (stream) => { let all = ''; for await (const part of stream) all += part; return all; };
            const connected = (socket) => new Promise((resolve, reject) => socket.on('error', reject).once(
                socket.encrypted ? 'secureConnect' : 'connect', () => resolve(socket)));
            export const handler = async ({ key, cert, port }) => {
                const server = tls.createServer({ key, cert }, (socket) => socket.end('for ' + socket.servername));
                await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
                const servername = 'db.example.com';
                const direct = await connected(tls.connect({ host: 'DB.example.com', port: 3306, servername }));
                // As database drivers do it: plain at first, TLS over the same socket after that.
                const plain = await connected(net.connect(3306, 'db.example.com'));
                const upgraded = await connected(tls.connect({ socket: plain }));
                const other = await connected(tls.connect({ host: '127.0.0.1', port })).catch((e) => e.code);
                const result = { direct: await text(direct), upgraded: await text(upgraded), other,
                                 address: (await dns.lookup('db.example.com')).address };
                server.close();
                return result;
            };"""
        )
        hosts = {"DB.example.com": {"host": "127.0.0.1", "port": port, "ca": authority}}
        connection = http.client.HTTPConnection("127.0.0.1", cloud.port)
        connection.request("PUT", "/_sandbox/hosts", body=json.dumps(hosts))
        assert connection.getresponse().status == 200
        assert cloud.invoke(name, {"key": key, "cert": certificate, "port": port})[0] == {
            "direct": "for db.example.com",
            "upgraded": "for false",
            "other": "ERR_TLS_CERT_ALTNAME_INVALID",
            "address": "127.0.0.1",
        }


class TestSources:
    def test_partial_failures_come_back_until_the_dead_letter_queue_has_them(self, cloud):
        sqs, lambda_ = cloud.client("sqs"), cloud.client("lambda")
        dead = sqs.create_queue(QueueName="esm-dead")["QueueUrl"]
        redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:esm-dead", "maxReceiveCount": 3}
        queue = sqs.create_queue(QueueName="esm", Attributes={"RedrivePolicy": json.dumps(redrive)})["QueueUrl"]
        name = cloud.function(
            """export const handler = async (event) => {
                console.log('GOT ' + JSON.stringify(event));
                const bad = event.Records.filter((record) => record.body === 'bad');
                return { batchItemFailures: bad.map((record) => ({ itemIdentifier: record.messageId })) };
            };"""
        )
        lambda_.create_event_source_mapping(
            FunctionName=name,
            EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:esm",
            BatchSize=10,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
        attributes = {"kind": {"DataType": "String", "StringValue": "card"}}
        sqs.send_message(QueueUrl=queue, MessageBody="good", MessageAttributes=attributes)
        bad = sqs.send_message(QueueUrl=queue, MessageBody="bad")["MessageId"]
        found = eventually(lambda: sqs.receive_message(QueueUrl=dead).get("Messages"))
        assert [message["MessageId"] for message in found] == [bad]
        records = [record for event in cloud.events(name) for record in event["Records"]]
        assert Counter(record["body"] for record in records) == {"good": 1, "bad": 3}
        counts = [r["attributes"]["ApproximateReceiveCount"] for r in records if r["body"] == "bad"]
        assert counts == ["1", "2", "3"]
        good = next(record for record in records if record["body"] == "good")
        assert good["messageAttributes"]["kind"]["stringValue"] == "card"
        assert good["eventSourceARN"].endswith(":esm") and good["awsRegion"] == REGION
        counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        assert counts["ApproximateNumberOfMessages"] == counts["ApproximateNumberOfMessagesNotVisible"] == "0"

    @pytest.mark.parametrize(
        "result", ["{ batchItemFailures: [{ wrong: 1 }] }", "'text'", "{ batchItemFailures: [{ itemIdentifier: '' }] }"]
    )
    def test_malformed_batch_response_fails_the_whole_batch(self, cloud, result):
        sqs = cloud.client("sqs")
        suffix = uuid.uuid4().hex[:6]
        dead = sqs.create_queue(QueueName=f"dead-{suffix}")["QueueUrl"]
        redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead-{suffix}", "maxReceiveCount": 1}
        queue = sqs.create_queue(QueueName=f"q-{suffix}", Attributes={"RedrivePolicy": json.dumps(redrive)})["QueueUrl"]
        name, _ = cloud.recorder(answer=result)
        cloud.client("lambda").create_event_source_mapping(
            FunctionName=name,
            EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:q-{suffix}",
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
        sqs.send_message(QueueUrl=queue, MessageBody="x")
        assert eventually(lambda: sqs.receive_message(QueueUrl=dead).get("Messages"))

    def test_event_rules_reach_functions_queues_and_topics(self, cloud):
        events, sqs = cloud.client("events"), cloud.client("sqs")
        name, arn = cloud.recorder("events.amazonaws.com")
        queue = sqs.create_queue(QueueName="rule-queue")["QueueUrl"]
        events.put_rule(
            Name="orders", EventPattern=json.dumps({"source": ["shop"], "detail": {"total": [{"numeric": [">", 5]}]}})
        )
        transformer = {
            "InputPathsMap": {"id": "$.detail.id", "n": "$.detail.total"},
            "InputTemplate": '{"order": <id>, "text": "no. <id>: <n>"}',
        }
        events.put_targets(
            Rule="orders",
            Targets=[
                {"Id": "f", "Arn": arn},
                {"Id": "q", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:rule-queue", "InputTransformer": transformer},
            ],
        )
        entry = {"Source": "shop", "DetailType": "Order", "Detail": json.dumps({"id": "o1", "total": 9})}
        other = {**entry, "Detail": json.dumps({"id": "o2", "total": 1})}
        assert events.put_events(Entries=[entry, other])["FailedEntryCount"] == 0
        got = eventually(lambda: cloud.events(name))
        assert [event["detail"]["id"] for event in got] == ["o1"]
        assert got[0]["detail-type"] == "Order" and got[0]["time"].endswith("Z")
        message = eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))[0]
        assert json.loads(message["Body"]) == {"order": "o1", "text": "no. o1: 9"}

    def test_a_rule_that_may_not_invoke_or_is_disabled_does_nothing(self, cloud):
        events = cloud.client("events")
        forbidden, forbidden_arn = cloud.recorder()
        allowed, allowed_arn = cloud.recorder("events.amazonaws.com")
        events.put_rule(Name="forbidden", EventPattern=json.dumps({"source": ["quiet"]}))
        events.put_targets(Rule="forbidden", Targets=[{"Id": "f", "Arn": forbidden_arn}])
        events.put_rule(Name="disabled", EventPattern=json.dumps({"source": ["quiet"]}), State="DISABLED")
        events.put_targets(Rule="disabled", Targets=[{"Id": "f", "Arn": allowed_arn}])
        events.put_events(Entries=[{"Source": "quiet", "DetailType": "x", "Detail": "{}"}])
        time.sleep(1)
        assert cloud.events(forbidden) == cloud.events(allowed) == []

    def test_topics_reach_functions_and_queues(self, cloud):
        sns, sqs = cloud.client("sns"), cloud.client("sqs")
        topic = sns.create_topic(Name="news")["TopicArn"]
        name, arn = cloud.recorder("sns.amazonaws.com")
        queue = sqs.create_queue(QueueName="news-queue")["QueueUrl"]
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
        sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:news-queue",
            Attributes={"RawMessageDelivery": "false"},
        )
        sent = sns.publish(TopicArn=topic, Subject="S", Message="M")["MessageId"]
        record = eventually(lambda: cloud.events(name))[0]["Records"][0]
        assert record["EventSource"] == "aws:sns"
        assert (record["Sns"]["Message"], record["Sns"]["Subject"], record["Sns"]["MessageId"]) == ("M", "S", sent)
        body = json.loads(eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))[0]["Body"])
        assert (body["Message"], body["TopicArn"]) == ("M", topic)


ROTATION = """
import http from 'node:http';
const SCOPE = 'test/20240101/us-east-1/secretsmanager/aws4_request';
const call = (operation, input) => new Promise((resolve, reject) => {
    const url = new URL(process.env.AWS_ENDPOINT_URL);
    const request = http.request({ host: url.hostname, port: url.port, method: 'POST', headers: {
        'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'secretsmanager.' + operation,
        authorization: `AWS4-HMAC-SHA256 Credential=${SCOPE}, SignedHeaders=host, Signature=x`,
    } }, async (response) => {
        let text = ''; for await (const part of response) text += part;
        response.statusCode < 300 ? resolve(JSON.parse(text)) : reject(new Error(text));
    });
    request.end(JSON.stringify(input));
});
export const handler = async ({ Step, SecretId, ClientRequestToken: token }) => {
    const staged = { SecretId, VersionId: token, VersionStage: 'AWSPENDING' };
    const { SecretString: Pending } = await call('GetSecretValue', staged).catch(() => ({}));
    console.log('GOT ' + JSON.stringify({ Step, SecretId, Pending }));
    const { VersionIdsToStages: stages } = await call('DescribeSecret', { SecretId });
    if (!stages[token]?.includes('AWSPENDING')) throw new Error('not pending: ' + JSON.stringify(stages));
    if (Step === 'createSecret') {
        const missing = await call('GetSecretValue', staged).catch((error) => error.message ?? '');
        if (!`${missing}`.includes('ResourceNotFound')) throw new Error('a value already');
        const made = { SecretString: 'new', VersionStages: ['AWSPENDING'] };
        await call('PutSecretValue', { SecretId, ClientRequestToken: token, ...made });
    }
    if (Step === 'testSecret' && process.env.FAIL) throw new Error('test failed');
    if (Step === 'finishSecret') {
        const current = Object.keys(stages).find((id) => stages[id].includes('AWSCURRENT'));
        await call('UpdateSecretVersionStage',
            { SecretId, VersionStage: 'AWSCURRENT', MoveToVersionId: token, RemoveFromVersionId: current });
    }
};
"""


class TestRotation:
    @pytest.fixture
    def rotator(self, cloud):
        name = cloud.function(ROTATION)
        cloud.permit(name, "secretsmanager.amazonaws.com")
        return name

    def test_the_function_takes_the_four_steps(self, cloud, rotator):
        secrets = cloud.client("secretsmanager")
        made = secrets.create_secret(Name="rotated", SecretString="old")
        rules = {"AutomaticallyAfterDays": 30}
        token = secrets.rotate_secret(SecretId="rotated", RotationLambdaARN=arn_of(rotator), RotationRules=rules)[
            "VersionId"
        ]
        eventually(lambda: secrets.get_secret_value(SecretId="rotated")["SecretString"] == "new")
        eventually(lambda: len(cloud.events(rotator)) == 4)
        steps = cloud.events(rotator)
        assert [step["Step"] for step in steps] == ["createSecret", "setSecret", "testSecret", "finishSecret"]
        assert {step["SecretId"] for step in steps} == {made["ARN"]}
        described = secrets.describe_secret(SecretId="rotated")
        assert "AWSCURRENT" in described["VersionIdsToStages"][token]
        assert described["VersionIdsToStages"][made["VersionId"]] == ["AWSPREVIOUS"]
        assert described["RotationEnabled"] and described["RotationRules"] == rules
        previous = secrets.get_secret_value(SecretId="rotated", VersionStage="AWSPREVIOUS")
        assert previous["SecretString"] == "old"
        # And once more, which the two labels on one version must not keep from working.
        secrets.rotate_secret(SecretId="rotated")
        eventually(lambda: len(cloud.events(rotator)) == 8)

    def test_a_failed_step_leaves_the_new_version_pending(self, cloud, rotator):
        secrets, lambda_ = cloud.client("secretsmanager"), cloud.client("lambda")
        lambda_.update_function_configuration(FunctionName=rotator, Environment={"Variables": {"FAIL": "1"}})
        secrets.create_secret(Name="stuck", SecretString="old")
        token = secrets.rotate_secret(SecretId="stuck", RotationLambdaARN=arn_of(rotator))["VersionId"]
        eventually(lambda: len(cloud.events(rotator)) == 3)
        assert secrets.describe_secret(SecretId="stuck")["VersionIdsToStages"][token] == ["AWSPENDING"]
        assert secrets.get_secret_value(SecretId="stuck")["SecretString"] == "old"
        with pytest.raises(secrets.exceptions.InvalidRequestException, match="previous rotation"):
            secrets.rotate_secret(SecretId="stuck")

    def test_not_at_once_only_tries_the_function_out(self, cloud, rotator):
        secrets = cloud.client("secretsmanager")
        made = secrets.create_secret(Name="later", SecretString="old")
        later = {"SecretId": "later", "RotationLambdaARN": arn_of(rotator), "RotateImmediately": False}
        # Where durations don't count nothing is tried out, and no Node.js started.
        secrets.rotate_secret(**later)
        assert list(secrets.describe_secret(SecretId="later")["VersionIdsToStages"]) == [made["VersionId"]]
        cloud.control("PUT", "time-scale", {"scale": 1000})
        try:
            secrets.rotate_secret(**later)
            eventually(lambda: [event["Step"] for event in cloud.events(rotator)] == ["testSecret"])
        finally:
            cloud.control("PUT", "time-scale", {"scale": 0})
        # The function saw the value that is current.
        assert [event["Pending"] for event in cloud.events(rotator)] == ["old"]
        eventually(lambda: list(secrets.describe_secret(SecretId="later")["VersionIdsToStages"]) == [made["VersionId"]])

    def test_needs_a_permission(self, cloud):
        secrets = cloud.client("secretsmanager")
        secrets.create_secret(Name="unpermitted", SecretString="old")
        _, arn = cloud.recorder()
        with pytest.raises(secrets.exceptions.ClientError, match="AccessDenied"):
            secrets.rotate_secret(SecretId="unpermitted", RotationLambdaARN=arn)


class TestFrontDoor:
    @pytest.fixture
    def colours(self, cloud):
        """A load balancer whose two target groups say their colour; /health is pinned to blue."""
        functions = {}
        for colour in ("blue", "green"):
            functions[colour] = cloud.function(
                f"export const handler = async () => ({{ statusCode: 200, body: '{colour}' }});"
            )
            cloud.permit(functions[colour], "elasticloadbalancing.amazonaws.com")
        arn, host = cloud.balancer()
        blue, green = (cloud.group(functions[colour]) for colour in ("blue", "green"))
        elb = cloud.client("elbv2")
        certificate = cloud.client("acm").request_certificate(DomainName="example.com")["CertificateArn"]
        listener = elb.create_listener(
            LoadBalancerArn=arn,
            Protocol="HTTPS",
            Port=443,
            Certificates=[{"CertificateArn": certificate}],
            DefaultActions=forward((blue, 80), (green, 20)),
        )["Listeners"][0]["ListenerArn"]
        elb.create_rule(
            ListenerArn=listener,
            Priority=1,
            Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/health"]}}],
            Actions=forward((blue, 1)),
        )
        redirect = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
        elb.create_listener(
            LoadBalancerArn=arn,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "redirect", "RedirectConfig": redirect}],
        )
        return {"arn": arn, "host": host, "listener": listener, "blue": blue, "green": green}

    def test_weights_are_shares_and_live(self, cloud, colours):
        shares = Counter(cloud.request(colours["host"]).text for _ in range(500))
        assert sum(shares.values()) == 500 and 60 <= shares["green"] <= 145
        cloud.client("elbv2").modify_listener(
            ListenerArn=colours["listener"], DefaultActions=forward((colours["blue"], 0), (colours["green"], 100))
        )
        assert {cloud.request(colours["host"]).text for _ in range(100)} == {"green"}
        answer = cloud.request(colours["host"])
        assert answer.getheader("X-Sandbox-Target-Group") == colours["green"]

    def test_rules_come_before_the_default(self, cloud, colours):
        assert {cloud.request(colours["host"], "/health").text for _ in range(20)} == {"blue"}

    def test_redirect_and_unknown(self, cloud, colours):
        answer = cloud.request(colours["host"], "/a?b=c", X_Sandbox_Listener="80")
        assert (answer.status, answer.getheader("Location")) == (301, f"https://{colours['host']}/a?b=c")
        unknown = cloud.request("nobody.example.com")
        assert unknown.status == 404 and colours["host"] in unknown.text
        assert cloud.request(colours["host"], X_Sandbox_Listener="8443").status == 503

    def test_target_group_stickiness(self, cloud, colours):
        elb = cloud.client("elbv2")
        sticky = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60}}
        weights = forward((colours["blue"], 1), (colours["green"], 1), **sticky)
        elb.modify_listener(ListenerArn=colours["listener"], DefaultActions=weights)
        first = cloud.request(colours["host"])
        cookie = first.getheader("Set-Cookie").split(";")[0]
        assert {cloud.request(colours["host"], Cookie=cookie).text for _ in range(30)} == {first.text}

    def test_names_in_route53_lead_by_weight_and_health(self, cloud, colours):
        route53, elb = cloud.client("route53"), cloud.client("elbv2")
        elb.modify_listener(ListenerArn=colours["listener"], DefaultActions=forward((colours["blue"], 1)))
        _, empty_host = cloud.balancer()
        zone = route53.create_hosted_zone(Name="pay.example.com", CallerReference="1")["HostedZone"]["Id"]

        def check(fqdn: str) -> str:
            config = {"Type": "HTTPS", "FullyQualifiedDomainName": fqdn, "Port": 443, "ResourcePath": "/health"}
            return route53.create_health_check(CallerReference=fqdn, HealthCheckConfig=config)["HealthCheck"]["Id"]

        checks = {colours["host"]: check(colours["host"]), empty_host: check(empty_host)}
        changes = [
            {
                "Action": "CREATE",
                "ResourceRecordSet": {
                    "Name": "api.pay.example.com",
                    "Type": "A",
                    "SetIdentifier": str(i),
                    "Weight": 100,
                    "HealthCheckId": checks[host],
                    "AliasTarget": {"HostedZoneId": "Z35SXDOTRQ7X7K", "DNSName": host, "EvaluateTargetHealth": False},
                },
            }
            for i, host in enumerate(checks)
        ]
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
        # The other load balancer has no listener, so its check fails and nobody is sent there.
        assert {cloud.request("api.pay.example.com").text for _ in range(20)} == {"blue"}
        for host, word in ((colours["host"], "Success"), (empty_host, "Failure")):
            seen = route53.get_health_check_status(HealthCheckId=checks[host])["HealthCheckObservations"]
            assert all(o["StatusReport"]["Status"].startswith(word) for o in seen)
        status = read_metric(
            cloud, "AWS/Route53", "HealthCheckStatus", {"HealthCheckId": checks[empty_host]}, "Minimum"
        )
        assert status == 0.0

    def test_events_responses_and_target_health(self, cloud):
        elb = cloud.client("elbv2")
        arn, host = cloud.balancer()
        groups = {}
        for kind, answer in {
            "echo": "{ statusCode: 201, headers: { 'x-own': 'yes' }, isBase64Encoded: true, body: btoa('hi') }",
            "malformed": "{ body: 'no status' }",
            "unhealthy": "{ statusCode: 500 }",
        }.items():
            function = cloud.function(recording(answer))
            cloud.permit(function, "elasticloadbalancing.amazonaws.com")
            groups[kind] = (
                function,
                cloud.group(function, HealthCheckEnabled=True, HealthCheckPath="/health", Matcher={"HttpCode": "201"}),
            )
        listener = elb.create_listener(
            LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=forward((groups["echo"][1], 1))
        )["Listeners"][0]["ListenerArn"]
        elb.create_rule(
            ListenerArn=listener,
            Priority=5,
            Conditions=[
                {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-kind", "Values": ["malformed"]}}
            ],
            Actions=forward((groups["malformed"][1], 1)),
        )
        answer = cloud.request(
            host, "/p/a?q=1&q=2&r=a%20b", "POST", '{"n":1}', X_Sandbox_Listener="80", Content_Type="application/json"
        )
        assert (answer.status, answer.text, answer.getheader("x-own")) == (201, "hi", "yes")
        event = cloud.events(groups["echo"][0])[-1]
        assert event["requestContext"] == {"elb": {"targetGroupArn": groups["echo"][1]}}
        assert (event["httpMethod"], event["path"], event["body"]) == ("POST", "/p/a", '{"n":1}')
        assert event["queryStringParameters"] == {"q": "2", "r": "a%20b"} and not event["isBase64Encoded"]
        assert event["headers"]["x-forwarded-proto"] == "http" and event["headers"]["host"] == host
        assert cloud.request(host, X_Sandbox_Listener="80", X_Kind="malformed").status == 502

        def state(kind: str) -> str:
            return elb.describe_target_health(TargetGroupArn=groups[kind][1])["TargetHealthDescriptions"][0][
                "TargetHealth"
            ]["State"]

        assert (state("echo"), state("malformed"), state("unhealthy")) == ("healthy", "unhealthy", "unused")
        elb.deregister_targets(TargetGroupArn=groups["echo"][1], Targets=[{"Id": arn_of(groups["echo"][0])}])
        assert cloud.request(host, X_Sandbox_Listener="80").status == 503


def read_metric(cloud, namespace: str, name: str, dimensions: dict, stat: str) -> float | None:
    now = datetime.now(timezone.utc)
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": named}
    query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": stat}}
    found = cloud.client("cloudwatch").get_metric_data(
        MetricDataQueries=[query], StartTime=now - timedelta(hours=1), EndTime=now + timedelta(minutes=1)
    )
    values = found["MetricDataResults"][0]["Values"]
    return values[0] if values else None


def alarm_state(cloud, name: str) -> str:
    found = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return (found["MetricAlarms"] + found["CompositeAlarms"])[0]["StateValue"]


def call_in_cbor(cloud, operation: str, params: dict) -> dict:
    model = cloud.client("cloudwatch").meta.service_model.operation_model(operation)
    written = create_serializer("smithy-rpc-v2-cbor").serialize_to_request(params, model)
    scope = f"Credential=test/20240101/{REGION}/monitoring/aws4_request"
    headers = {**written["headers"], "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x"}
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port)
    path = f"/service/GraniteServiceVersion20100801/operation/{operation}"
    connection.request("POST", path, body=written["body"], headers=headers)
    response = connection.getresponse()
    answer = {"status_code": response.status, "headers": dict(response.getheaders()), "body": response.read()}
    assert response.status == 200, answer
    return create_parser("smithy-rpc-v2-cbor").parse(answer, model.output_shape)


class TestAlarms:
    def put(self, cloud, name: str, metric: str, **settings) -> None:
        defaults = {
            "Namespace": "Test",
            "MetricName": metric,
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 5,
            "ComparisonOperator": "GreaterThanThreshold",
        }
        cloud.client("cloudwatch").put_metric_alarm(AlarmName=name, **{**defaults, **settings})

    def datum(self, cloud, metric: str, value: float, minutes_ago: int = 0, **extra) -> None:
        when = datetime.now(timezone.utc) - timedelta(minutes=minutes_ago)
        data = [{"MetricName": metric, "Value": value, "Timestamp": when, **extra}]
        cloud.client("cloudwatch").put_metric_data(Namespace="Test", MetricData=data)

    def test_errors_seen_by_the_front_door_set_off_the_failback(self, cloud):
        """From a failing target to an event in a function, as the migration's own failback goes."""
        cloudwatch, events, elb = cloud.client("cloudwatch"), cloud.client("events"), cloud.client("elbv2")
        failing = cloud.function("export const handler = async () => ({ statusCode: 500, body: 'broken' });")
        cloud.permit(failing, "elasticloadbalancing.amazonaws.com")
        arn, host = cloud.balancer()
        group = cloud.group(failing)
        elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=forward((group, 1)))
        dimensions = [
            {"Name": "LoadBalancer", "Value": arn.split("loadbalancer/")[1]},
            {"Name": "TargetGroup", "Value": group.split(":")[-1]},
        ]
        self.put(
            cloud,
            "errors",
            "HTTPCode_Target_5XX_Count",
            Namespace="AWS/ApplicationELB",
            Dimensions=dimensions,
            TreatMissingData="notBreaching",
        )
        cloudwatch.put_composite_alarm(AlarmName="green-unhealthy", AlarmRule='ALARM("errors") OR FALSE')
        eventually(lambda: alarm_state(cloud, "errors") == "OK")
        name, failback = cloud.recorder("events.amazonaws.com")
        pattern = {
            "source": ["aws.cloudwatch"],
            "detail-type": ["CloudWatch Alarm State Change"],
            "resources": [{"suffix": ":alarm:green-unhealthy"}],
            "detail": {"state": {"value": ["ALARM"]}},
        }
        events.put_rule(Name="failback", EventPattern=json.dumps(pattern))
        events.put_targets(Rule="failback", Targets=[{"Id": "f", "Arn": failback}])
        for _ in range(10):
            assert cloud.request(host, X_Sandbox_Listener="80").status == 500
        event = eventually(lambda: cloud.events(name))[0]
        assert event["detail"]["alarmName"] == "green-unhealthy"
        assert event["detail"]["previousState"]["value"] == "OK"
        assert event["detail"]["configuration"]["alarmRule"] == 'ALARM("errors") OR FALSE'
        assert alarm_state(cloud, "errors") == alarm_state(cloud, "green-unhealthy") == "ALARM"
        assert (
            read_metric(
                cloud, "AWS/ApplicationELB", "RequestCount", {dimensions[0]["Name"]: dimensions[0]["Value"]}, "Sum"
            )
            == 10
        )
        items = cloudwatch.describe_alarm_history(AlarmName="green-unhealthy", HistoryItemType="StateUpdate")[
            "AlarmHistoryItems"
        ]
        assert items[0]["HistorySummary"] == "Alarm updated from OK to ALARM"

    def test_composites_are_read_back_and_suppressed(self, cloud):
        cloudwatch, sqs, sns = cloud.client("cloudwatch"), cloud.client("sqs"), cloud.client("sns")
        topic = sns.create_topic(Name="alerts")["TopicArn"]
        queue = sqs.create_queue(QueueName="alerts")["QueueUrl"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:alerts")
        for name in ("a", "b", "maintenance"):
            self.put(cloud, name, f"metric-{name}", AlarmActions=[topic] if name == "a" else [])
        with pytest.raises(cloudwatch.exceptions.ClientError, match="do not exist"):
            cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(nobody)")
        cloudwatch.put_composite_alarm(
            AlarmName="c",
            AlarmRule='ALARM("a") AND NOT ALARM(b)',
            AlarmActions=[topic],
            ActionsSuppressor="maintenance",
            ActionsSuppressorWaitPeriod=10,
            ActionsSuppressorExtensionPeriod=20,
            Tags=[{"Key": "k", "Value": "v"}],
        )
        assert cloudwatch.describe_alarms(AlarmNames=["c"])["CompositeAlarms"] == []
        found = cloudwatch.describe_alarms(AlarmNames=["c"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]
        assert (
            found["ActionsSuppressor"],
            found["ActionsSuppressorWaitPeriod"],
            found["ActionsSuppressorExtensionPeriod"],
        ) == ("maintenance", 10, 20)
        assert cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"] == [{"Key": "k", "Value": "v"}]
        cloudwatch.tag_resource(ResourceARN=found["AlarmArn"], Tags=[{"Key": "l", "Value": "w"}])
        cloudwatch.set_alarm_state(AlarmName="maintenance", StateValue="ALARM", StateReason="now")
        cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="by hand")
        assert alarm_state(cloud, "c") == "ALARM"
        # The one message is a's own; c's was suppressed.
        body = json.loads(
            eventually(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"))[0]["Body"]
        )
        assert json.loads(body["Message"])["AlarmName"] == "a" and body["Subject"].startswith('ALARM: "a"')
        assert sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages") is None
        cloudwatch.set_alarm_state(AlarmName="b", StateValue="ALARM", StateReason="by hand")
        assert alarm_state(cloud, "c") == "OK"
        cloudwatch.delete_alarms(AlarmNames=["c"])
        assert cloudwatch.describe_alarms(AlarmNames=["c"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"] == []

    def test_a_waiting_message_in_a_watched_queue_alarms(self, cloud):
        queue = cloud.client("sqs").create_queue(QueueName="watched")["QueueUrl"]
        self.put(
            cloud,
            "dead-letters",
            "ApproximateNumberOfMessagesVisible",
            Namespace="AWS/SQS",
            Dimensions=[{"Name": "QueueName", "Value": "watched"}],
            Statistic="Maximum",
            Threshold=0,
        )
        eventually(lambda: alarm_state(cloud, "dead-letters") == "OK")
        cloud.client("sqs").send_message(QueueUrl=queue, MessageBody="x")
        eventually(lambda: alarm_state(cloud, "dead-letters") == "ALARM")

    def test_speaks_the_protocol_of_current_sdks(self, cloud):
        """The Rust SDK calls CloudWatch in CBOR."""
        self.put(cloud, "leaf", "cbor-metric")
        call_in_cbor(cloud, "PutCompositeAlarm", {"AlarmName": "tree", "AlarmRule": "NOT ALARM(leaf)"})
        wanted = {"AlarmNames": ["tree"], "AlarmTypes": ["CompositeAlarm"]}
        found = call_in_cbor(cloud, "DescribeAlarms", wanted)["CompositeAlarms"][0]
        assert (found["StateValue"], found["AlarmRule"]) == ("ALARM", "NOT ALARM(leaf)")
        self.datum(cloud, "cbor-metric", 4)
        now = datetime.now(timezone.utc)
        stat = {"Metric": {"Namespace": "Test", "MetricName": "cbor-metric"}, "Period": 60, "Stat": "Sum"}
        queries = [{"Id": "m", "MetricStat": stat, "ReturnData": False}, {"Id": "x", "Expression": "m * 2"}]
        span = {"StartTime": now - timedelta(minutes=5), "EndTime": now + timedelta(minutes=1)}
        results = call_in_cbor(cloud, "GetMetricData", {"MetricDataQueries": queries, **span})["MetricDataResults"]
        assert [(result["Id"], result["Values"]) for result in results] == [("x", [8.0])]
        call_in_cbor(cloud, "SetAlarmState", {"AlarmName": "leaf", "StateValue": "ALARM", "StateReason": "test"})
        assert alarm_state(cloud, "tree") == "OK"

    def test_set_by_hand_holds_until_there_are_data(self, cloud):
        cloudwatch = cloud.client("cloudwatch")
        self.put(cloud, "held", "held-metric", TreatMissingData="notBreaching")
        eventually(lambda: alarm_state(cloud, "held") == "OK")
        cloudwatch.set_alarm_state(AlarmName="held", StateValue="ALARM", StateReason="drill")
        time.sleep(2.5)
        assert alarm_state(cloud, "held") == "ALARM"
        self.datum(cloud, "held-metric", 1)
        eventually(lambda: alarm_state(cloud, "held") == "OK")

    def test_missing_data_and_datapoints_to_alarm(self, cloud):
        self.put(cloud, "unknown", "never", Statistic="Average")
        self.put(cloud, "breach", "never", TreatMissingData="breaching")
        self.put(cloud, "two-of-three", "counts", EvaluationPeriods=3, DatapointsToAlarm=2)
        for minutes_ago, value in ((3, 9), (2, 1), (1, 9)):
            self.datum(cloud, "counts", value, minutes_ago)
        eventually(lambda: alarm_state(cloud, "breach") == "ALARM")
        eventually(lambda: alarm_state(cloud, "two-of-three") == "ALARM")
        assert alarm_state(cloud, "unknown") == "INSUFFICIENT_DATA"

    def test_metric_math_and_percentiles(self, cloud):
        cloudwatch = cloud.client("cloudwatch")
        for value in range(1, 101):
            self.datum(cloud, "latency", float(value))
        self.datum(cloud, "errors", 3)
        self.datum(cloud, "requests", 50)

        def stat(id_: str, metric: str, shown: bool = False) -> dict:
            stat = {"Metric": {"Namespace": "Test", "MetricName": metric}, "Period": 60, "Stat": "Sum"}
            return {"Id": id_, "MetricStat": stat, "ReturnData": shown}

        rate = {"Id": "rate", "Expression": "IF(r > 10, 100 * e / r, 0)", "ReturnData": True}
        queries = [rate, stat("e", "errors"), stat("r", "requests")]
        now = datetime.now(timezone.utc)
        span = {"StartTime": now - timedelta(minutes=5), "EndTime": now + timedelta(minutes=1)}
        results = cloudwatch.get_metric_data(MetricDataQueries=queries, **span)["MetricDataResults"]
        assert [(result["Id"], result["Values"]) for result in results] == [("rate", [6.0])]
        cloudwatch.put_metric_alarm(
            AlarmName="rate",
            Metrics=queries,
            EvaluationPeriods=1,
            Threshold=5,
            ComparisonOperator="GreaterThanThreshold",
        )
        cloudwatch.put_metric_alarm(
            AlarmName="p99",
            Namespace="Test",
            MetricName="latency",
            ExtendedStatistic="p99",
            Period=60,
            EvaluationPeriods=1,
            Threshold=98,
            ComparisonOperator="GreaterThanThreshold",
        )
        eventually(lambda: alarm_state(cloud, "rate") == "ALARM")
        eventually(lambda: alarm_state(cloud, "p99") == "ALARM")
        shown = cloudwatch.describe_alarms(AlarmNames=["rate"])["MetricAlarms"][0]
        assert [query["Id"] for query in shown["Metrics"]] == ["rate", "e", "r"]


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
            cloud.role = cloud.client("iam").create_role(RoleName="functions", AssumeRolePolicyDocument="{}")["Role"][
                "Arn"
            ]
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
