"""Tables: their encryption can change, and their time to live once an hour."""

import pytest
from support import assert_holds, refused

HOUR = 3600
TABLE = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}


def test_another_key(aws):
    dynamodb, kms = aws("dynamodb"), aws("kms")
    keys = [kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
    encrypted = [{"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key} for key in keys]
    dynamodb.create_table(TableName="t", SSESpecification=encrypted[0], **TABLE)
    changed = dynamodb.update_table(TableName="t", SSESpecification=encrypted[1])["TableDescription"]
    wanted = {"SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": keys[1]}}
    assert_holds(changed, wanted)
    dynamodb.update_table(TableName="t", DeletionProtectionEnabled=True)
    read = dynamodb.describe_table(TableName="t")["Table"]
    assert_holds(read, {**wanted, "DeletionProtectionEnabled": True})


@pytest.fixture
def time_to_live(aws):
    """Makes a table; changes its time to live, and gives what it is then."""
    dynamodb = aws("dynamodb")
    dynamodb.create_table(TableName="t", **TABLE)

    def change(attribute=None, enabled=True):
        if attribute:
            wanted = {"AttributeName": attribute, "Enabled": enabled}
            dynamodb.update_time_to_live(TableName="t", TimeToLiveSpecification=wanted)
        return dynamodb.describe_time_to_live(TableName="t")["TimeToLiveDescription"]["TimeToLiveStatus"]

    return change


def test_the_time_to_live_changes_once_an_hour(sandbox, time_to_live):
    sandbox.control("PUT", "time-scale", {"scale": 0.01})
    assert time_to_live("expires") == "ENABLING"
    with refused("ValidationException"):
        time_to_live("expires", False)
    sandbox.control("POST", "advance", {"seconds": HOUR})
    assert time_to_live() == "ENABLED"
    assert time_to_live("expires", False) == "DISABLING"
    with refused("ValidationException"):
        time_to_live("until")
    sandbox.control("POST", "advance", {"seconds": HOUR})
    assert time_to_live("until") == "ENABLING"


def test_the_time_to_live_has_one_attribute_at_a_time(time_to_live):
    with refused("ValidationException"):
        time_to_live("expires", False)
    assert time_to_live("expires") == "ENABLED"
    for again in ("expires", "until"):
        with refused("ValidationException"):
            time_to_live(again)
    assert time_to_live("expires", False) == "DISABLED"
    assert time_to_live("until") == "ENABLED"
