"""Root elements of S3 results: moto names some after the operation, which some SDKs refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.core.utils import get_service_model

if TYPE_CHECKING:
    from ...app import Sandbox

ROOTS = {
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "ListParts": "ListPartsResult",
}


def install(_sandbox: Sandbox) -> None:
    model = get_service_model("s3")
    for operation, root in ROOTS.items():
        model.operation_model(operation).output_shape.serialization["resultWrapper"] = root
