"""moto's own stores, by region: where the overlay looks up what a check needs."""

from __future__ import annotations

from typing import Any

from moto.backends import get_backend
from moto.core.base_backend import BackendDict

ACCOUNT = "123456789012"
GLOBAL = "aws"


def backend(service: str, region: str = GLOBAL) -> Any:
    """The store of a service (by moto's name for it) in a region; global services have one."""
    return get_backend(service)[ACCOUNT][region]  # type: ignore[call-overload]


def is_used(region: str) -> bool:
    """Whether anything was asked of any service there. To look for things where nobody was would make all its stores."""
    accounts = [store[ACCOUNT] for store in BackendDict._instances if ACCOUNT in store.keys()]
    # `in` alone says yes to every region of AWS's. What is global is found in us-east-1, and buckets where they are.
    stores = {region, GLOBAL} if region == "us-east-1" else {region}
    if any(store in account.keys() for account in accounts for store in stores):
        return True
    return any(bucket.region_name == region for bucket in backend("s3").buckets.values())


def regions(service: str) -> dict[str, Any]:
    """Every region's store that has been used so far."""
    return dict(get_backend(service)[ACCOUNT])  # type: ignore[call-overload]
