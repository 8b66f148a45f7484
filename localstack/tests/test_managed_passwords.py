"""Master user passwords that RDS manages, and their secrets."""

import json

import pytest
from support import refused
from test_rds import a_subnet_group, cluster_settings

NAMES = ("MasterUserPassword", "DatabaseName", "EnableCloudwatchLogsExports", "EngineVersion")
POSTGRES = {"Engine": "aurora-postgresql", "EngineVersion": "14.18", "Port": 5432}


@pytest.fixture
def secrets(aws):
    return aws("secretsmanager")


@pytest.fixture
def settings(aws):
    """Settings of a cluster with a managed password and a customer key."""
    _, group = a_subnet_group(aws)
    settings = {name: value for name, value in cluster_settings(aws, group).items() if name not in NAMES}
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    return {**settings, **POSTGRES, "ManageMasterUserPassword": True, "MasterUserSecretKmsKeyId": key}


@pytest.fixture
def cluster(aws, settings):
    """Creates a cluster. Returns its description."""

    def make(**more):
        aws("rds").create_db_cluster(**{**settings, **more})
        return aws("rds").describe_db_clusters(DBClusterIdentifier="one")["DBClusters"][0]

    return make


def without(settings, *names):
    return {name: value for name, value in settings.items() if name not in names}


def test_secret_is_created_and_deleted_with_the_cluster(aws, secrets, cluster, settings):
    created = cluster()
    assert created["MasterUserSecret"]["KmsKeyId"] == settings["MasterUserSecretKmsKeyId"]
    arn = created["MasterUserSecret"]["SecretArn"]
    assert ":secret:rds!cluster-" in arn
    content = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    assert content["username"] == "master" and len(content["password"]) == 32
    described = secrets.describe_secret(SecretId=arn)
    assert described["OwningService"] == "rds"
    assert described["RotationEnabled"] and described["RotationRules"] == {"AutomaticallyAfterDays": 7}
    aws("rds").delete_db_cluster(DBClusterIdentifier="one", SkipFinalSnapshot=True)
    with refused("ResourceNotFoundException"):
        secrets.describe_secret(SecretId=arn)


def test_secret_is_deleted_when_the_cluster_is(sandbox, aws, secrets, cluster):
    arn = cluster()["MasterUserSecret"]["SecretArn"]
    sandbox.control("PUT", "time-scale", {"scale": 0.01})
    aws("rds").delete_db_cluster(DBClusterIdentifier="one", SkipFinalSnapshot=True)
    assert secrets.describe_secret(SecretId=arn)["OwningService"] == "rds"
    sandbox.control("POST", "advance", {"seconds": 60})
    assert aws("rds").describe_db_clusters()["DBClusters"] == []
    with refused("ResourceNotFoundException"):
        secrets.describe_secret(SecretId=arn)


def test_secret_has_tags_of_rds_not_of_the_cluster(aws, cluster):
    created = cluster()
    arn = created["MasterUserSecret"]["SecretArn"]
    tagged = aws("resourcegroupstaggingapi").get_resources(ResourceTypeFilters=["secretsmanager"])
    found = {one["ResourceARN"]: one["Tags"] for one in tagged["ResourceTagMappingList"]}
    assert {tag["Key"]: tag["Value"] for tag in found[arn]} == {
        "aws:rds:primaryDBClusterArn": created["DBClusterArn"],
        "aws:secretsmanager:owningService": "rds",
    }


def test_only_rds_changes_or_deletes_the_secret(secrets, cluster):
    arn = cluster()["MasterUserSecret"]["SecretArn"]
    before = secrets.get_secret_value(SecretId=arn)["SecretString"]
    for call in (
        lambda: secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True),
        lambda: secrets.update_secret(SecretId=arn, SecretString="other"),
        lambda: secrets.put_secret_value(SecretId=arn, SecretString="other"),
        lambda: secrets.cancel_rotate_secret(SecretId=arn),
        lambda: secrets.tag_resource(SecretId=arn, Tags=[{"Key": "a", "Value": "b"}]),
    ):
        with refused("InvalidRequestException"):
            call()
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == before
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy='{"Version": "2012-10-17", "Statement": []}')
    # The account changes its own secrets.
    secrets.create_secret(Name="ours", SecretString="old")
    secrets.update_secret(SecretId="ours", SecretString="new")
    secrets.delete_secret(SecretId="ours", ForceDeleteWithoutRecovery=True)


def test_account_sets_the_rotation_schedule(aws, secrets, cluster, function):
    arn = cluster()["MasterUserSecret"]["SecretArn"]
    before = secrets.get_secret_value(SecretId=arn)
    rules = {"AutomaticallyAfterDays": 30}
    secrets.rotate_secret(SecretId=arn, RotationRules=rules, RotateImmediately=False)
    described = secrets.describe_secret(SecretId=arn)
    assert described["RotationRules"] == rules and "RotationLambdaARN" not in described
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == before["SecretString"]
    with refused("InvalidRequestException"):
        secrets.rotate_secret(SecretId=arn, RotationLambdaARN=function()["FunctionArn"])
    secrets.rotate_secret(SecretId=arn)
    after = secrets.get_secret_value(SecretId=arn)
    assert json.loads(after["SecretString"])["username"] == "master"
    assert after["SecretString"] != before["SecretString"]
    previous = secrets.get_secret_value(SecretId=arn, VersionStage="AWSPREVIOUS")
    assert previous["SecretString"] == before["SecretString"]
    aws("rds").modify_db_cluster(DBClusterIdentifier="one", RotateMasterUserPassword=True, ApplyImmediately=True)
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] != after["SecretString"]


def test_managed_password_is_enabled_and_disabled_in_place(aws, secrets, settings):
    rds = aws("rds")
    plain = without(settings, "ManageMasterUserPassword", "MasterUserSecretKmsKeyId")
    rds.create_db_cluster(**plain, MasterUserPassword="verysecret12")

    def modify(**change):
        rds.modify_db_cluster(DBClusterIdentifier="one", ApplyImmediately=True, **change)
        return rds.describe_db_clusters()["DBClusters"][0].get("MasterUserSecret")

    with refused("InvalidParameterCombination"):
        modify(MasterUserSecretKmsKeyId=settings["KmsKeyId"])
    managed = modify(ManageMasterUserPassword=True, MasterUserSecretKmsKeyId=settings["KmsKeyId"])
    assert managed["KmsKeyId"] == settings["KmsKeyId"]
    assert modify(ManageMasterUserPassword=True)["SecretArn"] == managed["SecretArn"]
    for refusal in (
        {"ManageMasterUserPassword": True, "MasterUserSecretKmsKeyId": settings["MasterUserSecretKmsKeyId"]},
        {"ManageMasterUserPassword": False},
        {"MasterUserPassword": "verysecret12"},
    ):
        with refused("InvalidParameterCombination"):
            modify(**refusal)
    assert modify(ManageMasterUserPassword=False, MasterUserPassword="verysecret12") is None
    with refused("ResourceNotFoundException"):
        secrets.describe_secret(SecretId=managed["SecretArn"])


def test_password_and_managed_password_exclude_each_other(aws, cluster, settings):
    with refused("InvalidParameterCombination"):
        cluster(MasterUserPassword="verysecret12")
    with refused("InvalidParameterCombination"):
        aws("rds").create_db_cluster(**without(settings, "ManageMasterUserPassword"), MasterUserPassword="verysecret12")
    with refused("InvalidParameterValue"):
        aws("rds").create_db_cluster(**without(settings, "ManageMasterUserPassword", "MasterUserSecretKmsKeyId"))
    assert aws("rds").describe_db_clusters()["DBClusters"] == []


def test_global_database_refuses_managed_passwords(aws, cluster, settings):
    rds = aws("rds")
    rds.create_global_cluster(GlobalClusterIdentifier="all", Engine="aurora-postgresql", EngineVersion="14.18")
    with refused("InvalidParameterCombination"):
        cluster(GlobalClusterIdentifier="all")
    created = cluster()
    with refused("InvalidDBClusterStateFault"):
        rds.create_global_cluster(GlobalClusterIdentifier="more", SourceDBClusterIdentifier=created["DBClusterArn"])
    plain = without(settings, "ManageMasterUserPassword", "MasterUserSecretKmsKeyId", "DBClusterIdentifier")
    rds.create_db_cluster(
        **plain, DBClusterIdentifier="two", MasterUserPassword="verysecret12", GlobalClusterIdentifier="all"
    )
    with refused("InvalidParameterCombination"):
        rds.modify_db_cluster(DBClusterIdentifier="two", ManageMasterUserPassword=True)


def test_postgresql_14_has_no_retired_minor_versions(aws, cluster):
    rds = aws("rds")
    offered = rds.describe_db_engine_versions(Engine="aurora-postgresql", EngineVersion="14")["DBEngineVersions"]
    versions = [one["EngineVersion"] for one in offered]
    assert "14.18" in versions and "14.6" not in versions
    assert {one["DBParameterGroupFamily"] for one in offered} == {"aurora-postgresql14"}
    family = {"DBParameterGroupFamily": "aurora-postgresql14", "Description": "d"}
    rds.create_db_cluster_parameter_group(DBClusterParameterGroupName="tls", **family)
    forced = {"ParameterName": "rds.force_ssl", "ParameterValue": "1", "ApplyMethod": "pending-reboot"}
    rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName="tls", Parameters=[forced])
    shown = rds.describe_db_cluster_parameters(DBClusterParameterGroupName="tls", Source="user")["Parameters"]
    assert [(one["ParameterName"], one["ParameterValue"]) for one in shown] == [("rds.force_ssl", "1")]
    assert cluster(DBClusterParameterGroupName="tls")["DBClusterParameterGroup"] == "tls"
