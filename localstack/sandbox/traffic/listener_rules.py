"""Listener rules of an Application Load Balancer: the one that a request matches. Rules and listeners are moto's objects."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from fnmatch import fnmatchcase
from urllib.parse import parse_qsl

from ..http_messages import Request


def matching(listener, request: Request, host: str):
    """The matching rule with the lowest priority number, else the default rule."""
    rules = [rule for rule in listener.rules.values() if rule.priority != "default"]
    for rule in sorted(rules, key=lambda rule: int(rule.priority)):
        if all(_is_met(condition, request, host) for condition in rule.conditions or []):
            return rule
    return listener.rules[0]


def _is_met(condition: dict, request: Request, host: str) -> bool:
    return CONDITIONS[condition["Field"]](condition, request, host)


def _values(condition: dict, config: str) -> list:
    return condition.get("Values") or (condition.get(config) or {}).get("Values") or []


def _path(condition: dict, request: Request, _host: str) -> bool:
    return any(_like(request.path, pattern) for pattern in _values(condition, "PathPatternConfig"))


def _host(condition: dict, _request: Request, host: str) -> bool:
    return any(_like(host.lower(), pattern.lower()) for pattern in _values(condition, "HostHeaderConfig"))


def _header(condition: dict, request: Request, _host: str) -> bool:
    config = condition["HttpHeaderConfig"]
    given = [value.lower() for name, value in request.headers if name.lower() == config["HttpHeaderName"].lower()]
    return any(_like(value, pattern.lower()) for value in given for pattern in config["Values"])


def _method(condition: dict, request: Request, _host: str) -> bool:
    return request.method in _values(condition, "HttpRequestMethodConfig")


def _query(condition: dict, request: Request, _host: str) -> bool:
    given = [(key.lower(), value.lower()) for key, value in parse_qsl(request.query, keep_blank_values=True)]
    patterns = (condition.get("QueryStringConfig") or {}).get("Values") or []
    return any(
        _like(value, pair["Value"].lower()) and ("Key" not in pair or _like(key, pair["Key"].lower()))
        for key, value in given
        for pair in patterns
    )


def _source(condition: dict, request: Request, _host: str) -> bool:
    client = ipaddress.ip_address(request.client)
    return any(client in ipaddress.ip_network(block) for block in _values(condition, "SourceIpConfig"))


def _like(text: str, pattern: str) -> bool:
    """`*` and `?` are wildcards; brackets, which are special for fnmatch, aren't."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


CONDITIONS: dict[str, Callable[[dict, Request, str], bool]] = {
    "path-pattern": _path,
    "host-header": _host,
    "http-header": _header,
    "http-request-method": _method,
    "query-string": _query,
    "source-ip": _source,
}
