"""Helpers of the tests: partial comparison, expected errors, networks and tags."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "a",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "*",
            "Resource": "*",
        }
    ],
}
TAGS = [{"Key": "Suffix", "Value": "t1"}, {"Key": "Step", "Value": "a/b"}]


def differences(actual: Any, expected: Any, path: str = "") -> list[str]:
    """What of `expected` is missing in `actual`. Dictionaries may have more keys, lists another order."""
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            return [f"{path}: {actual!r} isn't a dictionary"]
        return [d for k, v in expected.items() for d in differences(actual.get(k), v, f"{path}.{k}")]
    if isinstance(expected, list):
        if not isinstance(actual, list) or len(actual) != len(expected):
            return [f"{path}: {actual!r} instead of {expected!r}"]
        left = list(actual)
        for item in expected:
            found = next((one for one in left if not differences(one, item)), None)
            if found is None:
                return [f"{path}: {item!r} isn't in {actual!r}"]
            left.remove(found)
        return []
    return [] if actual == expected else [f"{path}: {actual!r} instead of {expected!r}"]


def assert_contains(actual: Any, expected: Any) -> None:
    found = differences(actual, expected)
    assert not found, "\n".join(found)


def tagged(kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": TAGS}]


@contextmanager
def refused(code: str):
    with pytest.raises(ClientError) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code, caught.value
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers.get("x-amzn-requestid") and headers.get("x-amz-request-id")


def a_subnet(ec2: Any, vpc: str | None = None, cidr: str = "10.0.1.0/24", az: str = "us-east-1a") -> str:
    return ec2.create_subnet(VpcId=vpc or a_vpc(ec2), CidrBlock=cidr, AvailabilityZone=az)["Subnet"]["SubnetId"]


def a_vpc(ec2: Any, cidr: str = "10.0.0.0/16") -> str:
    return ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]


def two_subnets(ec2: Any) -> tuple[str, str, str]:
    vpc = a_vpc(ec2)
    return vpc, a_subnet(ec2, vpc), a_subnet(ec2, vpc, "10.0.2.0/24", "us-east-1b")
