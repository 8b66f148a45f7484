"""Tables: their encryption can change."""

from support import assert_holds


def test_another_key(aws):
    dynamodb, kms = aws("dynamodb"), aws("kms")
    keys = [kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
    encrypted = [{"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key} for key in keys]
    dynamodb.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        SSESpecification=encrypted[0],
    )
    changed = dynamodb.update_table(TableName="t", SSESpecification=encrypted[1])["TableDescription"]
    wanted = {"SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": keys[1]}}
    assert_holds(changed, wanted)
    dynamodb.update_table(TableName="t", DeletionProtectionEnabled=True)
    read = dynamodb.describe_table(TableName="t")["Table"]
    assert_holds(read, {**wanted, "DeletionProtectionEnabled": True})
