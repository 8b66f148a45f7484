"""WAF: web ACLs block their deletion while associated, unique names, and associated resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..server.errors import AwsError
from ..server.request import AwsRequest
from ..server.stores import backend

if TYPE_CHECKING:
    from ..app import Sandbox


def install(sandbox: Sandbox) -> None:
    wafv2 = sandbox.service("wafv2")
    wafv2.exists("CreateWebACL", refuse_duplicate)
    wafv2.state("DeleteWebACL", refuse_associated)
    wafv2.answer("ListResourcesForWebACL", list_resources)
    wafv2.answer("AssociateWebACL", disassociate_previous)
    wafv2.amend("DeleteWebACL", delete_logging)


def _acls(request: AwsRequest) -> list[Any]:
    """moto stores regional ACLs in their region, those for CloudFront in a global store."""
    region = "global" if request.params.get("Scope") == "CLOUDFRONT" else request.region
    return list(backend("wafv2", region).wacls.values())


def refuse_duplicate(request: AwsRequest) -> None:
    if any(acl.name == request.params["Name"] for acl in _acls(request)):
        raise AwsError("WAFDuplicateItemException", f"{request.params['Name']} exists already.")


def refuse_associated(request: AwsRequest) -> None:
    for acl in _acls(request):
        if acl.id == request.params["Id"] and acl.associated_resources:
            raise AwsError("WAFAssociatedItemException", f"{acl.name} is still associated with a resource.")


def list_resources(request: AwsRequest) -> dict[str, Any]:
    arn = request.params["WebACLArn"]
    acl = next((one for one in backend("wafv2", request.region).wacls.values() if one.arn == arn), None)
    if acl is None:
        raise AwsError("WAFNonexistentItemException", f"{arn} doesn't exist.")
    if request.params.get("ResourceType", "APPLICATION_LOAD_BALANCER") != "APPLICATION_LOAD_BALANCER":
        return {"ResourceArns": []}
    return {"ResourceArns": [one for one in acl.associated_resources if ":loadbalancer/app/" in one]}


def disassociate_previous(request: AwsRequest) -> None:
    """A resource has one web ACL: a new association replaces the previous one."""
    backend("wafv2", request.region).disassociate_web_acl(request.params["ResourceArn"])


def delete_logging(request: AwsRequest, _result: dict[str, Any]) -> None:
    configurations = backend("wafv2", request.region).logging_configurations
    for arn in [arn for arn in configurations if arn.endswith(f"/{request.params['Id']}")]:
        del configurations[arn]
