"""Zones and checks are made once per caller reference; query logs go to a plain log group ARN; changes are exact."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from moto.route53.models import FakeZone, Route53Backend

from ..server.errors import AwsError
from ..server.request import AwsRequest
from ..server.stores import GLOBAL, backend

if TYPE_CHECKING:
    from ..app import Sandbox


def install(sandbox: Sandbox) -> None:
    original = Route53Backend.create_query_logging_config

    def create_query_logging_config(self: Any, hosted_zone_id: str, log_group_arn: str) -> Any:
        made = original(self, hosted_zone_id, f"{log_group_arn.removesuffix(':*')}:*")
        made.cloud_watch_logs_log_group_arn = log_group_arn
        return made

    Route53Backend.create_query_logging_config = create_query_logging_config  # type: ignore[method-assign]
    _delete_one_set_at_a_time()
    route53 = sandbox.service("route53")
    route53.exists("CreateHostedZone", refuse_used_reference)
    route53.exists("DeleteHealthCheck", check_exists)
    route53.state("ChangeResourceRecordSets", refuse_impossible_changes)
    route53.answer("ListQueryLoggingConfigs", list_query_logging)
    _once_per_reference(sandbox)


class _OfRecord(str):
    """A set identifier that knows of which record."""

    record: dict[str, Any]


def _delete_one_set_at_a_time() -> None:
    """Set identifiers are unique among the sets of one name and type; moto takes them for unique in the zone."""
    original = Route53Backend.change_resource_record_sets

    def change_resource_record_sets(self: Any, zoneid: str, change_list: list[dict[str, Any]]) -> None:
        for record in (change["ResourceRecordSet"] for change in change_list):
            if record.get("SetIdentifier"):
                identifier = _OfRecord(record["SetIdentifier"])
                identifier.record = {key: record[key] for key in ("Name", "Type", "SetIdentifier")}
                record["SetIdentifier"] = identifier
        # What was created once may be created again after its deletion: `refuse_impossible_changes` tells what stands.
        for made in self.get_hosted_zone(zoneid).rr_changes:
            if made["Action"] == "CREATE":
                made["Action"] = "UPSERT"
        original(self, zoneid, change_list)

    def delete_rrset_by_id(self: FakeZone, set_identifier: _OfRecord) -> None:
        self.rrsets = [one for one in self.rrsets if not _names(one, set_identifier.record)]

    Route53Backend.change_resource_record_sets = change_resource_record_sets  # type: ignore[method-assign]
    FakeZone.delete_rrset_by_id = delete_rrset_by_id  # type: ignore[method-assign]


def _once_per_reference(sandbox: Sandbox) -> None:
    made: dict[str, tuple[str, dict[str, Any]]] = {}

    def again(request: AwsRequest) -> dict[str, Any] | None:
        reference = request.params["CallerReference"]
        before = made.get(reference)
        if before is None or before[1]["HealthCheck"]["Id"] not in backend("route53", GLOBAL).health_checks:
            return None
        if before[0] != _wish(request):
            raise AwsError("HealthCheckAlreadyExists", f"A health check with {reference} exists already.", 409)
        return copy.deepcopy(before[1])

    def remember(request: AwsRequest, result: dict[str, Any]) -> None:
        made[request.params["CallerReference"]] = (_wish(request), copy.deepcopy(result))

    sandbox.service("route53").answer("CreateHealthCheck", again)
    sandbox.service("route53").amend("CreateHealthCheck", remember)
    sandbox.on_reset(made.clear)


def _wish(request: AwsRequest) -> str:
    return json.dumps(request.params["HealthCheckConfig"], sort_keys=True, default=str)


def list_query_logging(request: AwsRequest) -> dict[str, Any]:
    """moto compares the id with the zone's path, and then lists all zones'."""
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


def check_exists(request: AwsRequest) -> None:
    identifier = request.params["HealthCheckId"]
    if identifier not in backend("route53", GLOBAL).health_checks:
        raise AwsError("NoSuchHealthCheck", f"No health check exists with the ID {identifier}", 404)


def refuse_impossible_changes(request: AwsRequest) -> None:
    """A record is deleted only by all of its values, and created only where none stands by then; changes of a batch count in
    their order."""
    zone = backend("route53", GLOBAL).zones.get(request.params["HostedZoneId"].rpartition("/")[2])
    if zone is None:
        return
    standing = list(zone.rrsets)
    made: list[dict[str, Any]] = []
    for change in request.params["ChangeBatch"]["Changes"]:
        wanted = change["ResourceRecordSet"]
        record = next((one for one in standing if _names(one, wanted)), None)
        again = next((one for one in made if _key(one) == _key(wanted)), None)
        if change["Action"] == "DELETE":
            if again is None and (record is None or _differs(record, wanted)):
                what = "but it was not found, or the values provided do not match the current values"
                raise _refused("delete", wanted, what)
            standing = [one for one in standing if one is not record]
            made = [one for one in made if one is not again]
        elif change["Action"] == "CREATE":
            if record is not None or again is not None:
                raise _refused("create", wanted, "but it already exists")
            made.append(wanted)


def _refused(what: str, wanted: dict[str, Any], why: str) -> AwsError:
    record = f"resource record set [name='{wanted['Name']}', type='{wanted['Type']}']"
    return AwsError("InvalidChangeBatch", f"[Tried to {what} {record} {why}]")


def _key(wanted: dict[str, Any]) -> tuple[str, str, str]:
    return wanted["Name"].rstrip(".").lower(), wanted["Type"], wanted.get("SetIdentifier", "")


def _names(record: Any, wanted: dict[str, Any]) -> bool:
    return (
        record.name.rstrip(".").lower() == wanted["Name"].rstrip(".").lower()
        and record.type == wanted["Type"]
        and record.set_identifier == wanted.get("SetIdentifier")
    )


def _differs(record: Any, wanted: dict[str, Any]) -> bool:
    """Numbers may be kept as text, and what is absent as nothing."""
    pairs = [
        (record.weight, wanted.get("Weight")),
        (record.ttl, wanted.get("TTL")),
        (record.failover, wanted.get("Failover")),
        (record.health_check_id, wanted.get("HealthCheckId")),
    ]
    return any(_text(kept) != _text(given) for kept, given in pairs)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
