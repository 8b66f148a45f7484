"""Tables: changes of encryption and of the time to live."""

import pytest
from support import assert_contains, refused

HOUR = 3600
TABLE = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}


def test_encryption_key_changes(aws):
    dynamodb, kms = aws("dynamodb"), aws("kms")
    keys = [kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
    encrypted = [{"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key} for key in keys]
    dynamodb.create_table(TableName="t", SSESpecification=encrypted[0], **TABLE)
    changed = dynamodb.update_table(TableName="t", SSESpecification=encrypted[1])["TableDescription"]
    expected = {"SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": keys[1]}}
    assert_contains(changed, expected)
    dynamodb.update_table(TableName="t", DeletionProtectionEnabled=True)
    read = dynamodb.describe_table(TableName="t")["Table"]
    assert_contains(read, {**expected, "DeletionProtectionEnabled": True})


@pytest.fixture
def time_to_live(aws):
    """Creates a table. Changes its time to live and returns its description."""
    dynamodb = aws("dynamodb")
    dynamodb.create_table(TableName="t", **TABLE)

    def change(attribute=None, enabled=True):
        if attribute:
            expected = {"AttributeName": attribute, "Enabled": enabled}
            dynamodb.update_time_to_live(TableName="t", TimeToLiveSpecification=expected)
        return dynamodb.describe_time_to_live(TableName="t")["TimeToLiveDescription"]["TimeToLiveStatus"]

    return change


def test_time_to_live_changes_once_an_hour(sandbox, time_to_live):
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


def test_time_to_live_has_one_attribute_at_a_time(time_to_live):
    with refused("ValidationException"):
        time_to_live("expires", False)
    assert time_to_live("expires") == "ENABLED"
    for again in ("expires", "until"):
        with refused("ValidationException"):
            time_to_live(again)
    assert time_to_live("expires", False) == "DISABLED"
    assert time_to_live("until") == "ENABLED"
