"""Global secondary indexes come and go one at a time and take their time; streams end and begin again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import GlobalSecondaryIndex

from ...clock import MINUTE
from ...server.errors import AwsError
from ...server.request import AwsRequest
from ...server.stores import backend

if TYPE_CHECKING:
    from ...app import Sandbox

MOST = 20
FILLED_IN = 5 * MINUTE
GONE_IN = MINUTE


def install(sandbox: Sandbox) -> None:
    sandbox.service("dynamodb").state("UpdateTable", refuse)
    _change_as_aws_does(sandbox)


def refuse(request: AwsRequest) -> None:
    table = backend("dynamodb", request.region).tables.get(request.params["TableName"])
    if table is None:
        return  # moto says so itself
    updates = request.params.get("GlobalSecondaryIndexUpdates") or []
    changes = [update for update in updates if "Update" not in update]
    busy = any(index.status != "ACTIVE" for index in table.global_indexes)
    if len(changes) > 1 or (changes and busy):
        message = "Only 1 online index can be created or deleted simultaneously per table"
        raise AwsError("LimitExceededException", f"Subscriber limit exceeded: {message}")
    names = {index.name for index in table.global_indexes}
    for change in changes:
        _refuse_change(request, change, names)
    if "StreamSpecification" in request.params:
        _refuse_stream(table, request.params["StreamSpecification"])


def _refuse_change(request: AwsRequest, change: dict[str, Any], names: set[str]) -> None:
    if "Delete" in change:
        if change["Delete"]["IndexName"] not in names:
            raise AwsError("ResourceNotFoundException", "Requested resource not found")
        return
    wanted = change["Create"]
    if wanted["IndexName"] in names:
        raise AwsError("ValidationException", "Attempting to create an index which already exists")
    if len(names) == MOST:
        message = f"Subscriber limit exceeded: Number of global secondary indexes exceeds the limit of {MOST}"
        raise AwsError("LimitExceededException", message)
    defined = [one["AttributeName"] for one in request.params.get("AttributeDefinitions") or []]
    keys = [one["AttributeName"] for one in wanted["KeySchema"]]
    if not set(keys) <= set(defined):
        message = "Some index key attributes are not defined in AttributeDefinitions."
        message += f" Keys: {keys}, AttributeDefinitions: {defined}"
        raise AwsError("ValidationException", f"One or more parameter values were invalid: {message}")


def _refuse_stream(table: Any, wanted: dict[str, Any]) -> None:
    is_on = bool((table.stream_specification or {}).get("StreamEnabled"))
    if wanted["StreamEnabled"] and is_on:
        raise AwsError("ValidationException", "Table already has an enabled stream")
    if not wanted["StreamEnabled"] and not is_on:
        raise AwsError("ValidationException", "Table has no enabled stream")


def _change_as_aws_does(sandbox: Sandbox) -> None:
    update = DynamoDBBackend.update_table

    def update_table(self: Any, name: str, attr_definitions: Any, *rest: Any, **more: Any) -> Any:
        """moto takes the definitions that come with a new index for all that there are."""
        table = self.get_table(name)
        if attr_definitions:
            known = {one["AttributeName"]: one for one in [*table.attr, *attr_definitions]}
            attr_definitions = list(known.values())
        updated = update(self, name, attr_definitions, *rest, **more)
        _drop_unused(table)
        return updated

    def update_indexes(self: Any, table: Any, updates: list[dict[str, Any]]) -> None:
        for change in updates:
            if "Create" in change:
                index = GlobalSecondaryIndex.create(change["Create"], table.table_key_attrs)
                index.status = "CREATING"
                table.global_indexes.append(index)
                sandbox.clock.after("dynamodb", FILLED_IN, lambda index=index: _filled(index))
            elif "Delete" in change:
                index = next(one for one in table.global_indexes if one.name == change["Delete"]["IndexName"])
                index.status = "DELETING"
                sandbox.clock.after("dynamodb", GONE_IN, lambda index=index: _gone(table, index))

    def update_streams(self: Any, table: Any, specification: dict[str, Any]) -> None:
        """moto takes a table that had a stream for one that has."""
        table.set_stream_specification(specification)

    DynamoDBBackend.update_table = update_table  # type: ignore[method-assign]
    DynamoDBBackend.update_table_global_indexes = update_indexes  # type: ignore[method-assign]
    DynamoDBBackend.update_table_streams = update_streams  # type: ignore[method-assign]


def _filled(index: Any) -> None:
    if index.status == "CREATING":
        index.status = "ACTIVE"


def _gone(table: Any, index: Any) -> None:
    table.global_indexes = [one for one in table.global_indexes if one is not index]
    _drop_unused(table)


def _drop_unused(table: Any) -> None:
    """What no key names any more isn't defined any more."""
    schemas = [table.schema, *(index.schema for index in (*table.global_indexes, *table.indexes))]
    used = {key["AttributeName"] for schema in schemas for key in schema}
    table.attr = [one for one in table.attr if one["AttributeName"] in used]
