"""What the sandbox consists of beside moto, in the order of installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import front_door, services
from .functions import invoker
from .server import moto_speedups

if TYPE_CHECKING:
    from .app import Sandbox


def install(sandbox: Sandbox) -> None:
    for component in (moto_speedups, invoker, services, front_door):
        component.install(sandbox)
