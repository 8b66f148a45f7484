import pytest
from support import TAGS, assert_contains, refused

VERSION = "8.0.mysql_aurora.3.08.0"


@pytest.fixture
def rds(aws):
    return aws("rds")


def a_subnet_group(aws, region="us-east-1", name="group"):
    ec2 = aws("ec2", region)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=f"{region}{zone}")["Subnet"][
            "SubnetId"
        ]
        for i, zone in enumerate("ab")
    ]
    aws("rds", region).create_db_subnet_group(
        DBSubnetGroupName=name, DBSubnetGroupDescription="d", SubnetIds=subnets, Tags=TAGS
    )
    group = ec2.create_security_group(GroupName="db", Description="d", VpcId=vpc)["GroupId"]
    return subnets, group


def cluster_settings(aws, group):
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    return {
        "DBClusterIdentifier": "one",
        "Engine": "aurora-mysql",
        "EngineVersion": VERSION,
        "MasterUsername": "master",
        "MasterUserPassword": "verysecret12",
        "DatabaseName": "payments",
        "DBSubnetGroupName": "group",
        "VpcSecurityGroupIds": [group],
        "StorageEncrypted": True,
        "KmsKeyId": key,
        "BackupRetentionPeriod": 7,
        "PreferredBackupWindow": "03:00-04:00",
        "PreferredMaintenanceWindow": "sun:05:00-sun:06:00",
        "EnableCloudwatchLogsExports": ["audit", "error"],
        "EnableIAMDatabaseAuthentication": True,
        "DeletionProtection": False,
        "CopyTagsToSnapshot": True,
        "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4.0},
        "Port": 3306,
        "Tags": TAGS,
    }


def test_subnet_group(aws, rds):
    subnets, _ = a_subnet_group(aws)
    read = rds.describe_db_subnet_groups(DBSubnetGroupName="group")["DBSubnetGroups"][0]
    assert_contains(read["Subnets"], [{"SubnetIdentifier": one} for one in subnets])
    assert rds.list_tags_for_resource(ResourceName=read["DBSubnetGroupArn"])["TagList"] == TAGS
    with refused("DBSubnetGroupAlreadyExists"):
        rds.create_db_subnet_group(DBSubnetGroupName="group", DBSubnetGroupDescription="d", SubnetIds=subnets)


def test_cluster_and_instances(aws, rds):
    subnets, group = a_subnet_group(aws)
    params = cluster_settings(aws, group)
    rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName="params", DBParameterGroupFamily="aurora-mysql8.0", Description="d", Tags=TAGS
    )
    params["DBClusterParameterGroupName"] = "params"
    rds.create_db_cluster(**params)
    with refused("DBClusterAlreadyExistsFault"):
        rds.create_db_cluster(**params)
    expected = {
        **{
            name: params[name]
            for name in (
                "DBClusterIdentifier Engine EngineVersion MasterUsername DatabaseName StorageEncrypted KmsKeyId"
                " BackupRetentionPeriod PreferredBackupWindow PreferredMaintenanceWindow DeletionProtection"
                " CopyTagsToSnapshot Port"
            ).split()
        },
        "Status": "available",
        "DBSubnetGroup": "group",
        "VpcSecurityGroups": [{"VpcSecurityGroupId": group, "Status": "active"}],
        "EnabledCloudwatchLogsExports": ["audit", "error"],
        "IAMDatabaseAuthenticationEnabled": True,
        "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4.0},
        "DBClusterParameterGroup": "params",
        "TagList": TAGS,
    }
    assert_contains(rds.describe_db_clusters(DBClusterIdentifier="one")["DBClusters"], [expected])
    instance = {
        "DBInstanceClass": "db.serverless",
        "Engine": "aurora-mysql",
        "DBClusterIdentifier": "one",
        "PubliclyAccessible": False,
        "AutoMinorVersionUpgrade": False,
        "PromotionTier": 1,
        "MonitoringInterval": 60,
        "MonitoringRoleArn": "arn:aws:iam::123456789012:role/monitoring",
        "CACertificateIdentifier": "rds-ca-rsa2048-g1",
    }
    for number, zone in enumerate(("us-east-1a", "us-east-1b")):
        rds.create_db_instance(
            DBInstanceIdentifier=f"one-{number}",
            AvailabilityZone=zone,
            EnablePerformanceInsights=True,
            PerformanceInsightsKMSKeyId=params["KmsKeyId"],
            PerformanceInsightsRetentionPeriod=7,
            Tags=TAGS,
            **instance,
        )
        with refused("DBInstanceAlreadyExists"):
            rds.create_db_instance(DBInstanceIdentifier=f"one-{number}", **instance)
        assert_contains(
            rds.describe_db_instances(DBInstanceIdentifier=f"one-{number}")["DBInstances"],
            [
                {
                    **instance,
                    "DBInstanceStatus": "available",
                    "AvailabilityZone": zone,
                    "PerformanceInsightsEnabled": True,
                    "PerformanceInsightsKMSKeyId": params["KmsKeyId"],
                    "PerformanceInsightsRetentionPeriod": 7,
                    "StorageEncrypted": True,
                    "KmsKeyId": params["KmsKeyId"],
                    "DBSubnetGroup": {"DBSubnetGroupName": "group"},
                    "TagList": TAGS,
                }
            ],
        )
    cluster = rds.describe_db_clusters(DBClusterIdentifier="one")["DBClusters"][0]
    assert_contains(
        cluster["DBClusterMembers"],
        [
            {"DBInstanceIdentifier": "one-0", "IsClusterWriter": True, "PromotionTier": 1},
            {"DBInstanceIdentifier": "one-1", "IsClusterWriter": False},
        ],
    )
    assert cluster["Endpoint"] != cluster["ReaderEndpoint"]
    by_tag = rds.describe_db_instances(Filters=[{"Name": "db-cluster-id", "Values": ["one"]}])["DBInstances"]
    assert len(by_tag) == 2
    with refused("InvalidDBClusterStateFault"):
        rds.delete_db_cluster(DBClusterIdentifier="one", SkipFinalSnapshot=True)
    with refused("InvalidDBSubnetGroupStateFault"):
        rds.delete_db_subnet_group(DBSubnetGroupName="group")
    a_subnet_group(aws, name="unused")
    rds.delete_db_subnet_group(DBSubnetGroupName="unused")
    with refused("InvalidDBParameterGroupState"):
        rds.delete_db_cluster_parameter_group(DBClusterParameterGroupName="params")
    with refused("DependencyViolation"):
        aws("ec2").delete_subnet(SubnetId=subnets[0])
    with refused("DependencyViolation"):
        aws("ec2").delete_security_group(GroupId=group)
    rds.modify_db_instance(
        DBInstanceIdentifier="one-0",
        PromotionTier=0,
        MonitoringInterval=0,
        ApplyImmediately=True,
        EnablePerformanceInsights=False,
    )
    assert_contains(
        rds.describe_db_instances(DBInstanceIdentifier="one-0")["DBInstances"],
        [{"PromotionTier": 0, "MonitoringInterval": 0, "PerformanceInsightsEnabled": False, "TagList": TAGS}],
    )
    for number in range(2):
        rds.delete_db_instance(DBInstanceIdentifier=f"one-{number}", SkipFinalSnapshot=True)
    rds.delete_db_cluster(DBClusterIdentifier="one", SkipFinalSnapshot=True)
    with refused("DBClusterNotFoundFault"):
        rds.describe_db_clusters(DBClusterIdentifier="one")
    rds.delete_db_subnet_group(DBSubnetGroupName="group")
    rds.delete_db_cluster_parameter_group(DBClusterParameterGroupName="params")


def test_modify_cluster(aws, rds):
    _, group = a_subnet_group(aws)
    rds.create_db_cluster(**cluster_settings(aws, group))
    rds.modify_db_cluster(
        DBClusterIdentifier="one",
        ApplyImmediately=True,
        BackupRetentionPeriod=14,
        PreferredBackupWindow="01:00-02:00",
        PreferredMaintenanceWindow="mon:05:00-mon:06:00",
        ServerlessV2ScalingConfiguration={"MinCapacity": 1.0, "MaxCapacity": 8.0},
        CloudwatchLogsExportConfiguration={"EnableLogTypes": ["slowquery"], "DisableLogTypes": ["audit"]},
        DeletionProtection=True,
        EnableIAMDatabaseAuthentication=False,
        CopyTagsToSnapshot=False,
    )
    assert_contains(
        rds.describe_db_clusters(DBClusterIdentifier="one")["DBClusters"][0],
        {
            "BackupRetentionPeriod": 14,
            "PreferredBackupWindow": "01:00-02:00",
            "PreferredMaintenanceWindow": "mon:05:00-mon:06:00",
            "ServerlessV2ScalingConfiguration": {"MinCapacity": 1.0, "MaxCapacity": 8.0},
            "EnabledCloudwatchLogsExports": ["error", "slowquery"],
            "DeletionProtection": True,
            "IAMDatabaseAuthenticationEnabled": False,
            "CopyTagsToSnapshot": False,
            "TagList": TAGS,
        },
    )
    with refused("InvalidParameterCombination"):
        rds.delete_db_cluster(DBClusterIdentifier="one", SkipFinalSnapshot=True)


def test_cluster_parameters(aws, rds):
    rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName="params", DBParameterGroupFamily="aurora-mysql8.0", Description="d", Tags=TAGS
    )
    with refused("DBParameterGroupAlreadyExists"):
        rds.create_db_cluster_parameter_group(
            DBClusterParameterGroupName="params", DBParameterGroupFamily="aurora-mysql8.0", Description="d"
        )
    rds.modify_db_cluster_parameter_group(
        DBClusterParameterGroupName="params",
        Parameters=[
            {"ParameterName": "require_secure_transport", "ParameterValue": "ON", "ApplyMethod": "immediate"},
            {"ParameterName": "binlog_format", "ParameterValue": "ROW", "ApplyMethod": "pending-reboot"},
        ],
    )
    read = rds.describe_db_cluster_parameters(DBClusterParameterGroupName="params", Source="user")["Parameters"]
    assert_contains(
        read,
        [
            {"ParameterName": "require_secure_transport", "ParameterValue": "ON", "ApplyMethod": "immediate"},
            {"ParameterName": "binlog_format", "ParameterValue": "ROW", "ApplyMethod": "pending-reboot"},
        ],
    )
    group = rds.describe_db_cluster_parameter_groups(DBClusterParameterGroupName="params")["DBClusterParameterGroups"][
        0
    ]
    assert group["DBParameterGroupFamily"] == "aurora-mysql8.0"
    assert rds.list_tags_for_resource(ResourceName=group["DBClusterParameterGroupArn"])["TagList"] == TAGS
    rds.create_db_parameter_group(
        DBParameterGroupName="instance", DBParameterGroupFamily="aurora-mysql8.0", Description="d", Tags=TAGS
    )
    rds.modify_db_parameter_group(
        DBParameterGroupName="instance",
        Parameters=[{"ParameterName": "slow_query_log", "ParameterValue": "1", "ApplyMethod": "immediate"}],
    )
    assert_contains(
        rds.describe_db_parameters(DBParameterGroupName="instance", Source="user")["Parameters"],
        [{"ParameterName": "slow_query_log", "ParameterValue": "1"}],
    )


def test_engine_versions(rds):
    mysql = rds.describe_db_engine_versions(Engine="aurora-mysql")["DBEngineVersions"]
    assert {v["DBParameterGroupFamily"] for v in mysql} == {"aurora-mysql8.0"}
    assert "8.0.mysql_aurora.3.04.0" in [v["EngineVersion"] for v in mysql]
    assert all("audit" in v["ExportableLogTypes"] and v["SupportsGlobalDatabases"] for v in mysql)
    assert len(rds.describe_db_engine_versions(Engine="aurora-mysql", DefaultOnly=True)["DBEngineVersions"]) == 1
    one = rds.describe_db_engine_versions(Engine="aurora-mysql", EngineVersion=VERSION)["DBEngineVersions"]
    assert [v["EngineVersion"] for v in one] == [VERSION]
    postgres = rds.describe_db_engine_versions(Engine="aurora-postgresql")["DBEngineVersions"]
    assert {"aurora-postgresql14", "aurora-postgresql16"} <= {v["DBParameterGroupFamily"] for v in postgres}
    assert rds.describe_db_engine_versions(Engine="aurora-postgresql", EngineVersion="16")["DBEngineVersions"]
    assert not rds.describe_db_engine_versions(Engine="aurora-mysql", EngineVersion="9.9")["DBEngineVersions"]


def test_global_cluster(aws, rds):
    _, group = a_subnet_group(aws)
    _, other_group = a_subnet_group(aws, "us-east-2", "dr")
    other = aws("rds", "us-east-2")
    rds.create_db_cluster(**cluster_settings(aws, group))
    arn = rds.describe_db_clusters(DBClusterIdentifier="one")["DBClusters"][0]["DBClusterArn"]
    rds.create_global_cluster(GlobalClusterIdentifier="global", SourceDBClusterIdentifier=arn, Tags=TAGS)
    with refused("GlobalClusterAlreadyExistsFault"):
        rds.create_global_cluster(GlobalClusterIdentifier="global", SourceDBClusterIdentifier=arn)
    key = aws("kms", "us-east-2").create_key()["KeyMetadata"]["Arn"]
    other.create_db_cluster(
        DBClusterIdentifier="two",
        Engine="aurora-mysql",
        EngineVersion=VERSION,
        GlobalClusterIdentifier="global",
        DBSubnetGroupName="dr",
        VpcSecurityGroupIds=[other_group],
        StorageEncrypted=True,
        KmsKeyId=key,
        Tags=TAGS,
    )
    second = other.describe_db_clusters(DBClusterIdentifier="two")["DBClusters"][0]["DBClusterArn"]
    for client in (rds, other):
        read = client.describe_global_clusters(GlobalClusterIdentifier="global")["GlobalClusters"][0]
        assert_contains(
            read["GlobalClusterMembers"],
            [
                {"DBClusterArn": arn, "IsWriter": True, "Readers": [second]},
                {"DBClusterArn": second, "IsWriter": False},
            ],
        )
        assert_contains(
            read,
            {
                "Engine": "aurora-mysql",
                "EngineVersion": VERSION,
                "StorageEncrypted": True,
                "Status": "available",
                "TagList": TAGS,
            },
        )
    with refused("InvalidGlobalClusterStateFault"):
        rds.delete_global_cluster(GlobalClusterIdentifier="global")
    with refused("InvalidDBClusterStateFault"):
        rds.delete_db_cluster(DBClusterIdentifier="one", SkipFinalSnapshot=True)
    other.remove_from_global_cluster(GlobalClusterIdentifier="global", DbClusterIdentifier=second)
    members = rds.describe_global_clusters(GlobalClusterIdentifier="global")["GlobalClusters"][0][
        "GlobalClusterMembers"
    ]
    assert [m["DBClusterArn"] for m in members] == [arn]
    other.delete_db_cluster(DBClusterIdentifier="two", SkipFinalSnapshot=True)
    rds.remove_from_global_cluster(GlobalClusterIdentifier="global", DbClusterIdentifier=arn)
    rds.delete_db_cluster(DBClusterIdentifier="one", SkipFinalSnapshot=True)
    rds.delete_global_cluster(GlobalClusterIdentifier="global")
    with refused("GlobalClusterNotFoundFault"):
        rds.describe_global_clusters(GlobalClusterIdentifier="global")


def test_event_subscription(aws, rds):
    topic = aws("sns").create_topic(Name="events")["TopicArn"]
    params = {
        "SubscriptionName": "failures",
        "SnsTopicArn": topic,
        "SourceType": "db-cluster",
        "EventCategories": ["failover", "failure"],
        "Enabled": True,
    }
    arn = rds.create_event_subscription(Tags=TAGS, **params)["EventSubscription"]["EventSubscriptionArn"]
    read = rds.describe_event_subscriptions(SubscriptionName="failures")["EventSubscriptionsList"]
    expected = {
        "CustSubscriptionId": "failures",
        "SnsTopicArn": topic,
        "SourceType": "db-cluster",
        "EventCategoriesList": ["failover", "failure"],
        "Enabled": True,
        "Status": "active",
    }
    assert_contains(read, [expected])
    assert rds.list_tags_for_resource(ResourceName=arn)["TagList"] == TAGS
    rds.modify_event_subscription(SubscriptionName="failures", EventCategories=["failover"], Enabled=False)
    assert_contains(
        rds.describe_event_subscriptions(SubscriptionName="failures")["EventSubscriptionsList"],
        [{**expected, "EventCategoriesList": ["failover"], "Enabled": False}],
    )


def test_failover_switches_the_writer(aws, rds):
    _, group = a_subnet_group(aws)
    rds.create_db_cluster(**cluster_settings(aws, group))
    for number in range(2):
        rds.create_db_instance(
            DBInstanceIdentifier=f"i{number}",
            DBInstanceClass="db.serverless",
            Engine="aurora-mysql",
            DBClusterIdentifier="one",
        )
    rds.failover_db_cluster(DBClusterIdentifier="one", TargetDBInstanceIdentifier="i1")
    members = rds.describe_db_clusters(DBClusterIdentifier="one")["DBClusters"][0]["DBClusterMembers"]
    assert [m["DBInstanceIdentifier"] for m in members if m["IsClusterWriter"]] == ["i1"]
