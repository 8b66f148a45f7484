"""Finds load balancers, their listeners and target groups among moto's objects."""

from __future__ import annotations

from collections.abc import Iterator

from moto.elbv2.models import elbv2_backends

from . import forwarding


def all_backends() -> Iterator:
    for regions in list(elbv2_backends.values()):
        yield from list(regions.values())


def by_name(host: str):
    """The load balancer with a DNS name and its backend, or None."""
    dns_name = host.lower().rstrip(".").removeprefix("dualstack.")
    for backend in all_backends():
        for balancer in list(backend.load_balancers.values()):
            if balancer.dns_name.lower() == dns_name:
                return balancer, backend
    return None


def groups_of(balancer, backend) -> list:
    """The target groups to which rules of the load balancer forward."""
    arns = {
        arn
        for listener in list(balancer.listeners.values())
        for rule in listener.rules.values()
        for action in forwarding.actions(listener, rule)
        for arn, _ in forwarding.target_groups(action)
    }
    return [backend.target_groups[arn] for arn in sorted(arns) if arn in backend.target_groups]


def is_used(group, backend) -> bool:
    return any(group in groups_of(balancer, backend) for balancer in list(backend.load_balancers.values()))


def dimension(arn: str) -> str:
    """The metric dimension of a load balancer ("app/name/id") or target group ("targetgroup/name/id")."""
    return arn.split(":", 5)[5].removeprefix("loadbalancer/")
