"""Route 53's answers: resolves a name to a load balancer by alias, weight, failover and health.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-how-route-53-chooses-records.html
"""

from __future__ import annotations

import random
from collections.abc import Callable

from moto.route53.models import route53_backends

from ..services.elbv2 import load_balancers

MAX_DEPTH = 8  # aliases of aliases; more are a circle
KINDS = ("A", "AAAA", "CNAME")

Healthy = Callable[[str], bool]  # by the id of a health check
BalancerHealthy = Callable[..., bool]


def names() -> list[str]:
    """The names of all address records and aliases."""
    return sorted({_plain(record.name) for record in _records() if record.type in KINDS})


def resolve(host: str, healthy: Healthy, balancer_healthy: BalancerHealthy, depth: int = MAX_DEPTH):
    """One answer for `host`: a load balancer and its backend, or None."""
    found = load_balancers.by_name(host)
    if found or not depth:
        return found
    candidates = [record for record in _records() if record.type in KINDS and _plain(record.name) == _plain(host)]
    # An A and an AAAA record of the same set are one choice, not two.
    kind = next((kind for kind in KINDS if any(record.type == kind for record in candidates)), None)
    candidates = [record for record in candidates if record.type == kind]
    if not candidates:
        return None
    chosen = _choose(candidates, lambda record: _is_healthy(record, healthy, balancer_healthy, depth))
    target = _target(chosen)
    return resolve(target, healthy, balancer_healthy, depth - 1) if target else None


def _choose(candidates: list, is_healthy: Callable):
    if any(record.failover for record in candidates):
        by_role = {record.failover: record for record in candidates}
        primary, secondary = by_role.get("PRIMARY"), by_role.get("SECONDARY")
        if primary is None or secondary is None:
            return primary or secondary
        # If both are unhealthy, the answer is the primary.
        return secondary if not is_healthy(primary) and is_healthy(secondary) else primary
    if any(record.weight is not None for record in candidates):
        return _weighted(candidates, is_healthy)
    return random.choice(candidates)


def _weighted(candidates: list, is_healthy: Callable):
    weights = {id(record): int(record.weight or 0) for record in candidates}
    if not any(weights.values()):
        # If all weights are zero, the shares are equal.
        weights = dict.fromkeys(weights, 1)
    nonzero = [record for record in candidates if weights[id(record)]]
    zero = [record for record in candidates if not weights[id(record)]]
    # A record of weight zero is an answer only if all others are unhealthy.
    for group in (nonzero, zero):
        fit = [record for record in group if is_healthy(record)]
        if fit:
            return random.choices(fit, [weights[id(record)] or 1 for record in fit])[0]
    # If all are unhealthy, all count as healthy.
    return random.choices(nonzero, [weights[id(record)] for record in nonzero])[0]


def _is_healthy(record, healthy: Healthy, balancer_healthy: BalancerHealthy, depth: int) -> bool:
    if record.health_check_id and not healthy(record.health_check_id):
        return False
    alias = record.alias_target
    if not alias or str(alias.get("EvaluateTargetHealth")).lower() != "true":
        return True
    found = resolve(alias["DNSName"], healthy, balancer_healthy, depth - 1)
    return found is None or balancer_healthy(*found)


def _target(record) -> str | None:
    if record.alias_target:
        return record.alias_target["DNSName"]
    if record.type == "CNAME" and record.records:
        first = record.records[0]
        return first["Value"] if isinstance(first, dict) else first
    return None


def _records() -> list:
    return [
        record
        for partitions in list(route53_backends.values())
        for backend in list(partitions.values())
        for zone in list(backend.zones.values())
        for record in list(zone.rrsets)
    ]


def _plain(name: str) -> str:
    return name.lower().rstrip(".")
