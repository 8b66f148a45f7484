"""A certificate that a listener uses can't be deleted, and says who uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..backends import backend
from ..errors import AwsError
from ..request import AwsRequest

if TYPE_CHECKING:
    from ..app import Sandbox


def install(sandbox: Sandbox) -> None:
    sandbox.intercept("acm", "DeleteCertificate", refuse_in_use)
    sandbox.amend("acm", "DescribeCertificate", show_users)


def users(region: str, arn: str) -> list[str]:
    balancers = backend("elbv2", region).load_balancers.values()
    return [
        balancer.arn
        for balancer in balancers
        if any(arn in listener.certificates or arn == listener.certificate for listener in balancer.listeners.values())
    ]


def refuse_in_use(request: AwsRequest) -> None:
    arn = request.params["CertificateArn"]
    if users(request.region, arn):
        raise AwsError("ResourceInUseException", f"Certificate {arn} is in use.")


def show_users(request: AwsRequest, result: dict[str, Any]) -> None:
    result["Certificate"]["InUseBy"] = users(request.region, request.params["CertificateArn"])
