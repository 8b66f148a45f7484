"""A sandbox for tests of functions, deliveries, alarms and traffic, and helpers for them."""

from __future__ import annotations

import http.client
import io
import json
import socket
import subprocess
import sys
import time
import uuid
import zipfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import boto3
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


class Sandbox:
    """A sandbox, by its ports, and helpers that create resources in it."""

    def __init__(self, port: int, front_door: int, pid: int):
        self.port, self.front_door, self.pid = port, front_door, pid
        self._clients: dict[str, object] = {}
        self.role = f"arn:aws:iam::{ACCOUNT}:role/functions"

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
        """Creates a function with this code. Returns its name."""
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
        """Creates a function that logs its events and that AWS services may invoke. Returns its name and ARN."""
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
        """The events that a recorder received."""
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
        """Creates a load balancer. Returns its ARN and DNS name."""
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
        created = elb.create_load_balancer(Name=name, Subnets=subnets, Type="application")["LoadBalancers"][0]
        return created["LoadBalancerArn"], created["DNSName"]

    def group(self, function_name: str, **settings) -> str:
        """Creates a target group with this function as its target."""
        elb = self.client("elbv2")
        created = elb.create_target_group(Name=f"tg-{uuid.uuid4().hex[:8]}", TargetType="lambda", **settings)
        arn = created["TargetGroups"][0]["TargetGroupArn"]
        elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": arn_of(function_name)}])
        return arn

    def control(self, method: str, what: str, body: dict | None = None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, f"/_sandbox/{what}", body=None if body is None else json.dumps(body))
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        assert response.status == 200, answer
        return answer

    def fork(self, data_dir: Path, **settings) -> Sandbox:
        """A copy, which ends with this one."""
        copy = self.control("POST", "fork", {"data_dir": str(data_dir), **settings})
        return Sandbox(copy["port"], copy["front_door_port"], copy["pid"])


class Cloud(Sandbox):
    """A sandbox with a process of its own."""

    def __init__(self, data_dir: Path):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--port", "0", "--front-door-port", "0", "--data-dir", str(data_dir)],
            cwd=HERE.parent,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        words = dict(word.split("=") for word in self._process.stdout.readline().split()[1:])
        super().__init__(int(words["port"]), int(words["front_door"]), self._process.pid)
        self.client("iam").create_role(RoleName="functions", AssumeRolePolicyDocument="{}")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


def recording(answer: str) -> str:
    """The code of a function that logs its event and answers with this expression."""
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
    """A certificate authority, a certificate for `host` signed by it, and its key; all in PEM."""
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
    """Waits for a true value of `check` and returns it."""
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
