"""A certificate that a listener uses can't be deleted, and says who uses it; imported anew it keeps its tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.acm.models import AWSCertificateManagerBackend

from ..backends import backend
from ..errors import AwsError
from ..request import AwsRequest

if TYPE_CHECKING:
    from ..app import Sandbox


def install(sandbox: Sandbox) -> None:
    original = AWSCertificateManagerBackend.import_certificate

    def import_certificate(self: Any, certificate: bytes, private_key: bytes, chain: Any, arn: Any, tags: Any) -> str:
        before = self._certificates.get(arn)
        made = original(self, certificate, private_key, chain, arn, tags)
        if before is not None:
            self._certificates[made].tags = before.tags
        return made

    AWSCertificateManagerBackend.import_certificate = import_certificate  # type: ignore[method-assign]
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
