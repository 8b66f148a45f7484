"""Availability zones say whether they need opting in, as clients that pick zones ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.request import AwsRequest

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    sandbox.service("ec2").amend("DescribeAvailabilityZones", say_opt_in)


def say_opt_in(_request: AwsRequest, result: dict[str, Any]) -> None:
    for zone in result.get("AvailabilityZones", []):
        zone.setdefault("OptInStatus", "opt-in-not-required")
        zone.setdefault("GroupName", zone["RegionName"])
        zone.setdefault("NetworkBorderGroup", zone["RegionName"])
