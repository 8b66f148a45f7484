"""Global secondary indexes: one change at a time, and as long as on AWS. Streams can be disabled and enabled again."""

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

MAX_INDEXES = 20
CREATED_AFTER = 5 * MINUTE
DELETED_AFTER = MINUTE


def install(sandbox: Sandbox) -> None:
    sandbox.service("dynamodb").state("UpdateTable", check_update)
    _patch_updates(sandbox)


def check_update(request: AwsRequest) -> None:
    table = backend("dynamodb", request.region).tables.get(request.params["TableName"])
    if table is None:
        return  # moto raises the error
    updates = request.params.get("GlobalSecondaryIndexUpdates") or []
    changes = [update for update in updates if "Update" not in update]
    busy = any(index.status != "ACTIVE" for index in table.global_indexes)
    if len(changes) > 1 or (changes and busy):
        message = "Only 1 online index can be created or deleted simultaneously per table"
        raise AwsError("LimitExceededException", f"Subscriber limit exceeded: {message}")
    names = {index.name for index in table.global_indexes}
    for change in changes:
        _check_change(request, change, names)
    if "StreamSpecification" in request.params:
        _check_stream(table, request.params["StreamSpecification"])


def _check_change(request: AwsRequest, change: dict[str, Any], names: set[str]) -> None:
    if "Delete" in change:
        if change["Delete"]["IndexName"] not in names:
            raise AwsError("ResourceNotFoundException", "Requested resource not found")
        return
    index = change["Create"]
    if index["IndexName"] in names:
        raise AwsError("ValidationException", "Attempting to create an index which already exists")
    if len(names) == MAX_INDEXES:
        message = f"Subscriber limit exceeded: Number of global secondary indexes exceeds the limit of {MAX_INDEXES}"
        raise AwsError("LimitExceededException", message)
    defined = [one["AttributeName"] for one in request.params.get("AttributeDefinitions") or []]
    keys = [one["AttributeName"] for one in index["KeySchema"]]
    if not set(keys) <= set(defined):
        message = "Some index key attributes are not defined in AttributeDefinitions."
        message += f" Keys: {keys}, AttributeDefinitions: {defined}"
        raise AwsError("ValidationException", f"One or more parameter values were invalid: {message}")


def _check_stream(table: Any, specification: dict[str, Any]) -> None:
    enabled = bool((table.stream_specification or {}).get("StreamEnabled"))
    if specification["StreamEnabled"] and enabled:
        raise AwsError("ValidationException", "Table already has an enabled stream")
    if not specification["StreamEnabled"] and not enabled:
        raise AwsError("ValidationException", "Table has no enabled stream")


def _patch_updates(sandbox: Sandbox) -> None:
    update = DynamoDBBackend.update_table

    def update_table(self: Any, name: str, attr_definitions: Any, *rest: Any, **more: Any) -> Any:
        """moto replaces all attribute definitions by those of a new index."""
        table = self.get_table(name)
        if attr_definitions:
            known = {one["AttributeName"]: one for one in [*table.attr, *attr_definitions]}
            attr_definitions = list(known.values())
        updated = update(self, name, attr_definitions, *rest, **more)
        _remove_unused_definitions(table)
        return updated

    def update_indexes(self: Any, table: Any, updates: list[dict[str, Any]]) -> None:
        for change in updates:
            if "Create" in change:
                index = GlobalSecondaryIndex.create(change["Create"], table.table_key_attrs)
                index.status = "CREATING"
                table.global_indexes.append(index)
                sandbox.clock.after("dynamodb", CREATED_AFTER, lambda index=index: _finish_creation(index))
            elif "Delete" in change:
                index = next(one for one in table.global_indexes if one.name == change["Delete"]["IndexName"])
                index.status = "DELETING"
                sandbox.clock.after("dynamodb", DELETED_AFTER, lambda index=index: _finish_deletion(table, index))

    def update_streams(self: Any, table: Any, specification: dict[str, Any]) -> None:
        """moto refuses to enable the stream of a table that had one before."""
        table.set_stream_specification(specification)

    DynamoDBBackend.update_table = update_table  # type: ignore[method-assign]
    DynamoDBBackend.update_table_global_indexes = update_indexes  # type: ignore[method-assign]
    DynamoDBBackend.update_table_streams = update_streams  # type: ignore[method-assign]


def _finish_creation(index: Any) -> None:
    if index.status == "CREATING":
        index.status = "ACTIVE"


def _finish_deletion(table: Any, index: Any) -> None:
    table.global_indexes = [one for one in table.global_indexes if one is not index]
    _remove_unused_definitions(table)


def _remove_unused_definitions(table: Any) -> None:
    """Removes the definitions of attributes that no key uses."""
    schemas = [table.schema, *(index.schema for index in (*table.global_indexes, *table.indexes))]
    used = {key["AttributeName"] for schema in schemas for key in schema}
    table.attr = [one for one in table.attr if one["AttributeName"] in used]
