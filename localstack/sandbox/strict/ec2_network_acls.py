"""Entries of network ACLs keep their ICMP type and code, which moto looks for under another name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..backends import backend
from ..request import AwsRequest

if TYPE_CHECKING:
    from ..app import Sandbox


def install(sandbox: Sandbox) -> None:
    sandbox.amend("ec2", "CreateNetworkAclEntry", keep_icmp)
    sandbox.amend("ec2", "ReplaceNetworkAclEntry", keep_icmp)


def keep_icmp(request: AwsRequest, _result: dict[str, Any]) -> None:
    asked = request.params
    icmp = asked.get("IcmpTypeCode") or {}
    for entry in backend("ec2", request.region).network_acls[asked["NetworkAclId"]].network_acl_entries:
        if (entry.egress, entry.rule_number) == (asked["Egress"], asked["RuleNumber"]):
            entry.icmp_type, entry.icmp_code = icmp.get("Type"), icmp.get("Code")
