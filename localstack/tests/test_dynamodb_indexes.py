"""Changes of indexes and streams of tables."""

import pytest
from support import refused

MINUTE = 60


def attribute(name, kind="S"):
    return {"AttributeName": name, "AttributeType": kind}


def index(name, key):
    schema = [{"AttributeName": key, "KeyType": "HASH"}]
    return {"IndexName": name, "KeySchema": schema, "Projection": {"ProjectionType": "ALL"}}


@pytest.fixture
def dynamodb(aws):
    dynamodb = aws("dynamodb")
    dynamodb.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[attribute("id"), attribute("shop")],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[index("by-shop", "shop")],
    )
    return dynamodb


@pytest.fixture
def change(dynamodb):
    return lambda *updates, **more: dynamodb.update_table(
        TableName="t", GlobalSecondaryIndexUpdates=list(updates), **more
    )


@pytest.fixture
def statuses(dynamodb):
    def read():
        table = dynamodb.describe_table(TableName="t")["Table"]
        return {one["IndexName"]: one["IndexStatus"] for one in table.get("GlobalSecondaryIndexes", [])}

    return read


def test_index_creation_and_deletion_take_time(sandbox, change, statuses):
    sandbox.control("PUT", "time-scale", {"scale": 0.01})
    by_day = {"Create": index("by-day", "day")}
    change(by_day, AttributeDefinitions=[attribute("day")])
    assert statuses() == {"by-shop": "ACTIVE", "by-day": "CREATING"}
    with refused("LimitExceededException"):
        change({"Delete": {"IndexName": "by-shop"}})
    sandbox.control("POST", "advance", {"seconds": 5 * MINUTE})
    assert statuses() == {"by-shop": "ACTIVE", "by-day": "ACTIVE"}
    change({"Delete": {"IndexName": "by-shop"}})
    assert statuses() == {"by-shop": "DELETING", "by-day": "ACTIVE"}
    sandbox.control("POST", "advance", {"seconds": MINUTE})
    assert statuses() == {"by-day": "ACTIVE"}


def test_attribute_definitions_are_those_of_the_keys(dynamodb, change):
    def defined():
        table = dynamodb.describe_table(TableName="t")["Table"]
        return sorted(one["AttributeName"] for one in table["AttributeDefinitions"])

    change({"Create": index("by-day", "day")}, AttributeDefinitions=[attribute("day")])
    assert defined() == ["day", "id", "shop"]
    change({"Delete": {"IndexName": "by-shop"}})
    assert defined() == ["day", "id"]


def test_one_call_creates_or_deletes_one_index(change, statuses):
    both = [{"Create": index(name, "day")} for name in ("one", "other")]
    with refused("LimitExceededException"):
        change(*both, AttributeDefinitions=[attribute("day")])
    with refused("ValidationException"):
        change({"Create": index("by-shop", "shop")}, AttributeDefinitions=[attribute("shop")])
    with refused("ValidationException"):
        change({"Create": index("by-day", "day")}, AttributeDefinitions=[attribute("shop")])
    with refused("ResourceNotFoundException"):
        change({"Delete": {"IndexName": "by-day"}})
    assert statuses() == {"by-shop": "ACTIVE"}


def test_table_has_at_most_twenty_indexes(change, statuses):
    for number in range(19):
        change({"Create": index(f"more-{number}", "day")}, AttributeDefinitions=[attribute("day")])
    with refused("LimitExceededException"):
        change({"Create": index("last", "day")}, AttributeDefinitions=[attribute("day")])
    assert len(statuses()) == 20


def test_stream_is_disabled_before_another_is_enabled(dynamodb):
    def stream(**specification):
        dynamodb.update_table(TableName="t", StreamSpecification=specification)
        table = dynamodb.describe_table(TableName="t")["Table"]
        return table.get("StreamSpecification"), table["LatestStreamArn"]

    with refused("ValidationException"):
        stream(StreamEnabled=False)
    new = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    shown, first = stream(**new)
    assert shown == new
    both = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    with refused("ValidationException"):
        stream(**both)
    assert stream(StreamEnabled=False) == (None, first)
    shown, second = stream(**both)
    assert shown == both and second != first
