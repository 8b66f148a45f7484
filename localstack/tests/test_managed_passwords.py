"""The passwords of administrators that RDS manages, and the secrets that hold them."""

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
    """What a cluster is made with whose password RDS manages with a key of ours."""
    _, group = a_subnet_group(aws)
    settings = {name: value for name, value in cluster_settings(aws, group).items() if name not in NAMES}
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    return {**settings, **POSTGRES, "ManageMasterUserPassword": True, "MasterUserSecretKmsKeyId": key}


@pytest.fixture
def cluster(aws, settings):
    """Makes one; gives how it shows."""

    def make(**more):
        aws("rds").create_db_cluster(**{**settings, **more})
        return aws("rds").describe_db_clusters(DBClusterIdentifier="one")["DBClusters"][0]

    return make


def without(settings, *names):
    return {name: value for name, value in settings.items() if name not in names}


def test_the_secret_comes_with_the_cluster_and_goes_with_it(aws, secrets, cluster, settings):
    made = cluster()
    assert made["MasterUserSecret"]["KmsKeyId"] == settings["MasterUserSecretKmsKeyId"]
    arn = made["MasterUserSecret"]["SecretArn"]
    assert ":secret:rds!cluster-" in arn
    content = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    assert content["username"] == "master" and len(content["password"]) == 32
    described = secrets.describe_secret(SecretId=arn)
    assert described["OwningService"] == "rds"
    assert described["RotationEnabled"] and described["RotationRules"] == {"AutomaticallyAfterDays": 7}
    aws("rds").delete_db_cluster(DBClusterIdentifier="one", SkipFinalSnapshot=True)
    with refused("ResourceNotFoundException"):
        secrets.describe_secret(SecretId=arn)


def test_it_goes_with_a_cluster_that_takes_its_time(sandbox, aws, secrets, cluster):
    arn = cluster()["MasterUserSecret"]["SecretArn"]
    sandbox.control("PUT", "time-scale", {"scale": 0.01})
    aws("rds").delete_db_cluster(DBClusterIdentifier="one", SkipFinalSnapshot=True)
    assert secrets.describe_secret(SecretId=arn)["OwningService"] == "rds"
    sandbox.control("POST", "advance", {"seconds": 60})
    assert aws("rds").describe_db_clusters()["DBClusters"] == []
    with refused("ResourceNotFoundException"):
        secrets.describe_secret(SecretId=arn)


def test_its_tags_are_those_of_rds_and_not_the_clusters(aws, cluster):
    made = cluster()
    arn = made["MasterUserSecret"]["SecretArn"]
    tagged = aws("resourcegroupstaggingapi").get_resources(ResourceTypeFilters=["secretsmanager"])
    found = {one["ResourceARN"]: one["Tags"] for one in tagged["ResourceTagMappingList"]}
    assert {tag["Key"]: tag["Value"] for tag in found[arn]} == {
        "aws:rds:primaryDBClusterArn": made["DBClusterArn"],
        "aws:secretsmanager:owningService": "rds",
    }


def test_nobody_but_rds_changes_or_deletes_it(secrets, cluster):
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
    # Other secrets are their owner's.
    secrets.create_secret(Name="ours", SecretString="old")
    secrets.update_secret(SecretId="ours", SecretString="new")
    secrets.delete_secret(SecretId="ours", ForceDeleteWithoutRecovery=True)


def test_its_schedule_is_the_accounts(aws, secrets, cluster, function):
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


def test_it_is_given_and_taken_in_place(aws, secrets, settings):
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


def test_a_password_comes_from_one_place(aws, cluster, settings):
    with refused("InvalidParameterCombination"):
        cluster(MasterUserPassword="verysecret12")
    with refused("InvalidParameterCombination"):
        aws("rds").create_db_cluster(**without(settings, "ManageMasterUserPassword"), MasterUserPassword="verysecret12")
    with refused("InvalidParameterValue"):
        aws("rds").create_db_cluster(**without(settings, "ManageMasterUserPassword", "MasterUserSecretKmsKeyId"))
    assert aws("rds").describe_db_clusters()["DBClusters"] == []


def test_there_is_none_in_a_global_database(aws, cluster, settings):
    rds = aws("rds")
    rds.create_global_cluster(GlobalClusterIdentifier="all", Engine="aurora-postgresql", EngineVersion="14.18")
    with refused("InvalidParameterCombination"):
        cluster(GlobalClusterIdentifier="all")
    made = cluster()
    with refused("InvalidDBClusterStateFault"):
        rds.create_global_cluster(GlobalClusterIdentifier="more", SourceDBClusterIdentifier=made["DBClusterArn"])
    plain = without(settings, "ManageMasterUserPassword", "MasterUserSecretKmsKeyId", "DBClusterIdentifier")
    rds.create_db_cluster(
        **plain, DBClusterIdentifier="two", MasterUserPassword="verysecret12", GlobalClusterIdentifier="all"
    )
    with refused("InvalidParameterCombination"):
        rds.modify_db_cluster(DBClusterIdentifier="two", ManageMasterUserPassword=True)


def test_postgresql_14_is_offered_without_its_retired_minor_versions(aws, cluster):
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
