"""The parts of the sandbox around moto, in the order of their installation."""

from __future__ import annotations

from .server.installer import installer

install = installer(__package__, "server.moto_speedups", "functions.invoker", "services", "front_door")
