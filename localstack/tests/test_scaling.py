"""Application Auto Scaling: targets of existing resources, and their policies."""

from __future__ import annotations

import pytest
from support import refused

ECS = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount", "ResourceId": "service/blue/api"}
RDS = {"ServiceNamespace": "rds", "ScalableDimension": "rds:cluster:ReadReplicaCount", "ResourceId": "cluster:blue"}
ENDS = {"MinCapacity": 1, "MaxCapacity": 3}


@pytest.fixture
def scaling(aws):
    ecs = aws("ecs")
    ecs.create_cluster(clusterName="blue")
    container = {"name": "app", "image": "nginx", "memory": 512}
    ecs.register_task_definition(family="api", containerDefinitions=[container])
    ecs.create_service(cluster="blue", serviceName="api", taskDefinition="api", desiredCount=0)
    return aws("application-autoscaling")


def policy(scaling, value, name="cpu"):
    metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    tracking = {"TargetValue": value, "PredefinedMetricSpecification": metric}
    kind = {"PolicyName": name, "PolicyType": "TargetTrackingScaling"}
    created = scaling.put_scaling_policy(**ECS, **kind, TargetTrackingScalingPolicyConfiguration=tracking)
    return created["PolicyARN"]


def test_only_existing_resources_are_scaled(aws, scaling):
    with refused("ValidationException"):
        scaling.register_scalable_target(**{**ECS, "ResourceId": "service/blue/other"}, **ENDS)
    with refused("ValidationException"):
        scaling.register_scalable_target(**RDS, **ENDS)
    with refused("ValidationException"):
        scaling.register_scalable_target(**ECS)
    with refused("ValidationException"):
        scaling.register_scalable_target(**ECS, MinCapacity=3, MaxCapacity=1)
    rds = aws("rds")
    rds.create_db_cluster(
        DBClusterIdentifier="blue", Engine="aurora-mysql", MasterUsername="owner", MasterUserPassword="0123456789"
    )
    scaling.register_scalable_target(**RDS, **ENDS)
    assert len(scaling.describe_scalable_targets(ServiceNamespace="rds")["ScalableTargets"]) == 1


def test_target_has_tags_from_its_registration(scaling):
    arn = scaling.register_scalable_target(**ECS, **ENDS, Tags={"Suffix": "t1"})["ScalableTargetARN"]
    with refused("ValidationException"):
        scaling.register_scalable_target(**ECS, Tags={"Suffix": "t2"})
    assert scaling.register_scalable_target(**ECS, MaxCapacity=5)["ScalableTargetARN"] == arn
    scaling.tag_resource(ResourceARN=arn, Tags={"Step": "a"})
    scaling.untag_resource(ResourceARN=arn, TagKeys=["Suffix"])
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"Step": "a"}


def test_tagging_api_finds_targets(aws, scaling):
    arn = scaling.register_scalable_target(**ECS, **ENDS, Tags={"Suffix": "t1"})["ScalableTargetARN"]
    params = [{"Key": "Suffix", "Values": ["t1"]}]
    tagging = aws("resourcegroupstaggingapi")
    found = tagging.get_resources(TagFilters=params)["ResourceTagMappingList"]
    assert [one["ResourceARN"] for one in found] == [arn]


def test_policy_keeps_its_arn_and_is_deleted_with_its_target(aws, scaling):
    with refused("ObjectNotFoundException"):
        policy(scaling, 60)
    scaling.register_scalable_target(**ECS, **ENDS)

    def alarms():
        return len(aws("cloudwatch").describe_alarms()["MetricAlarms"])

    assert policy(scaling, 60) == policy(scaling, 70)
    assert alarms() == 2
    scaling.deregister_scalable_target(**ECS)
    assert (alarms(), scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]) == (0, [])
    with refused("ObjectNotFoundException"):
        scaling.deregister_scalable_target(**ECS)
    with refused("ObjectNotFoundException"):
        scaling.delete_scaling_policy(**ECS, PolicyName="cpu")
