"""Route 53: caller references, query logging, and checks of record changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.route53.models import FakeZone, Route53Backend

from ..server import idempotency
from ..server.errors import AwsError
from ..server.request import AwsRequest
from ..server.stores import GLOBAL, backend

if TYPE_CHECKING:
    from ..app import Sandbox


def install(sandbox: Sandbox) -> None:
    original = Route53Backend.create_query_logging_config

    def create_query_logging_config(self: Any, hosted_zone_id: str, log_group_arn: str) -> Any:
        # moto requires `:*` at the end, which AWS doesn't.
        created = original(self, hosted_zone_id, f"{log_group_arn.removesuffix(':*')}:*")
        created.cloud_watch_logs_log_group_arn = log_group_arn
        return created

    Route53Backend.create_query_logging_config = create_query_logging_config  # type: ignore[method-assign]
    _patch_record_changes()
    route53 = sandbox.service("route53")
    route53.exists("CreateHostedZone", refuse_used_reference)
    route53.exists("DeleteHealthCheck", health_check_exists)
    route53.state("ChangeResourceRecordSets", check_changes)
    route53.answer("ListQueryLoggingConfigs", list_query_logging)
    idempotency.install(
        sandbox,
        "route53",
        "CreateHealthCheck",
        key=lambda request: request.params["CallerReference"],
        settings=lambda request: request.params["HealthCheckConfig"],
        exists=_health_check_still_exists,
        conflict=_reference_taken,
    )


class _RecordIdentifier(str):
    """A set identifier with its record."""

    record: dict[str, Any]


def _patch_record_changes() -> None:
    """Set identifiers are unique per name and type; moto deletes by identifier alone."""
    original = Route53Backend.change_resource_record_sets

    def change_resource_record_sets(self: Any, zoneid: str, change_list: list[dict[str, Any]]) -> None:
        for record in (change["ResourceRecordSet"] for change in change_list):
            if record.get("SetIdentifier"):
                identifier = _RecordIdentifier(record["SetIdentifier"])
                identifier.record = {key: record[key] for key in ("Name", "Type", "SetIdentifier")}
                record["SetIdentifier"] = identifier
        # moto refuses to create what was ever created before; `check_changes` refuses only what exists.
        for change in self.get_hosted_zone(zoneid).rr_changes:
            if change["Action"] == "CREATE":
                change["Action"] = "UPSERT"
        original(self, zoneid, change_list)

    def delete_rrset_by_id(self: FakeZone, set_identifier: _RecordIdentifier) -> None:
        self.rrsets = [one for one in self.rrsets if not _is_same(one, set_identifier.record)]

    Route53Backend.change_resource_record_sets = change_resource_record_sets  # type: ignore[method-assign]
    FakeZone.delete_rrset_by_id = delete_rrset_by_id  # type: ignore[method-assign]


def _health_check_still_exists(_request: AwsRequest, result: dict[str, Any] | None) -> bool:
    return result is not None and result["HealthCheck"]["Id"] in backend("route53", GLOBAL).health_checks


def _reference_taken(request: AwsRequest) -> AwsError:
    reference = request.params["CallerReference"]
    return AwsError("HealthCheckAlreadyExists", f"A health check with {reference} exists already.", 409)


def list_query_logging(request: AwsRequest) -> dict[str, Any]:
    """moto ignores the zone of the request."""
    zone = request.params.get("HostedZoneId")
    store = backend("route53", GLOBAL)
    if zone and zone not in store.zones:
        raise AwsError("NoSuchHostedZone", f"No hosted zone found with ID: {zone}", 404)
    return {
        "QueryLoggingConfigs": [
            {
                "Id": one.id,
                "HostedZoneId": one.hosted_zone_id,
                "CloudWatchLogsLogGroupArn": one.cloud_watch_logs_log_group_arn,
            }
            for one in store.query_logging_configs.values()
            if zone in (None, one.hosted_zone_id)
        ]
    }


def refuse_used_reference(request: AwsRequest) -> None:
    reference = request.params["CallerReference"]
    if any(getattr(zone, "caller_reference", None) == reference for zone in backend("route53", GLOBAL).zones.values()):
        raise AwsError("HostedZoneAlreadyExists", f"A hosted zone has already been created with {reference}.", 409)


def health_check_exists(request: AwsRequest) -> None:
    identifier = request.params["HealthCheckId"]
    if identifier not in backend("route53", GLOBAL).health_checks:
        raise AwsError("NoSuchHealthCheck", f"No health check exists with the ID {identifier}", 404)


def check_changes(request: AwsRequest) -> None:
    """DELETE needs the exact values of an existing record, CREATE a free name. The changes of a batch apply in their order."""
    zone = backend("route53", GLOBAL).zones.get(request.params["HostedZoneId"].rpartition("/")[2])
    if zone is None:
        return
    existing = list(zone.rrsets)
    created: list[dict[str, Any]] = []
    for change in request.params["ChangeBatch"]["Changes"]:
        record = change["ResourceRecordSet"]
        match = next((one for one in existing if _is_same(one, record)), None)
        created_match = next((one for one in created if _key(one) == _key(record)), None)
        if change["Action"] == "DELETE":
            if created_match is None and (match is None or _differs(match, record)):
                what = "but it was not found, or the values provided do not match the current values"
                raise _refused("delete", record, what)
            existing = [one for one in existing if one is not match]
            created = [one for one in created if one is not created_match]
        elif change["Action"] == "CREATE":
            if match is not None or created_match is not None:
                raise _refused("create", record, "but it already exists")
            created.append(record)


def _refused(action: str, record: dict[str, Any], why: str) -> AwsError:
    described = f"resource record set [name='{record['Name']}', type='{record['Type']}']"
    return AwsError("InvalidChangeBatch", f"[Tried to {action} {described} {why}]")


def _key(record: dict[str, Any]) -> tuple[str, str, str]:
    return record["Name"].rstrip(".").lower(), record["Type"], record.get("SetIdentifier", "")


def _is_same(existing: Any, record: dict[str, Any]) -> bool:
    """Whether moto's record has the name, type and set identifier of the request's."""
    key = (existing.name.rstrip(".").lower(), existing.type, existing.set_identifier or "")
    return key == _key(record)


def _differs(existing: Any, record: dict[str, Any]) -> bool:
    """moto may have numbers as text, and None for what is absent."""
    pairs = [
        (existing.weight, record.get("Weight")),
        (existing.ttl, record.get("TTL")),
        (existing.failover, record.get("Failover")),
        (existing.health_check_id, record.get("HealthCheckId")),
    ]
    return any(_text(stored) != _text(requested) for stored, requested in pairs)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
