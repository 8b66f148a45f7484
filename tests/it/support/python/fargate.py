"""Changes and reads of the fargate-postgres tests, through boto3: `fargate.py REGION FUNCTION ARGUMENTS`."""

import json
import sys
import uuid

import boto3
from payments import eventually


def aws(service):
    return boto3.client(service, region_name=sys.argv[1])


# Services


def push(tag):
    """Pushes an image into every repository. Its contents don't matter."""
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 1, "digest": "sha256:" + "0" * 64}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": []}
    for repository in aws("ecr").describe_repositories()["repositories"]:
        name = repository["repositoryName"]
        aws("ecr").put_image(repositoryName=name, imageManifest=json.dumps(manifest), imageTag=tag)


def _services():
    for cluster in aws("ecs").list_clusters()["clusterArns"]:
        names = aws("ecs").list_services(cluster=cluster)["serviceArns"]
        for service in aws("ecs").describe_services(cluster=cluster, services=names)["services"]:
            yield cluster.split("/")[-1], service


def services():
    """Tasks, healthy targets and the limits of scaling, by the service's name."""
    targets = aws("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    limits = {target["ResourceId"]: [target["MinCapacity"], target["MaxCapacity"]] for target in targets}
    return {
        service["serviceName"]: {
            "desired": service["desiredCount"],
            "running": service["runningCount"],
            "healthy": _states(service["loadBalancers"][0]["targetGroupArn"]).count("healthy"),
            "limits": limits[f"service/{cluster}/{service['serviceName']}"],
        }
        for cluster, service in _services()
    }


def _states(group):
    found = aws("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return [target["TargetHealth"]["State"] for target in found]


def set_desired(name, count):
    """Sets the number of tasks, as scaling or a person does."""
    (cluster,) = [cluster for cluster, service in _services() if service["serviceName"] == name]
    aws("ecs").update_service(cluster=cluster, service=name, desiredCount=int(count))


def _group(name):
    (group,) = [s["loadBalancers"][0]["targetGroupArn"] for _, s in _services() if s["serviceName"] == name]
    return group


def add_unhealthy_target(name):
    """Registers a target that doesn't answer; returns its address once it is unhealthy."""
    group = _group(name)
    task = aws("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]["Target"]
    address = task["Id"].rpartition(".")[0] + ".250"
    aws("elbv2").register_targets(TargetGroupArn=group, Targets=[{"Id": address, "Port": task["Port"]}])
    eventually(lambda: "unhealthy" in _states(group))
    return address


def remove_target(name, address):
    aws("elbv2").deregister_targets(TargetGroupArn=_group(name), Targets=[{"Id": address}])


# Databases


def instances():
    return [one["DBInstanceIdentifier"] for one in aws("rds").describe_db_instances()["DBInstances"]]


def scale_out(cluster):
    """Adds a reader, as Application Auto Scaling does; returns its name."""
    found = aws("rds").describe_db_instances(Filters=[{"Name": "db-cluster-id", "Values": [cluster]}])["DBInstances"]
    like = found[0]
    name = f"application-autoscaling-{uuid.uuid4()}"
    aws("rds").create_db_instance(
        DBInstanceIdentifier=name,
        DBClusterIdentifier=cluster,
        Engine=like["Engine"],
        DBInstanceClass=like["DBInstanceClass"],
        DBParameterGroupName=like["DBParameterGroups"][0]["DBParameterGroupName"],
        PromotionTier=15,
    )
    return name


def stop_scaling(cluster):
    place = {"ServiceNamespace": "rds", "ScalableDimension": "rds:cluster:ReadReplicaCount"}
    aws("application-autoscaling").deregister_scalable_target(**place, ResourceId=f"cluster:{cluster}")


if __name__ == "__main__":
    _, _, name, *arguments = sys.argv
    print(json.dumps(globals()[name](*arguments)))
