"""KMS keys, their aliases, rotation, replicas and deletion."""

import json

from support import POLICY, TAGS, assert_contains, refused


def test_kms(aws):
    kms = aws("kms")
    tags = [{"TagKey": t["Key"], "TagValue": t["Value"]} for t in TAGS]
    key = kms.create_key(Description="d", MultiRegion=True, Policy=json.dumps(POLICY), Tags=tags)["KeyMetadata"]
    assert key["MultiRegion"] and key["KeyId"].startswith("mrk-")
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=180)
    assert_contains(
        kms.get_key_rotation_status(KeyId=key["Arn"]), {"KeyRotationEnabled": True, "RotationPeriodInDays": 180}
    )
    assert json.loads(kms.get_key_policy(KeyId=key["Arn"], PolicyName="default")["Policy"]) == POLICY
    assert kms.list_resource_tags(KeyId=key["KeyId"])["Tags"] == tags
    kms.create_alias(AliasName="alias/a", TargetKeyId=key["Arn"])
    with refused("AlreadyExistsException"):
        kms.create_alias(AliasName="alias/a", TargetKeyId=key["KeyId"])
    assert_contains(
        kms.list_aliases(KeyId=key["KeyId"])["Aliases"], [{"AliasName": "alias/a", "TargetKeyId": key["KeyId"]}]
    )
    assert kms.describe_key(KeyId="alias/a")["KeyMetadata"]["Arn"] == key["Arn"]
    kms.replicate_key(
        KeyId=key["Arn"], ReplicaRegion="us-east-2", Description="dr", Tags=tags, Policy=json.dumps(POLICY)
    )
    dr = aws("kms", "us-east-2")
    replica = dr.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert_contains(
        replica,
        {
            "MultiRegionConfiguration": {"MultiRegionKeyType": "REPLICA", "PrimaryKey": {"Region": "us-east-1"}},
            "Description": "dr",
        },
    )
    assert dr.list_resource_tags(KeyId=replica["Arn"])["Tags"] == tags
    with refused("AlreadyExistsException"):
        kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion="us-east-2")
    encrypted = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    assert dr.decrypt(CiphertextBlob=encrypted, KeyId=replica["Arn"])["Plaintext"] == b"x"
    kms.delete_alias(AliasName="alias/a")
    dr.schedule_key_deletion(KeyId=replica["Arn"], PendingWindowInDays=7)
    kms.schedule_key_deletion(KeyId=key["Arn"], PendingWindowInDays=7)
    assert kms.describe_key(KeyId=key["Arn"])["KeyMetadata"]["KeyState"] in (
        "PendingDeletion",
        "PendingReplicaDeletion",
    )
    with refused("KMSInvalidStateException"):
        kms.schedule_key_deletion(KeyId=key["Arn"], PendingWindowInDays=7)
    with refused("NotFoundException"):
        kms.describe_key(KeyId="00000000-0000-0000-0000-000000000000")
