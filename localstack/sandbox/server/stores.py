"""moto's stores, by service and region."""

from __future__ import annotations

from typing import Any

from moto.backends import get_backend
from moto.core.base_backend import BackendDict

ACCOUNT = "123456789012"
GLOBAL = "aws"


def backend(service: str, region: str = GLOBAL) -> Any:
    """The store of a service, by moto's name for it, in a region. Global services have one store."""
    return get_backend(service)[ACCOUNT][region]  # type: ignore[call-overload]


def is_used(region: str) -> bool:
    """Whether any service was called in the region. A search in an unused region would create all of its stores."""
    accounts = [store[ACCOUNT] for store in BackendDict._instances if ACCOUNT in store.keys()]
    # `in` without keys() is true for all of AWS's regions. Global resources count for us-east-1, buckets for their region.
    stores = {region, GLOBAL} if region == "us-east-1" else {region}
    if any(store in account.keys() for account in accounts for store in stores):
        return True
    return any(bucket.region_name == region for bucket in backend("s3").buckets.values())


def regions(service: str) -> dict[str, Any]:
    """The stores of the regions that have been used, by region."""
    return dict(get_backend(service)[ACCOUNT])  # type: ignore[call-overload]
