"""A local AWS: moto, with what it lacks and corrections of what it does differently, and a front door for traffic."""

__version__ = "1"
