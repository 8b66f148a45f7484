"""CloudWatch Logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import groups, metric_filters

if TYPE_CHECKING:
    from ...app import Sandbox

MODULES = (groups, metric_filters)


def install(sandbox: Sandbox) -> None:
    for module in MODULES:
        module.install(sandbox)
