"""Modifications of instances, groups, global clusters and subscriptions are read back."""

import pytest
from support import TAGS, a_subnet, a_vpc, assert_contains, refused

ENGINE = {"Engine": "aurora-mysql", "DBClusterIdentifier": "c"}
FAMILY = {"DBParameterGroupFamily": "aurora-mysql8.0", "Description": "d"}


@pytest.fixture
def rds(aws):
    return aws("rds")


@pytest.fixture
def subnets(aws):
    ec2 = aws("ec2")
    vpc = a_vpc(ec2)
    return {zone: a_subnet(ec2, vpc, f"10.0.{i}.0/24", f"us-east-1{zone}") for i, zone in enumerate("abc")}


@pytest.fixture
def group(rds, subnets):
    params = {"DBSubnetGroupName": "g", "DBSubnetGroupDescription": "d", "SubnetIds": [subnets["a"], subnets["b"]]}
    return rds.create_db_subnet_group(**params, Tags=TAGS)["DBSubnetGroup"]


@pytest.fixture
def instance(rds, group):
    login = {"MasterUsername": "m", "MasterUserPassword": "verysecret"}
    rds.create_db_cluster(**ENGINE, **login, DBSubnetGroupName="g")
    one = {"DBInstanceIdentifier": "i", "DBInstanceClass": "db.r6g.large", "AvailabilityZone": "us-east-1b"}
    return rds.create_db_instance(**ENGINE, **one)["DBInstance"]


def test_subnet_group(rds, subnets, group):
    params = {"SubnetIds": [subnets["b"], subnets["c"]], "DBSubnetGroupDescription": "other"}
    rds.modify_db_subnet_group(DBSubnetGroupName="g", **params)
    read = rds.describe_db_subnet_groups(DBSubnetGroupName="g")["DBSubnetGroups"][0]
    assert_contains(read["Subnets"], [{"SubnetIdentifier": one} for one in params["SubnetIds"]])
    assert_contains(read, {"DBSubnetGroupDescription": "other", "DBSubnetGroupArn": group["DBSubnetGroupArn"]})
    assert rds.list_tags_for_resource(ResourceName=group["DBSubnetGroupArn"])["TagList"] == TAGS
    answer = rds.modify_db_subnet_group(DBSubnetGroupName="g", SubnetIds=list(subnets.values()))["DBSubnetGroup"]
    assert_contains(answer, {"DBSubnetGroupDescription": "other", "VpcId": group["VpcId"]})
    assert len(answer["Subnets"]) == 3


def test_invalid_subnets_are_refused(aws, rds, subnets, group):
    def modify(*ids, name="g"):
        rds.modify_db_subnet_group(DBSubnetGroupName=name, SubnetIds=list(ids))

    with refused("DBSubnetGroupNotFoundFault"):
        modify(subnets["a"], subnets["b"], name="none")
    with refused("DBSubnetGroupDoesNotCoverEnoughAZs"):
        modify(subnets["a"])
    with refused("InvalidSubnet"):
        modify(subnets["a"], "subnet-00000000")
    with refused("InvalidSubnet"):
        modify(subnets["a"], a_subnet(aws("ec2"), az="us-east-1b"))


def test_used_subnet_is_not_removed_from_its_group(rds, subnets, instance):
    assert_contains(instance, {"AvailabilityZone": "us-east-1b"})
    with refused("SubnetAlreadyInUse"):
        rds.modify_db_subnet_group(DBSubnetGroupName="g", SubnetIds=[subnets["a"], subnets["c"]])
    rds.modify_db_subnet_group(DBSubnetGroupName="g", SubnetIds=[subnets["b"], subnets["c"]])
    shown = rds.describe_db_instances()["DBInstances"][0]["DBSubnetGroup"]
    assert_contains(shown["Subnets"], [{"SubnetIdentifier": subnets[zone]} for zone in "bc"])


def test_instance(rds, instance):
    params = {
        "PerformanceInsightsKMSKeyId": "arn:aws:kms:us-east-1:123456789012:key/k",
        "PerformanceInsightsRetentionPeriod": 31,
        "MonitoringInterval": 15,
        "MonitoringRoleArn": "arn:aws:iam::123456789012:role/monitoring",
        "CACertificateIdentifier": "rds-ca-ecc384-g1",
        "PromotionTier": 7,
        "AutoMinorVersionUpgrade": False,
        "DBInstanceClass": "db.r6g.xlarge",
        "PubliclyAccessible": False,
    }

    def read():
        return rds.describe_db_instances(DBInstanceIdentifier="i")["DBInstances"][0]

    answer = rds.modify_db_instance(
        DBInstanceIdentifier="i", ApplyImmediately=True, EnablePerformanceInsights=True, **params
    )["DBInstance"]
    for shown in (answer, read()):
        assert_contains(shown, {**params, "PerformanceInsightsEnabled": True})
    assert_contains(read(), {"CertificateDetails": {"CAIdentifier": "rds-ca-ecc384-g1"}})
    member = rds.describe_db_clusters()["DBClusters"][0]["DBClusterMembers"][0]
    assert_contains(member, {"DBInstanceIdentifier": "i", "PromotionTier": 7})
    rds.modify_db_instance(DBInstanceIdentifier="i", EnablePerformanceInsights=False, ApplyImmediately=True)
    assert_contains(read(), {"PerformanceInsightsEnabled": False, "MonitoringInterval": 15})
    assert read().keys().isdisjoint({"PerformanceInsightsKMSKeyId", "PerformanceInsightsRetentionPeriod"})


def test_instance_parameter_group(rds, instance):
    rds.create_db_parameter_group(DBParameterGroupName="p", **FAMILY)
    rds.modify_db_instance(DBInstanceIdentifier="i", DBParameterGroupName="p", ApplyImmediately=True)
    groups = rds.describe_db_instances()["DBInstances"][0]["DBParameterGroups"]
    assert_contains(groups, [{"DBParameterGroupName": "p", "ParameterApplyStatus": "in-sync"}])


PARAMETERS = {
    "slow_query_log": "1",
    "long_query_time": "2",
    "max_connections": "500",
}
RESETTABLE = pytest.mark.parametrize(
    ("kind", "named_by", "read"),
    [
        ("db_cluster_parameter_group", "DBClusterParameterGroupName", "describe_db_cluster_parameters"),
        ("db_parameter_group", "DBParameterGroupName", "describe_db_parameters"),
    ],
)


@RESETTABLE
def test_parameters_reset(rds, kind, named_by, read):
    name = {named_by: "p"}
    reset = getattr(rds, f"reset_{kind}")
    with refused("DBParameterGroupNotFound"):
        reset(**name, ResetAllParameters=True)
    getattr(rds, f"create_{kind}")(**name, **FAMILY)
    set_to = [{"ParameterName": k, "ParameterValue": v, "ApplyMethod": "immediate"} for k, v in PARAMETERS.items()]
    getattr(rds, f"modify_{kind}")(**name, Parameters=set_to)

    def values():
        return {one["ParameterName"]: one["ParameterValue"] for one in getattr(rds, read)(**name)["Parameters"]}

    assert values() == PARAMETERS
    one = [{"ParameterName": "slow_query_log", "ApplyMethod": "immediate"}]
    with refused("InvalidParameterCombination"):
        reset(**name, Parameters=one, ResetAllParameters=True)
    assert reset(**name, Parameters=one)[named_by] == "p"
    assert values() == {"long_query_time": "2", "max_connections": "500"}
    reset(**name, ResetAllParameters=True)
    assert values() == {}


def test_global_cluster(rds, instance):
    cluster = rds.describe_db_clusters()["DBClusters"][0]["DBClusterArn"]
    rds.create_global_cluster(GlobalClusterIdentifier="g", SourceDBClusterIdentifier=cluster, Tags=TAGS)
    rds.modify_global_cluster(GlobalClusterIdentifier="g", DeletionProtection=True)

    def read(name):
        return rds.describe_global_clusters(GlobalClusterIdentifier=name)["GlobalClusters"][0]

    assert_contains(read("g"), {"DeletionProtection": True, "TagList": TAGS})
    version = "8.0.mysql_aurora.3.10.0"
    rds.modify_global_cluster(GlobalClusterIdentifier="g", EngineVersion=version, DeletionProtection=False)
    assert_contains(read("g"), {"DeletionProtection": False, "EngineVersion": version})
    assert rds.describe_db_clusters()["DBClusters"][0]["EngineVersion"] == version
    assert rds.describe_db_instances()["DBInstances"][0]["EngineVersion"] == version
    renamed = rds.modify_global_cluster(GlobalClusterIdentifier="g", NewGlobalClusterIdentifier="h")["GlobalCluster"]
    assert renamed["GlobalClusterArn"].endswith(":global-cluster:h")
    assert_contains(read("h")["GlobalClusterMembers"], [{"DBClusterArn": cluster}])
    with refused("GlobalClusterNotFoundFault"):
        rds.modify_global_cluster(GlobalClusterIdentifier="g", DeletionProtection=True)


@pytest.fixture
def subscription(aws, rds):
    topic = aws("sns").create_topic(Name="events")["TopicArn"]
    params = {"SubscriptionName": "s", "SnsTopicArn": topic, "SourceType": "db-cluster"}
    rds.create_event_subscription(**params, EventCategories=["failover"], Enabled=True)
    return lambda: rds.describe_event_subscriptions(SubscriptionName="s")["EventSubscriptionsList"][0]


def test_subscription(aws, rds, subscription):
    topic = aws("sns").create_topic(Name="others")["TopicArn"]
    params = {"SnsTopicArn": topic, "SourceType": "db-instance", "Enabled": False}
    answer = rds.modify_event_subscription(SubscriptionName="s", EventCategories=["failure"], **params)
    assert answer["EventSubscription"]["Status"] == "modifying"
    assert_contains(subscription(), {**params, "EventCategoriesList": ["failure"], "Status": "active"})
    with refused("SubscriptionNotFound"):
        rds.modify_event_subscription(SubscriptionName="none", Enabled=True)


def test_sources_of_a_subscription(rds, subscription, instance):
    rds.add_source_identifier_to_subscription(SubscriptionName="s", SourceIdentifier="c")
    again = rds.add_source_identifier_to_subscription(SubscriptionName="s", SourceIdentifier="c")
    assert again["EventSubscription"]["SourceIdsList"] == ["c"] == subscription()["SourceIdsList"]
    with refused("SourceNotFound"):
        rds.add_source_identifier_to_subscription(SubscriptionName="s", SourceIdentifier="none")
    with refused("SubscriptionNotFound"):
        rds.add_source_identifier_to_subscription(SubscriptionName="none", SourceIdentifier="c")
    rds.remove_source_identifier_from_subscription(SubscriptionName="s", SourceIdentifier="c")
    assert not subscription().get("SourceIdsList")
    with refused("SourceNotFound"):
        rds.remove_source_identifier_from_subscription(SubscriptionName="s", SourceIdentifier="c")
