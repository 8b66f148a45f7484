"""S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import buckets, xml_roots

if TYPE_CHECKING:
    from ...app import Sandbox

MODULES = (buckets, xml_roots)


def install(sandbox: Sandbox) -> None:
    for module in MODULES:
        module.install(sandbox)
