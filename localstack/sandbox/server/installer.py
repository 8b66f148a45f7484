"""Installs the modules of a package in an explicit order."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..app import Sandbox


def installer(package: str, *modules: str) -> Callable[[Sandbox], None]:
    """Returns the `install` of a package: it calls that of each module, in this order."""

    def install(sandbox: Sandbox) -> None:
        for module in modules:
            importlib.import_module(f"{package}.{module}").install(sandbox)

    return install
