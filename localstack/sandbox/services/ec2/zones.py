"""Opt-in status of availability zones, which clients check before they choose zones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.request import AwsRequest

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    sandbox.service("ec2").amend("DescribeAvailabilityZones", show_opt_in)


def show_opt_in(_request: AwsRequest, result: dict[str, Any]) -> None:
    for zone in result.get("AvailabilityZones", []):
        zone.setdefault("OptInStatus", "opt-in-not-required")
        zone.setdefault("GroupName", zone["RegionName"])
        zone.setdefault("NetworkBorderGroup", zone["RegionName"])
