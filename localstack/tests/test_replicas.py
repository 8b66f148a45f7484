"""Settings of replicas in other regions: aliases of keys, keys of secrets."""

import pytest
from support import assert_contains, refused

DR = "us-east-2"


@pytest.fixture
def keys(aws):
    primary = aws("kms").create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    replica = aws("kms").replicate_key(KeyId=primary, ReplicaRegion=DR)["ReplicaKeyMetadata"]["Arn"]
    return primary, replica


def test_alias_is_unique_per_region(aws, keys):
    for region, key in (("us-east-1", keys[0]), (DR, keys[1])):
        kms = aws("kms", region)
        kms.create_alias(AliasName="alias/x", TargetKeyId=key)
        with refused("AlreadyExistsException"):
            kms.create_alias(AliasName="alias/x", TargetKeyId=key)
        shown = kms.list_aliases(KeyId=key)["Aliases"]
        assert [one["AliasArn"] for one in shown] == [f"arn:aws:kms:{region}:123456789012:alias/x"]
        assert kms.describe_key(KeyId="alias/x")["KeyMetadata"]["Arn"] == key
    aws("kms").delete_alias(AliasName="alias/x")
    assert aws("kms", DR).list_aliases(KeyId=keys[1])["Aliases"]
    assert aws("kms").list_aliases(KeyId=keys[0])["Aliases"] == []


def test_later_replica_has_no_aliases(aws):
    kms = aws("kms")
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/x", TargetKeyId=key)
    replica = kms.replicate_key(KeyId=key, ReplicaRegion=DR)["ReplicaKeyMetadata"]["Arn"]
    assert aws("kms", DR).list_aliases(KeyId=replica)["Aliases"] == []


def test_replicated_secret_shows_its_keys(aws, keys):
    secrets = aws("secretsmanager")
    given = [{"Region": DR, "KmsKeyId": keys[1]}]
    secrets.create_secret(Name="s", SecretString="x", KmsKeyId=keys[0], AddReplicaRegions=given)
    assert_contains(secrets.describe_secret(SecretId="s")["ReplicationStatus"], given)
    assert aws("secretsmanager", DR).describe_secret(SecretId="s")["KmsKeyId"] == keys[1]
    added = secrets.replicate_secret_to_regions(SecretId="s", AddReplicaRegions=[{"Region": "us-west-2"}])
    default = {"Region": "us-west-2", "KmsKeyId": "alias/aws/secretsmanager"}
    assert_contains(added["ReplicationStatus"], [*given, default])
    assert "KmsKeyId" not in aws("secretsmanager", "us-west-2").describe_secret(SecretId="s")
