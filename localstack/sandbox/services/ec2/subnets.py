"""Subnets of a size that AWS refuses: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from ...server.errors import AwsError
from ...server.request import AwsRequest

if TYPE_CHECKING:
    from ...app import Sandbox

LARGEST, SMALLEST = 16, 28


def install(sandbox: Sandbox) -> None:
    sandbox.service("ec2").validate("CreateSubnet", refuse_other_sizes)


def refuse_other_sizes(request: AwsRequest) -> None:
    block = request.params.get("CidrBlock", "")
    if block and not LARGEST <= ipaddress.ip_network(block, strict=False).prefixlen <= SMALLEST:
        raise AwsError("InvalidSubnet.Range", f"The CIDR '{block}' is invalid.")
