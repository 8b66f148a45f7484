"""ACM: certificates in use can't be deleted, a re-import keeps the tags, and a request is issued after three minutes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from moto import settings
from moto.acm.models import AWSCertificateManagerBackend

from ..clock import MINUTE
from ..server.errors import AwsError
from ..server.request import AwsRequest
from ..server.stores import backend

if TYPE_CHECKING:
    from ..app import Sandbox


ISSUED_AFTER = 3 * MINUTE


def install(sandbox: Sandbox) -> None:
    original = AWSCertificateManagerBackend.import_certificate

    def import_certificate(self: Any, certificate: bytes, private_key: bytes, chain: Any, arn: Any, tags: Any) -> str:
        existing = self._certificates.get(arn)
        imported = original(self, certificate, private_key, chain, arn, tags)
        if existing is not None:
            self._certificates[imported].tags = existing.tags
        return imported

    AWSCertificateManagerBackend.import_certificate = import_certificate  # type: ignore[method-assign]
    # moto issues certificates older than this when they are described.
    settings.ACM_VALIDATION_WAIT = sys.maxsize

    def issue_later(request: AwsRequest, result: dict[str, Any]) -> None:
        certificate = backend("acm", request.region)._certificates[result["CertificateArn"]]
        sandbox.clock.after("acm", ISSUED_AFTER, lambda: setattr(certificate, "status", "ISSUED"))

    acm = sandbox.service("acm")
    acm.state("DeleteCertificate", refuse_in_use)
    acm.amend("RequestCertificate", issue_later)
    acm.amend("DescribeCertificate", show_users)


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
