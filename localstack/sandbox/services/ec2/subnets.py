"""Subnet sizes that AWS allows: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from ...server.errors import AwsError
from ...server.request import AwsRequest

if TYPE_CHECKING:
    from ...app import Sandbox

MIN_PREFIX, MAX_PREFIX = 16, 28


def install(sandbox: Sandbox) -> None:
    sandbox.service("ec2").validate("CreateSubnet", check_size)


def check_size(request: AwsRequest) -> None:
    block = request.params.get("CidrBlock", "")
    if block and not MIN_PREFIX <= ipaddress.ip_network(block, strict=False).prefixlen <= MAX_PREFIX:
        raise AwsError("InvalidSubnet.Range", f"The CIDR '{block}' is invalid.")
