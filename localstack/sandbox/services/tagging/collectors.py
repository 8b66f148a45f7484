"""The tagged resources of the services for which moto's tagging API is incomplete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...server.stores import ACCOUNT, GLOBAL, backend
from ..application_autoscaling import tags_of_target
from ..config.recorders import identities as recorder_identities
from ..ecs.rollouts import tagged_tasks

Tagged = tuple[str, dict[str, str]]
HOME = "us-east-1"

EC2_KINDS = {
    "vpc": "vpc",
    "subnet": "subnet",
    "igw": "internet-gateway",
    "eipalloc": "elastic-ip",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "vpce": "vpc-endpoint",
    "tgw": "transit-gateway",
    "tgw-attach": "transit-gateway-attachment",
    "tgw-rtb": "transit-gateway-route-table",
    "fl": "vpc-flow-log",
    "acl": "network-acl",
    "eni": "network-interface",
    "i": "instance",
    "vol": "volume",
    "dopt": "dhcp-options",
}


def pairs(tags: Any) -> dict[str, str]:
    """Tags from any of the shapes in which moto stores them."""
    if isinstance(tags, dict):
        return dict(tags)
    return {tag.get("Key", tag.get("key")): tag.get("Value", tag.get("value")) for tag in tags or []}


def ec2(region: str) -> Iterator[Tagged]:
    store = backend("ec2", region)
    existing = set(_ec2_ids(store))
    for identifier, tags in list(store.tags.items()):
        kind = EC2_KINDS.get(identifier.rpartition("-")[0])
        if kind and tags and identifier in existing:
            yield f"arn:aws:ec2:{region}:{ACCOUNT}:{kind}/{identifier}", dict(tags)


def _ec2_ids(store: Any) -> Iterator[str]:
    """The ids of existing resources; moto keeps the tags of deleted ones."""
    for name in (
        "vpcs route_tables internet_gateways network_acls transit_gateways transit_gateway_attachments"
        " transit_gateways_route_tables flow_logs enis volumes dhcp_options_sets"
    ).split():
        yield from getattr(store, name)
    yield from (one.id for one in store.nat_gateways.values() if one.state != "deleted")
    yield from (one.id for one in store.vpc_end_points.values() if one.state != "deleted")
    yield from (one.allocation_id for one in store.addresses if one.allocation_id)
    for zone in store.subnets.values():
        yield from zone
    for groups in store.groups.values():
        for group in groups.values():
            yield group.id
            yield from (rule.id for rule in (*group.ingress_rules, *group.egress_rules))
    for reservation in store.reservations.values():
        yield from (instance.id for instance in reservation.instances)


def rds(region: str) -> Iterator[Tagged]:
    store = backend("rds", region)
    for name in (
        "clusters databases subnet_groups db_parameter_groups db_cluster_parameter_groups event_subscriptions"
        " cluster_snapshots database_snapshots option_groups"
    ).split():
        yield from ((one.arn, pairs(one.tags)) for one in getattr(store, name).values())
    if region == HOME:
        yield from ((one.arn, pairs(getattr(one, "tags", None))) for one in store.global_clusters.values())


def elbv2(region: str) -> Iterator[Tagged]:
    store = backend("elbv2", region)
    arns = [*store.load_balancers, *store.target_groups]
    for balancer in store.load_balancers.values():
        for arn, listener in balancer.listeners.items():
            arns += [arn, *listener.rules]
    return _by_tagger(store.tagging_service, arns)


def _by_tagger(tagger: Any, arns: Iterable[str]) -> Iterator[Tagged]:
    return ((arn, tagger.get_tag_dict_for_resource(arn)) for arn in arns)


def lambda_(region: str) -> Iterator[Tagged]:
    store = backend("lambda", region)
    yield from ((one.function_arn, pairs(one.tags)) for one in store.list_functions())
    yield from ((one.arn, pairs(one.tags)) for one in store._event_source_mappings.values())


def events(region: str) -> Iterator[Tagged]:
    store = backend("events", region)
    buses = list(store.event_buses.values())
    arns = [rule.arn for bus in buses for rule in bus.rules.values()] + [bus.arn for bus in buses]
    return _by_tagger(store.tagger, arns)


def wafv2(region: str) -> Iterator[Tagged]:
    scopes = [region, "global"] if region == HOME else [region]
    for scope in scopes:
        store = backend("wafv2", scope)
        for kind in (store.wacls, store.ip_sets, store.rule_groups, store.regex_pattern_sets):
            yield from _by_tagger(store.tagging_service, kind)


def route53(region: str) -> Iterator[Tagged]:
    if region != HOME:
        return
    store = backend("route53", GLOBAL)
    for kind, things in (("hostedzone", store.zones), ("healthcheck", store.health_checks)):
        yield from ((f"arn:aws:route53:::{kind}/{one}", pairs(store.resource_tags.get(one))) for one in things)


def config(region: str) -> Iterator[Tagged]:
    store = backend("config", region)
    yield from ((rule.config_rule_arn, pairs(rule.tags)) for rule in store.config_rules.values())
    yield from ((recorder.arn, pairs(recorder.tags)) for recorder in recorder_identities(store).values())


def cloudwatch(region: str) -> Iterator[Tagged]:
    """Alarms and dashboards."""
    tagger = backend("cloudwatch", region).tagger
    return _by_tagger(tagger, list(tagger.tags))


def s3(region: str) -> Iterator[Tagged]:
    store = backend("s3", GLOBAL)
    for bucket in store.buckets.values():
        if bucket.region_name == region:
            yield f"arn:aws:s3:::{bucket.name}", store.tagger.get_tag_dict_for_resource(bucket.arn)


def secretsmanager(region: str) -> Iterator[Tagged]:
    secrets = backend("secretsmanager", region).secrets.values()
    return ((one.arn, pairs(one.tags)) for one in secrets if not getattr(one, "deleted_date", None))


def ssm(region: str) -> Iterator[Tagged]:
    for name, tags in backend("ssm", region)._resource_tags.get("Parameter", {}).items():
        if tags and backend("ssm", region)._parameters.get(name):
            yield f"arn:aws:ssm:{region}:{ACCOUNT}:parameter/{name.lstrip('/')}", dict(tags)


def kms(region: str) -> Iterator[Tagged]:
    store = backend("kms", region)
    for key in store.keys.values():
        yield key.arn, store.tagger.get_tag_dict_for_resource(key.id)


def sqs(region: str) -> Iterator[Tagged]:
    return ((queue.queue_arn, pairs(queue.tags)) for queue in backend("sqs", region).queues.values())


def sns(region: str) -> Iterator[Tagged]:
    return ((topic.arn, pairs(topic._tags)) for topic in backend("sns", region).topics.values())


def logs(region: str) -> Iterator[Tagged]:
    store = backend("logs", region)
    for group in store.groups.values():
        yield group.arn.removesuffix(":*"), store.tagger.get_tag_dict_for_resource(group.arn)


def backup(region: str) -> Iterator[Tagged]:
    store = backend("backup", region)
    arns = [vault.backup_vault_arn for vault in store.vaults.values()]
    arns += [plan.backup_plan_arn for plan in store.plans.values() if not plan.deletion_date]
    return _by_tagger(store.tagger, arns)


def ecr(region: str) -> Iterator[Tagged]:
    store = backend("ecr", region)
    return _by_tagger(store.tagger, [repository.arn for repository in store.repositories.values()])


def ecs(region: str) -> Iterator[Tagged]:
    store = backend("ecs", region)
    existing = [one for one in (*store.clusters.values(), *store.services.values()) if one.status != "INACTIVE"]
    revisions = [one for family in store.task_definitions.values() for one in family.values()]
    yield from ((one.arn, pairs(one.tags)) for one in (*existing, *revisions))
    yield from tagged_tasks(region)


def scaling(region: str) -> Iterator[Tagged]:
    dimensions = backend("applicationautoscaling", region).targets.values()
    return ((one.arn, tags_of_target(one)) for dimension in dimensions for one in dimension.values())


# By the service's name in ARNs, which moto also uses for its own collectors.
COLLECTORS = {
    "ec2": ec2,
    "rds": rds,
    "elasticloadbalancing": elbv2,
    "lambda": lambda_,
    "events": events,
    "wafv2": wafv2,
    "route53": route53,
    "config": config,
    "cloudwatch": cloudwatch,
    "s3": s3,
    "secretsmanager": secretsmanager,
    "ssm": ssm,
    "kms": kms,
    "sqs": sqs,
    "sns": sns,
    "logs": logs,
    "backup": backup,
    "ecr": ecr,
    "ecs": ecs,
    "application-autoscaling": scaling,
}
