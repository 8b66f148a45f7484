"""Runs scripts in forked processes: importing boto3 and reading its models takes longer than most scripts do.

    python fork_server.py SOCKET

A connection sends {"arguments": [...], "environment": {...}} as JSON, arguments as `python` takes them, and gets
{"status": ..., "stdout": ..., "stderr": ...}. The server ends, with all scripts, when its stdin is closed.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import runpy
import select
import signal
import socketserver
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import boto3
from botocore.loaders import JSONFileLoader

PRELOADED = """
acm application-autoscaling backup cloudwatch config dynamodb ec2 ecr ecs elbv2 events iam kms lambda logs rds
resourcegroupstaggingapi route53 s3 secretsmanager sns sqs ssm sts wafv2
""".split()


def preload() -> None:
    # Each session has a loader with a cache of its own. They all read the same files.
    read = functools.cache(JSONFileLoader().load_file)
    JSONFileLoader.load_file = lambda _, path: read(path)
    names = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    for service in PRELOADED:
        boto3.Session(**names).client(service).meta.service_model.operation_names
    gc.collect()
    gc.freeze()


class Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    max_children = 1000

    def service_actions(self) -> None:
        super().service_actions()
        if select.select([0], [], [], 0)[0] and not os.read(0, 1):
            os.killpg(0, signal.SIGKILL)


class Handler(socketserver.StreamRequestHandler):
    """In a process of its own."""

    def handle(self) -> None:
        text = self.rfile.read()
        if not text:  # only to see whether the server listens
            return
        request = json.loads(text)
        os.environ.update(request["environment"])
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(stdout.fileno(), 1)
            os.dup2(stderr.fileno(), 2)
            status = run(request["arguments"])
            answer: dict[str, Any] = {"status": status}
            for name, file in (("stdout", stdout), ("stderr", stderr)):
                file.seek(0)
                answer[name] = file.read().decode(errors="replace")
        self.wfile.write(json.dumps(answer).encode())


def run(arguments: list[str]) -> int:
    """Runs what `python` would with these arguments; gives its exit status."""
    try:
        if arguments[0] == "-c":
            sys.argv = ["-c", *arguments[2:]]
            exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.argv = arguments
            sys.path.insert(0, str(Path(arguments[0]).parent))
            runpy.run_path(arguments[0], run_name="__main__")
        return 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    preload()
    with Server(sys.argv[1], Handler) as server:
        server.serve_forever()
