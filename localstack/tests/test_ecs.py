"""Clusters, task definitions and services on Fargate."""

from __future__ import annotations

import json

import pytest
from support import TAGS, refused, two_subnets

IMAGE = "public.ecr.aws/docker/library/nginx:1.29"
ECS_TAGS = [{"key": tag["Key"], "value": tag["Value"]} for tag in TAGS]


def register(ecs, image=IMAGE, **more):
    container = {"name": "app", "image": image, "portMappings": [{"containerPort": 8080}]}
    wanted = {
        "family": "api",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [container],
    }
    return ecs.register_task_definition(**{**wanted, **more})["taskDefinition"]["taskDefinitionArn"]


@pytest.fixture
def place(aws):
    """A cluster, subnets and a security group in a network."""
    ec2 = aws("ec2")
    vpc, *subnets = two_subnets(ec2)
    group = ec2.create_security_group(GroupName="tasks", Description="tasks", VpcId=vpc)["GroupId"]
    aws("ecs").create_cluster(clusterName="blue")
    return {"vpc": vpc, "subnets": subnets, "securityGroups": [group]}


def make(ecs, place, definition, number=2, **more):
    network = {"subnets": place["subnets"], "securityGroups": place["securityGroups"]}
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    wanted = {
        "cluster": "blue",
        "serviceName": "api",
        "taskDefinition": definition,
        "desiredCount": number,
        "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": network},
        "deploymentConfiguration": breaker,
    }
    return ecs.create_service(**{**wanted, **more})["service"]


def look(ecs, **more):
    return ecs.describe_services(cluster="blue", services=["api"], **more)["services"][0]


def interfaces(aws):
    all_of_them = aws("ec2").describe_network_interfaces()["NetworkInterfaces"]
    return [one for one in all_of_them if ":attachment/" in one["Description"]]


def test_a_cluster_is_one_a_name_and_tells_its_settings_if_asked(aws):
    ecs = aws("ecs")
    ecs.create_cluster(clusterName="blue", tags=ECS_TAGS)
    ecs.create_cluster(clusterName="blue")
    setting = [{"name": "containerInsights", "value": "enhanced"}]
    ecs.update_cluster_settings(cluster="blue", settings=setting)
    assert "settings" not in ecs.describe_clusters(clusters=["blue"])["clusters"][0]
    told = ecs.describe_clusters(clusters=["blue"], include=["SETTINGS", "TAGS"])["clusters"][0]
    assert (told["settings"], told["tags"]) == (setting, ECS_TAGS)
    ecs.delete_cluster(cluster="blue")
    assert ecs.describe_clusters(clusters=["blue"])["clusters"][0]["status"] == "INACTIVE"
    assert ecs.list_clusters()["clusterArns"] == []
    with refused("ClusterNotFoundException"):
        ecs.describe_services(cluster="blue", services=["api"])


def test_a_cluster_stays_while_a_service_does(aws, place):
    ecs = aws("ecs")
    make(ecs, place, register(ecs), number=0)
    with refused("ClusterContainsServicesException"):
        ecs.delete_cluster(cluster="blue")
    ecs.delete_service(cluster="blue", service="api")
    ecs.delete_cluster(cluster="blue")


def test_no_revision_comes_twice_and_a_family_gives_its_newest_active_one(aws):
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


def test_a_task_definition_that_is_being_deleted_is_shown_for_a_while(aws, sandbox):
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
def test_fargate_refuses_what_it_cannot_run(aws, wrong):
    with refused("ClientException"):
        register(aws("ecs"), **wrong)


def test_a_service_runs_its_tasks_each_with_an_interface(aws, place):
    ecs = aws("ecs")
    definition = register(ecs)
    make(ecs, place, definition, tags=ECS_TAGS, enableExecuteCommand=False)
    told = look(ecs, include=["TAGS"])
    assert (told["runningCount"], told["pendingCount"], told["tags"]) == (2, 0, ECS_TAGS)
    assert [(one["status"], one["rolloutState"]) for one in told["deployments"]] == [("PRIMARY", "COMPLETED")]
    assert told["deploymentConfiguration"]["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert "tags" not in look(ecs)
    assert {one["SubnetId"] for one in interfaces(aws)} == set(place["subnets"])
    with refused("DependencyViolation"):
        aws("ec2").delete_subnet(SubnetId=place["subnets"][0])
    with refused("DependencyViolation"):
        aws("ec2").delete_security_group(GroupId=place["securityGroups"][0])
    ecs.update_service(cluster="blue", service="api", desiredCount=1)
    assert (look(ecs)["runningCount"], len(interfaces(aws))) == (1, 1)
    ecs.delete_service(cluster="blue", service="api", force=True)
    assert interfaces(aws) == []


def test_a_service_takes_its_time_to_come_and_to_go(aws, place, sandbox):
    ecs = aws("ecs")
    definition = register(ecs)
    sandbox.control("PUT", "time-scale", {"scale": 1})
    make(ecs, place, definition)
    told = look(ecs)
    assert (told["runningCount"], told["deployments"][0]["rolloutState"]) == (0, "IN_PROGRESS")
    sandbox.control("POST", "advance", {"seconds": 121})
    told = look(ecs)
    assert (told["runningCount"], told["deployments"][0]["rolloutState"]) == (2, "COMPLETED")
    with refused("InvalidParameterException"):
        ecs.delete_service(cluster="blue", service="api")
    ecs.delete_service(cluster="blue", service="api", force=True)
    assert look(ecs)["status"] == "DRAINING"
    with refused("InvalidParameterException"):
        make(ecs, place, definition)
    with refused("ServiceNotActiveException"):
        ecs.update_service(cluster="blue", service="api", desiredCount=1)
    with refused("ClusterContainsTasksException"):
        ecs.delete_cluster(cluster="blue")
    sandbox.control("POST", "advance", {"seconds": 61})
    assert (look(ecs)["status"], ecs.list_services(cluster="blue")["serviceArns"]) == ("INACTIVE", [])
    with refused("ServiceNotFoundException"):
        ecs.delete_service(cluster="blue", service="api")
    make(ecs, place, definition)


def test_the_same_call_with_its_token_gives_the_service_that_stands_and_another_one_is_refused(aws, place):
    ecs = aws("ecs")
    definition = register(ecs)
    first = make(ecs, place, definition, clientToken="a")
    assert make(ecs, place, definition, clientToken="a")["serviceArn"] == first["serviceArn"]
    with refused("InvalidParameterException"):
        make(ecs, place, definition, clientToken="b")


def test_a_deployment_whose_image_is_not_there_is_given_up_and_rolled_back(aws, place):
    ecs, ecr = aws("ecs"), aws("ecr")
    uri = ecr.create_repository(repositoryName="shop/api")["repository"]["repositoryUri"]
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "layers": [], "config": {"digest": "sha256:0"}})
    ecr.put_image(repositoryName="shop/api", imageManifest=manifest, imageTag="1")
    with refused("RepositoryNotEmptyException"):
        ecr.delete_repository(repositoryName="shop/api")
    good, bad = register(ecs, image=f"{uri}:1"), register(ecs, image=f"{uri}:2")
    make(ecs, place, bad)
    told = look(ecs)
    assert (told["runningCount"], told["deployments"][0]["rolloutState"]) == (0, "FAILED")
    ecs.update_service(cluster="blue", service="api", taskDefinition=good)
    assert look(ecs)["runningCount"] == 2
    ecs.update_service(cluster="blue", service="api", taskDefinition=bad)
    told = look(ecs)
    assert (told["taskDefinition"], told["runningCount"]) == (good, 2)
    states = [(one["status"], one["rolloutState"], one["taskDefinition"]) for one in told["deployments"]]
    assert states == [("PRIMARY", "COMPLETED", good), ("ACTIVE", "FAILED", bad)]
    assert any("CannotPullContainerError" in event["message"] for event in told["events"])


@pytest.fixture
def behind(aws, place):
    """A target group, and what makes a listener forward to it."""
    elb = aws("elbv2")
    group = elb.create_target_group(Name="api", TargetType="ip", Protocol="HTTP", Port=80, VpcId=place["vpc"])
    arn = group["TargetGroups"][0]["TargetGroupArn"]

    def forward():
        made = elb.create_load_balancer(Name="api", Subnets=place["subnets"], Scheme="internal")
        balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
        action = {"Type": "forward", "TargetGroupArn": arn}
        elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[action])

    return arn, forward


def test_tasks_are_healthy_targets_of_a_group_that_something_forwards_to(aws, place, behind):
    ecs, elb = aws("ecs"), aws("elbv2")
    group, forward = behind
    definition = register(ecs)
    balancers = [{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}]
    with refused("InvalidParameterException"):
        make(ecs, place, definition, loadBalancers=balancers)
    forward()
    for wrong in ({"containerName": "other"}, {"containerPort": 80}):
        with refused("InvalidParameterException"):
            make(ecs, place, definition, loadBalancers=[{**balancers[0], **wrong}])
    with refused("InvalidParameterException"):
        make(ecs, place, definition, healthCheckGracePeriodSeconds=60)
    make(ecs, place, definition, loadBalancers=balancers, healthCheckGracePeriodSeconds=60)

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


def test_the_tagging_api_finds_what_stands(aws, place):
    ecs, ecr = aws("ecs"), aws("ecr")
    ecr.create_repository(repositoryName="api", tags=TAGS)
    ecs.create_cluster(clusterName="green", tags=ECS_TAGS)
    make(ecs, place, register(ecs, tags=ECS_TAGS), number=1, tags=ECS_TAGS, propagateTags="SERVICE")

    def found():
        wanted = [{"Key": "Suffix", "Values": ["t1"]}]
        all_of_them = aws("resourcegroupstaggingapi").get_resources(TagFilters=wanted)["ResourceTagMappingList"]
        names = [one["ResourceARN"].split(":", 5)[5] for one in all_of_them]
        return {"a task" if name.startswith("task/blue/") else name for name in names}

    assert found() == {"repository/api", "cluster/green", "service/blue/api", "task-definition/api:1", "a task"}
    ecs.delete_service(cluster="blue", service="api", force=True)
    ecs.delete_cluster(cluster="green")
    ecr.delete_repository(repositoryName="api")
    assert found() == {"task-definition/api:1"}


def test_a_repository_is_encrypted_with_a_key_that_stands(aws):
    encryption = {"encryptionType": "KMS", "kmsKey": "arn:aws:kms:us-east-1:123456789012:key/none"}
    with refused("KmsException"):
        aws("ecr").create_repository(repositoryName="api", encryptionConfiguration=encryption)


def test_a_repository_does_not_scan_unless_told(aws):
    ecr = aws("ecr")
    ecr.create_repository(repositoryName="api", imageScanningConfiguration={"scanOnPush": True})
    told = ecr.put_image_scanning_configuration(repositoryName="api", imageScanningConfiguration={})
    shown = ecr.describe_repositories()["repositories"][0]["imageScanningConfiguration"]
    assert shown == told["imageScanningConfiguration"] == {"scanOnPush": False}
