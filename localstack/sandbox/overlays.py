"""Which overlay modules there are. Each has `install(sandbox)`."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .app import Sandbox

# What mends the plain services comes first, so that what runs functions and alarms builds on it.
MODULES = [
    "shortcuts",
    "pending",
    "strict",
    "departures",
    "tagging",
    "functions",
    "sources",
    "alarms",
    "front_door",
]


def install(sandbox: Sandbox) -> None:
    for name in MODULES:
        if importlib.util.find_spec(f"{__package__}.{name}"):
            importlib.import_module(f"{__package__}.{name}").install(sandbox)
