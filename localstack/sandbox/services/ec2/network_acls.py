"""Network ACLs: entries keep their ICMP type and code, missing entries and associations are refused, and a VPC is deleted with
its default ACL."""

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
    ec2.amend("DeleteVpc", delete_default_acl)


def keep_icmp(request: AwsRequest, _result: dict[str, Any]) -> None:
    """moto reads the ICMP type and code under another name."""
    icmp = request.params.get("IcmpTypeCode") or {}
    for entry in entries(request):
        entry.icmp_type, entry.icmp_code = icmp.get("Type"), icmp.get("Code")


def delete_default_acl(request: AwsRequest, _result: dict[str, Any]) -> None:
    acls = backend("ec2", request.region).network_acls
    for acl_id in [acl.id for acl in acls.values() if acl.vpc_id == request.params["VpcId"]]:
        del acls[acl_id]


def entry_exists(request: AwsRequest) -> None:
    params = request.params
    known = params["NetworkAclId"] in backend("ec2", request.region).network_acls
    if known and not entries(request):
        raise AwsError("InvalidNetworkAclEntry.NotFound", f"There is no entry {params['RuleNumber']} of this direction")


def association_exists(request: AwsRequest) -> None:
    association_id = request.params["AssociationId"]
    acls = backend("ec2", request.region).network_acls.values()
    if not any(association.id == association_id for acl in acls for association in acl.associations):
        raise AwsError("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")


def entries(request: AwsRequest) -> list[Any]:
    """The entry that the request names, or none."""
    params = request.params
    key = (params["Egress"], params["RuleNumber"])
    acl = backend("ec2", request.region).network_acls[params["NetworkAclId"]]
    return [entry for entry in acl.network_acl_entries if (entry.egress, entry.rule_number) == key]
