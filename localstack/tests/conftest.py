"""Fixtures: a sandbox for the whole run, and one per module for functions and traffic."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from live import Cloud

LOCALSTACK = Path(__file__).resolve().parent.parent
# For unit tests of the sandbox's modules.
sys.path.insert(0, str(LOCALSTACK))
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)


class Sandbox:
    def __init__(self, port: int) -> None:
        self.port = port

    def client(self, service: str, region: str = "us-east-1") -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=30),
        )

    def control(self, method: str, what: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/_sandbox/{what}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory):
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--front-door-port", "0"]
    command += ["--data-dir", str(tmp_path_factory.mktemp("data")), "--time-scale", "0"]
    process = subprocess.Popen(command, cwd=LOCALSTACK, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line.startswith("ready port="), line
        yield Sandbox(int(line.split()[1].partition("=")[2]))
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0


@pytest.fixture
def sandbox(running: Sandbox):
    running.control("POST", "reset")
    running.control("PUT", "time-scale", {"scale": 0})
    return running


@pytest.fixture
def aws(sandbox: Sandbox):
    return sandbox.client


@pytest.fixture
def function(aws):
    """Creates a function `fn` without code."""
    role = aws("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    settings = {"FunctionName": "fn", "Runtime": "nodejs22.x", "Handler": "index.handler", "Role": role}
    return lambda **more: aws("lambda").create_function(**settings, Code={"ZipFile": EMPTY_ZIP}, **more)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    cloud = Cloud(tmp_path_factory.mktemp("sandbox"))
    yield cloud
    cloud.stop()
