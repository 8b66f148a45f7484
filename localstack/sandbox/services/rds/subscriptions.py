"""Modification of event subscriptions, and their sources, which moto lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox

# Member of a request -> moto's attribute.
SETTINGS = {
    "SnsTopicArn": "sns_topic_arn",
    "SourceType": "source_type",
    "EventCategories": "event_categories",
    "Enabled": "enabled",
}
# Source type -> moto's store of the sources.
SOURCES = {
    "db-instance": "databases",
    "db-cluster": "clusters",
    "db-parameter-group": "db_parameter_groups",
    "db-security-group": "security_groups",
    "db-snapshot": "database_snapshots",
    "db-cluster-snapshot": "cluster_snapshots",
    "db-proxy": "db_proxies",
}


def install(sandbox: Sandbox) -> None:
    rds = sandbox.service("rds")
    rds.answer("ModifyEventSubscription", modify)
    rds.answer("AddSourceIdentifierToSubscription", add_source)
    rds.answer("RemoveSourceIdentifierFromSubscription", remove_source)


def named(request: AwsRequest) -> Any:
    name = request.params["SubscriptionName"]
    subscription = backend("rds", request.region).event_subscriptions.get(name)
    if subscription is None:
        raise AwsError("SubscriptionNotFound", f"Subscription {name} not found.", 404)
    return subscription


def modify(request: AwsRequest) -> dict[str, Any]:
    subscription = named(request)
    for parameter in SETTINGS.keys() & request.params.keys():
        setattr(subscription, SETTINGS[parameter], request.params[parameter])
    return shown(subscription)


def add_source(request: AwsRequest) -> dict[str, Any]:
    subscription, source = named(request), request.params["SourceIdentifier"]
    store = SOURCES.get(subscription.source_type)
    if store is None or source not in getattr(backend("rds", request.region), store):
        raise _not_found(source)
    if source not in subscription.source_ids:
        subscription.source_ids = [*subscription.source_ids, source]
    return shown(subscription)


def remove_source(request: AwsRequest) -> dict[str, Any]:
    subscription, source = named(request), request.params["SourceIdentifier"]
    if source not in subscription.source_ids:
        raise _not_found(source)
    subscription.source_ids = [one for one in subscription.source_ids if one != source]
    return shown(subscription)


def _not_found(source: str) -> AwsError:
    return AwsError("SourceNotFound", f"Source {source} not found.", 404)


def shown(subscription: Any) -> dict[str, Any]:
    return {
        "EventSubscription": {
            "CustSubscriptionId": subscription.subscription_name,
            "SnsTopicArn": subscription.sns_topic_arn,
            "SourceType": subscription.source_type,
            "SourceIdsList": subscription.source_ids,
            "EventCategoriesList": subscription.event_categories,
            "Enabled": subscription.enabled,
            "Status": "modifying",
            "EventSubscriptionArn": subscription.arn,
        }
    }
