"""Clusters, task definitions and services on Fargate."""

from __future__ import annotations

import json

import pytest
from support import TAGS, refused, two_subnets

IMAGE = "public.ecr.aws/docker/library/nginx:1.29"
ECS_TAGS = [{"key": tag["Key"], "value": tag["Value"]} for tag in TAGS]


def register(ecs, image=IMAGE, **more):
    container = {"name": "app", "image": image, "portMappings": [{"containerPort": 8080}]}
    params = {
        "family": "api",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [container],
    }
    return ecs.register_task_definition(**{**params, **more})["taskDefinition"]["taskDefinitionArn"]


@pytest.fixture
def network(aws):
    """A cluster, subnets and a security group in a network."""
    ec2 = aws("ec2")
    vpc, *subnets = two_subnets(ec2)
    group = ec2.create_security_group(GroupName="tasks", Description="tasks", VpcId=vpc)["GroupId"]
    aws("ecs").create_cluster(clusterName="blue")
    return {"vpc": vpc, "subnets": subnets, "securityGroups": [group]}


def make(ecs, network, definition, number=2, **more):
    awsvpc = {"subnets": network["subnets"], "securityGroups": network["securityGroups"]}
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    params = {
        "cluster": "blue",
        "serviceName": "api",
        "taskDefinition": definition,
        "desiredCount": number,
        "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": awsvpc},
        "deploymentConfiguration": breaker,
    }
    return ecs.create_service(**{**params, **more})["service"]


def look(ecs, **more):
    return ecs.describe_services(cluster="blue", services=["api"], **more)["services"][0]


def interfaces(aws):
    all_of_them = aws("ec2").describe_network_interfaces()["NetworkInterfaces"]
    return [one for one in all_of_them if ":attachment/" in one["Description"]]


def test_cluster_names_are_unique_and_settings_are_optional(aws):
    ecs = aws("ecs")
    ecs.create_cluster(clusterName="blue", tags=ECS_TAGS)
    ecs.create_cluster(clusterName="blue")
    setting = [{"name": "containerInsights", "value": "enhanced"}]
    ecs.update_cluster_settings(cluster="blue", settings=setting)
    assert "settings" not in ecs.describe_clusters(clusters=["blue"])["clusters"][0]
    described = ecs.describe_clusters(clusters=["blue"], include=["SETTINGS", "TAGS"])["clusters"][0]
    assert (described["settings"], described["tags"]) == (setting, ECS_TAGS)
    ecs.delete_cluster(cluster="blue")
    assert ecs.describe_clusters(clusters=["blue"])["clusters"][0]["status"] == "INACTIVE"
    assert ecs.list_clusters()["clusterArns"] == []
    with refused("ClusterNotFoundException"):
        ecs.describe_services(cluster="blue", services=["api"])


def test_cluster_with_a_service_is_not_deleted(aws, network):
    ecs = aws("ecs")
    make(ecs, network, register(ecs), number=0)
    with refused("ClusterContainsServicesException"):
        ecs.delete_cluster(cluster="blue")
    ecs.delete_service(cluster="blue", service="api")
    ecs.delete_cluster(cluster="blue")


def test_revisions_are_unique_and_family_means_newest_active(aws):
    ecs = aws("ecs")
    first, second = register(ecs), register(ecs)

    def newest():
        return ecs.describe_task_definition(taskDefinition="api")["taskDefinition"]["taskDefinitionArn"]

    assert newest() == second
    ecs.deregister_task_definition(taskDefinition=second)
    assert newest() == first
    assert ecs.describe_task_definition(taskDefinition=second)["taskDefinition"]["status"] == "INACTIVE"
    ecs.delete_task_definitions(taskDefinitions=[second])
    with refused("ClientException"):
        ecs.describe_task_definition(taskDefinition=second)
    assert register(ecs).endswith(":3")
    for revision in (first, newest()):
        ecs.deregister_task_definition(taskDefinition=revision)
    with refused("ClientException"):
        ecs.describe_task_definition(taskDefinition="api")


def test_deleting_task_definition_is_described_for_a_while(aws, sandbox):
    ecs = aws("ecs")
    revision = register(ecs)
    sandbox.control("PUT", "time-scale", {"scale": 1})
    ecs.deregister_task_definition(taskDefinition=revision)
    ecs.delete_task_definitions(taskDefinitions=[revision])
    status = ecs.describe_task_definition(taskDefinition=revision)["taskDefinition"]["status"]
    assert status == "DELETE_IN_PROGRESS"
    sandbox.control("POST", "advance", {"seconds": 61})
    with refused("ClientException"):
        ecs.describe_task_definition(taskDefinition=revision)


@pytest.mark.parametrize(
    "wrong",
    [
        {"memory": "4096"},
        {"networkMode": "bridge"},
        {"ephemeralStorage": {"sizeInGiB": 20}},
        {"containerDefinitions": [{"name": "app", "image": IMAGE, "privileged": True}]},
        {"containerDefinitions": [{"name": "app", "image": IMAGE, "mountPoints": [{"sourceVolume": "tmp"}]}]},
        {"containerDefinitions": [{"name": "app", "image": IMAGE, "secrets": [{"name": "A", "valueFrom": "b"}]}]},
    ],
)
def test_fargate_refuses_invalid_task_definitions(aws, wrong):
    with refused("ClientException"):
        register(aws("ecs"), **wrong)


def test_each_task_of_a_service_has_an_interface(aws, network):
    ecs = aws("ecs")
    definition = register(ecs)
    make(ecs, network, definition, tags=ECS_TAGS, enableExecuteCommand=False)
    described = look(ecs, include=["TAGS"])
    assert (described["runningCount"], described["pendingCount"], described["tags"]) == (2, 0, ECS_TAGS)
    assert [(one["status"], one["rolloutState"]) for one in described["deployments"]] == [("PRIMARY", "COMPLETED")]
    assert described["deploymentConfiguration"]["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert "tags" not in look(ecs)
    assert {one["SubnetId"] for one in interfaces(aws)} == set(network["subnets"])
    with refused("DependencyViolation"):
        aws("ec2").delete_subnet(SubnetId=network["subnets"][0])
    with refused("DependencyViolation"):
        aws("ec2").delete_security_group(GroupId=network["securityGroups"][0])
    ecs.update_service(cluster="blue", service="api", desiredCount=1)
    assert (look(ecs)["runningCount"], len(interfaces(aws))) == (1, 1)
    ecs.delete_service(cluster="blue", service="api", force=True)
    assert interfaces(aws) == []


def test_service_creation_and_deletion_take_time(aws, network, sandbox):
    ecs = aws("ecs")
    definition = register(ecs)
    sandbox.control("PUT", "time-scale", {"scale": 1})
    make(ecs, network, definition)
    described = look(ecs)
    assert (described["runningCount"], described["deployments"][0]["rolloutState"]) == (0, "IN_PROGRESS")
    sandbox.control("POST", "advance", {"seconds": 121})
    described = look(ecs)
    assert (described["runningCount"], described["deployments"][0]["rolloutState"]) == (2, "COMPLETED")
    with refused("InvalidParameterException"):
        ecs.delete_service(cluster="blue", service="api")
    ecs.delete_service(cluster="blue", service="api", force=True)
    assert look(ecs)["status"] == "DRAINING"
    with refused("InvalidParameterException"):
        make(ecs, network, definition)
    with refused("ServiceNotActiveException"):
        ecs.update_service(cluster="blue", service="api", desiredCount=1)
    with refused("ClusterContainsTasksException"):
        ecs.delete_cluster(cluster="blue")
    sandbox.control("POST", "advance", {"seconds": 61})
    assert (look(ecs)["status"], ecs.list_services(cluster="blue")["serviceArns"]) == ("INACTIVE", [])
    with refused("ServiceNotFoundException"):
        ecs.delete_service(cluster="blue", service="api")
    make(ecs, network, definition)


def test_create_service_is_idempotent_by_token(aws, network):
    ecs = aws("ecs")
    definition = register(ecs)
    first = make(ecs, network, definition, clientToken="a")
    assert make(ecs, network, definition, clientToken="a")["serviceArn"] == first["serviceArn"]
    with refused("InvalidParameterException"):
        make(ecs, network, definition, clientToken="b")


def test_deployment_with_missing_image_rolls_back(aws, network):
    ecs, ecr = aws("ecs"), aws("ecr")
    uri = ecr.create_repository(repositoryName="shop/api")["repository"]["repositoryUri"]
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "layers": [], "config": {"digest": "sha256:0"}})
    ecr.put_image(repositoryName="shop/api", imageManifest=manifest, imageTag="1")
    with refused("RepositoryNotEmptyException"):
        ecr.delete_repository(repositoryName="shop/api")
    good, bad = register(ecs, image=f"{uri}:1"), register(ecs, image=f"{uri}:2")
    make(ecs, network, bad)
    described = look(ecs)
    assert (described["runningCount"], described["deployments"][0]["rolloutState"]) == (0, "FAILED")
    ecs.update_service(cluster="blue", service="api", taskDefinition=good)
    assert look(ecs)["runningCount"] == 2
    ecs.update_service(cluster="blue", service="api", taskDefinition=bad)
    described = look(ecs)
    assert (described["taskDefinition"], described["runningCount"]) == (good, 2)
    states = [(one["status"], one["rolloutState"], one["taskDefinition"]) for one in described["deployments"]]
    assert states == [("PRIMARY", "COMPLETED", good), ("ACTIVE", "FAILED", bad)]
    assert any("CannotPullContainerError" in event["message"] for event in described["events"])


@pytest.fixture
def behind(aws, network):
    """A target group, and a function that makes a listener forward to it."""
    elb = aws("elbv2")
    group = elb.create_target_group(Name="api", TargetType="ip", Protocol="HTTP", Port=80, VpcId=network["vpc"])
    arn = group["TargetGroups"][0]["TargetGroupArn"]

    def forward():
        created = elb.create_load_balancer(Name="api", Subnets=network["subnets"], Scheme="internal")
        balancer = created["LoadBalancers"][0]["LoadBalancerArn"]
        action = {"Type": "forward", "TargetGroupArn": arn}
        elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[action])

    return arn, forward


def test_tasks_are_healthy_targets_of_a_used_group(aws, network, behind):
    ecs, elb = aws("ecs"), aws("elbv2")
    group, forward = behind
    definition = register(ecs)
    balancers = [{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}]
    with refused("InvalidParameterException"):
        make(ecs, network, definition, loadBalancers=balancers)
    forward()
    for wrong in ({"containerName": "other"}, {"containerPort": 80}):
        with refused("InvalidParameterException"):
            make(ecs, network, definition, loadBalancers=[{**balancers[0], **wrong}])
    with refused("InvalidParameterException"):
        make(ecs, network, definition, healthCheckGracePeriodSeconds=60)
    make(ecs, network, definition, loadBalancers=balancers, healthCheckGracePeriodSeconds=60)

    def targets():
        found = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return sorted((one["Target"]["Id"], one["Target"]["Port"], one["TargetHealth"]["State"]) for one in found)

    def reached():
        return sorted((one["PrivateIpAddress"], 8080, "healthy") for one in interfaces(aws))

    assert len(targets()) == 2 and targets() == reached()
    ecs.update_service(cluster="blue", service="api", desiredCount=1)
    assert len(targets()) == 1 and targets() == reached()
    ecs.update_service(cluster="blue", service="api", loadBalancers=[])
    assert targets() == []


def test_tagging_api_finds_existing_resources(aws, network):
    ecs, ecr = aws("ecs"), aws("ecr")
    ecr.create_repository(repositoryName="api", tags=TAGS)
    ecs.create_cluster(clusterName="green", tags=ECS_TAGS)
    make(ecs, network, register(ecs, tags=ECS_TAGS), number=1, tags=ECS_TAGS, propagateTags="SERVICE")

    def found():
        params = [{"Key": "Suffix", "Values": ["t1"]}]
        all_of_them = aws("resourcegroupstaggingapi").get_resources(TagFilters=params)["ResourceTagMappingList"]
        names = [one["ResourceARN"].split(":", 5)[5] for one in all_of_them]
        return {"a task" if name.startswith("task/blue/") else name for name in names}

    assert found() == {"repository/api", "cluster/green", "service/blue/api", "task-definition/api:1", "a task"}
    ecs.delete_service(cluster="blue", service="api", force=True)
    ecs.delete_cluster(cluster="green")
    ecr.delete_repository(repositoryName="api")
    assert found() == {"task-definition/api:1"}


def test_repository_key_must_exist(aws):
    encryption = {"encryptionType": "KMS", "kmsKey": "arn:aws:kms:us-east-1:123456789012:key/none"}
    with refused("KmsException"):
        aws("ecr").create_repository(repositoryName="api", encryptionConfiguration=encryption)


def test_repository_scans_only_if_requested(aws):
    ecr = aws("ecr")
    ecr.create_repository(repositoryName="api", imageScanningConfiguration={"scanOnPush": True})
    described = ecr.put_image_scanning_configuration(repositoryName="api", imageScanningConfiguration={})
    shown = ecr.describe_repositories()["repositories"][0]["imageScanningConfiguration"]
    assert shown == described["imageScanningConfiguration"] == {"scanOnPush": False}
