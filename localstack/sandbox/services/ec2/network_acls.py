"""Entries of network ACLs keep their ICMP type and code, which moto looks for under another name. What isn't there is said
not to be there, where moto falls over it. A VPC takes its default ACL along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox


def install(sandbox: Sandbox) -> None:
    ec2 = sandbox.service("ec2")
    ec2.exists("DeleteNetworkAclEntry", entry_exists)
    ec2.exists("ReplaceNetworkAclAssociation", association_exists)
    ec2.amend(("CreateNetworkAclEntry", "ReplaceNetworkAclEntry"), keep_icmp)
    ec2.amend("DeleteVpc", drop_default_acl)


def keep_icmp(request: AwsRequest, _result: dict[str, Any]) -> None:
    asked = request.params
    icmp = asked.get("IcmpTypeCode") or {}
    for entry in entries(request):
        entry.icmp_type, entry.icmp_code = icmp.get("Type"), icmp.get("Code")


def drop_default_acl(request: AwsRequest, _result: dict[str, Any]) -> None:
    acls = backend("ec2", request.region).network_acls
    for one in [acl.id for acl in acls.values() if acl.vpc_id == request.params["VpcId"]]:
        del acls[one]


def entry_exists(request: AwsRequest) -> None:
    asked = request.params
    known = asked["NetworkAclId"] in backend("ec2", request.region).network_acls
    if known and not entries(request):
        raise AwsError("InvalidNetworkAclEntry.NotFound", f"There is no entry {asked['RuleNumber']} of this direction")


def association_exists(request: AwsRequest) -> None:
    wanted = request.params["AssociationId"]
    acls = backend("ec2", request.region).network_acls.values()
    if not any(association.id == wanted for acl in acls for association in acl.associations):
        raise AwsError("InvalidAssociationID.NotFound", f"The association ID '{wanted}' does not exist")


def entries(request: AwsRequest) -> list[Any]:
    """The one that the request is about, or none."""
    asked = request.params
    place = (asked["Egress"], asked["RuleNumber"])
    acl = backend("ec2", request.region).network_acls[asked["NetworkAclId"]]
    return [entry for entry in acl.network_acl_entries if (entry.egress, entry.rule_number) == place]
