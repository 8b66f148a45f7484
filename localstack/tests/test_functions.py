"""Functions run: their event, environment, errors, logs, limits."""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import uuid

import pytest
from live import ACCOUNT, REGION, arn_of, certificates, eventually, free_port, read_metric


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
