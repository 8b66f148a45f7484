use std::collections::BTreeSet;

use aws_sdk_ecs::types::{
    self, AssignPublicIp, AwsVpcConfiguration, DeploymentCircuitBreaker, DeploymentConfiguration, LaunchType,
    LoadBalancer, NetworkConfiguration, PropagateTags,
};

use super::rollout::{self, Desired, STOPPING, deployed, described, has_failed, is_deleting, primary, steady};
use super::{from_sdk, to_sdk};
use crate::resources::prelude::*;
use crate::resources::tags::Built;

const LATEST_PLATFORM: &str = "LATEST";
const INVALID: &str = "InvalidParameterException";

/// A service on Fargate: keeps a number of tasks running. Tasks have the tags of the service.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Service {
    /// Up to 255 letters, digits, `-` and `_`.
    pub name: String,
    /// The cluster's name.
    pub cluster: String,
    /// The task definition of its tasks.
    pub task_definition: TaskDefinitionArn,
    /// The number of tasks.
    pub tasks: TaskCount,
    /// The subnets of the tasks.
    pub subnets: BTreeSet<SubnetId>,
    /// The security groups of the tasks, up to 5.
    pub security_groups: BTreeSet<SecurityGroupId>,
    /// Tasks have public addresses.
    pub public_ip: bool,
    /// The target group of its tasks, if a load balancer sends requests to them.
    #[serde(rename = "behind")]
    pub target_group: Option<ServiceTargetGroup>,
    /// The lower limit of healthy tasks during a deployment, 0 to 100 percent.
    pub minimum_healthy_percent: i32,
    /// The upper limit of tasks during a deployment, 100 to 200 percent.
    pub maximum_percent: i32,
    /// Roll back a deployment whose tasks don't become healthy.
    pub rollback: bool,
    /// Allow ECS Exec: running commands in its containers.
    pub execute_command: bool,
}

/// The limits of the number of tasks: scaling changes the number within them, `apply` only changes one outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCount {
    /// The minimum.
    #[serde(rename = "least")]
    pub min: i32,
    /// The maximum.
    #[serde(rename = "most")]
    pub max: i32,
}

/// The target group of the tasks of a service. A load balancer has to forward to it before the service is created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceTargetGroup {
    /// The target group, of IP addresses.
    pub target_group: TargetGroupArn,
    /// The container that gets the requests.
    pub container: String,
    /// The port of that container.
    pub port: u16,
    /// How long failed health checks after the start of a task are ignored, in seconds.
    pub grace_seconds: i32,
}

/// The outputs of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServiceOutputs {
    /// Its ARN.
    pub arn: ServiceArn,
    /// Its name: the dimension `ServiceName` of its metrics.
    pub name: String,
}

impl Service {
    /// A service of `count` tasks with AWS's defaults: no load balancer, no public addresses, no rollback.
    pub fn new(
        name: impl Into<String>,
        cluster: impl Into<String>,
        task_definition: &TaskDefinitionArn,
        count: i32,
        subnets: impl IntoIterator<Item = SubnetId>,
        security_groups: impl IntoIterator<Item = SecurityGroupId>,
    ) -> Self {
        Service {
            name: name.into(),
            cluster: cluster.into(),
            task_definition: task_definition.clone(),
            tasks: TaskCount { min: count, max: count },
            subnets: subnets.into_iter().collect(),
            security_groups: security_groups.into_iter().collect(),
            public_ip: false,
            target_group: None,
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            rollback: false,
            execute_command: false,
        }
    }
}

impl Resource for Service {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name", "cluster"],
        serves_traffic: true,
        blocks_deletion_of: &["ec2.security_group", "ec2.subnet", "ecs.cluster"],
        ..TypeInfo::new(
            "ecs.service",
            minutes(3),
            &[
                "ecs:DescribeServices",
                "ecs:CreateService",
                "ecs:UpdateService",
                "ecs:TagResource",
                "ecs:UntagResource",
                "ecs:DeleteService",
                "iam:CreateServiceLinkedRole",
                "iam:PassRole",
            ],
        )
    };

    type Outputs = ServiceOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&ServiceOutputs>) -> Result<Option<Found<Self>>> {
        let (cluster, name) = known.and_then(ServiceOutputs::parts).unwrap_or((&self.cluster, &self.name));
        if !is_known(cluster) {
            return Ok(None);
        }
        let Some(service) = described(cx, cluster, name).await?.filter(|service| !is_deleting(service)) else {
            return Ok(None);
        };
        let found = Found::tagged(self.observed(&service), outputs(&service)?, from_sdk(service.tags()));
        Ok(Some(Found { live: Some(rollout::describe(&service)), ..found }))
    }

    async fn create(&self, cx: &Cx) -> Result<ServiceOutputs> {
        let token = Some(cx.token.clone()).filter(|token| !token.is_empty());
        let request = cx.ecs.create_service().set_client_token(token).cluster(&self.cluster).service_name(&self.name);
        let request = request.task_definition(&*self.task_definition).desired_count(self.tasks.min);
        let request = request.launch_type(LaunchType::Fargate).platform_version(LATEST_PLATFORM);
        let request = request.network_configuration(self.network()).set_load_balancers(Some(self.load_balancers()));
        let request = request.set_health_check_grace_period_seconds(self.grace_seconds());
        let request = request.deployment_configuration(self.deployment()).enable_execute_command(self.execute_command);
        let request = request.enable_ecs_managed_tags(true).propagate_tags(PropagateTags::Service);
        let request = request.set_tags(Some(to_sdk(&cx.tags)));
        let look = || async {
            match request.clone().send().await.map_err(Error::from) {
                // The code for an existing service, for one that is being deleted, and for invalid input.
                Err(error) if error.is_code(INVALID) => {
                    let existing = described(cx, &self.cluster, &self.name).await?;
                    let class = existing.map_or(error.class, |service| match is_deleting(&service) {
                        true => Class::Retryable,
                        false => Class::AlreadyExists,
                    });
                    Err(Error { class, ..error })
                }
                answer => answer,
            }
        };
        // It is also the code while a resource that the service needs isn't known everywhere.
        let may_be_new = |error: &Error| error.is_code(INVALID) && error.class == Class::Invalid;
        let create =
            || cx.retry_while("the service's dependencies to be visible to ECS", Patience::FRESH, may_be_new, look);
        let not_ready = |error: &Error| error.class == Class::Retryable;
        let what = "the tasks of the deleted service with the same name to stop";
        let answer = cx.retry_while(what, STOPPING, not_ready, create).await?;
        let service = answer.service.ok_or(Error::incomplete("ecs:CreateService", "service"))?;
        self.until_steady(cx, &service).await?;
        outputs(&service)
    }

    async fn until_ready(&self, cx: &Cx, _outputs: &ServiceOutputs) -> Result<()> {
        steady(cx, &self.cluster, &self.name, &self.desired(None)).await
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<ServiceOutputs> {
        let request = cx.ecs.update_service().cluster(&self.cluster).service(&self.name);
        let number = found.spec.tasks.min.clamp(self.tasks.min, self.tasks.max);
        let request = request.set_desired_count(changes.has("tasks").then_some(number));
        let revision = changes.has("task_definition").then(|| self.task_definition.to_string());
        let request = request.force_new_deployment(revision.is_some() && self.has_failed_before(cx).await?);
        let request = request.set_task_definition(revision);
        let network = changes.any(&["subnets", "security_groups", "public_ip"]).then(|| self.network());
        let request = request.set_network_configuration(network);
        let target_group = changes.has("behind");
        let request = request.set_load_balancers(target_group.then(|| self.load_balancers()));
        let request = request.set_health_check_grace_period_seconds(self.grace_seconds().filter(|_| target_group));
        let deployment = changes.any(&["minimum_healthy_percent", "maximum_percent", "rollback"]);
        let request = request.set_deployment_configuration(deployment.then(|| self.deployment()));
        let command = changes.has("execute_command").then_some(self.execute_command);
        let answer = request.set_enable_execute_command(command).send().await?;
        let service = answer.service.ok_or(Error::incomplete("ecs:UpdateService", "service"))?;
        self.until_steady(cx, &service).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &ServiceOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    /// With `force`: ECS stops its tasks.
    async fn delete(cx: &Cx, outputs: &ServiceOutputs) -> Result<()> {
        let Some((cluster, name)) = outputs.parts() else {
            return Err(Error::local(format!("{} isn't the ARN of a service", outputs.arn)));
        };
        let delete = async { Ok(cx.ecs.delete_service().cluster(cluster).service(name).force(true).send().await?) };
        ignore_not_found(delete.await)?;
        rollout::until_deleted(cx, cluster, name).await
    }

    fn hourly_charge(&self) -> Option<String> {
        let TaskCount { min, max } = self.tasks;
        (max > 0).then(|| format!("{min} to {max} Fargate tasks, each about $0.04/h a vCPU and $0.004/h a GiB"))
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html>
    fn cloudformation(&self) -> Form {
        let load_balancer = |target_group: &ServiceTargetGroup| {
            let ServiceTargetGroup { target_group, container, port, grace_seconds: _ } = target_group;
            json!([{"TargetGroupArn": target_group, "ContainerName": container, "ContainerPort": port}])
        };
        let service = properties!(self, Service {
            name => "ServiceName",
            cluster => "Cluster",
            task_definition => "TaskDefinition",
            tasks => "DesiredCount": tasks.min,
            "LaunchType": LaunchType::Fargate.as_str(),
            "PlatformVersion": LATEST_PLATFORM,
            subnets => "NetworkConfiguration": json!({"AwsvpcConfiguration": {
                "Subnets": subnets,
                "SecurityGroups": security_groups,
                "AssignPublicIp": self.assign_public_ip().as_str(),
            }}),
            security_groups => _,
            public_ip => _,
            target_group => "LoadBalancers": target_group.as_ref().map(load_balancer),
            "HealthCheckGracePeriodSeconds": self.grace_seconds(),
            rollback => "DeploymentConfiguration": json!({
                "MinimumHealthyPercent": minimum_healthy_percent,
                "MaximumPercent": maximum_percent,
                "DeploymentCircuitBreaker": {"Enable": rollback, "Rollback": rollback},
            }),
            minimum_healthy_percent => _,
            maximum_percent => _,
            execute_command => "EnableExecuteCommand",
            "EnableECSManagedTags": true,
            "PropagateTags": PropagateTags::Service.as_str(),
        });
        let form = Form::resource("AWS::ECS::Service", service).output("arn", Form::attribute("ServiceArn"));
        form.output("name", Form::attribute("Name"))
    }
}

impl Service {
    /// The service in the form of the spec.
    fn observed(&self, service: &types::Service) -> Service {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let network = service.network_configuration().and_then(|network| network.awsvpc_configuration());
        let deployment = service.deployment_configuration();
        let breaker = deployment.and_then(|deployment| deployment.deployment_circuit_breaker());
        let percent = |value: Option<i32>| value.unwrap_or_default();
        let grace_seconds = service.health_check_grace_period_seconds().unwrap_or_default();
        let target_group = service.load_balancers().first().map(|balancer| ServiceTargetGroup {
            target_group: text(balancer.target_group_arn()).into(),
            container: text(balancer.container_name()),
            port: balancer.container_port().and_then(|port| u16::try_from(port).ok()).unwrap_or_default(),
            grace_seconds,
        });
        Service {
            name: text(service.service_name()),
            cluster: text(service.cluster_arn().and_then(|arn| arn.rsplit('/').next())),
            task_definition: text(deployed(service)).into(),
            tasks: self.tasks.observed(service.desired_count()),
            subnets: network.map(|network| network.subnets().iter().map(SubnetId::from).collect()).unwrap_or_default(),
            security_groups: network
                .map(|network| network.security_groups().iter().map(SecurityGroupId::from).collect())
                .unwrap_or_default(),
            public_ip: network.and_then(|network| network.assign_public_ip()) == Some(&AssignPublicIp::Enabled),
            target_group,
            minimum_healthy_percent: percent(deployment.and_then(|deployment| deployment.minimum_healthy_percent())),
            maximum_percent: percent(deployment.and_then(|deployment| deployment.maximum_percent())),
            rollback: breaker.is_some_and(|breaker| breaker.enable() && breaker.rollback()),
            execute_command: service.enable_execute_command(),
        }
    }

    fn desired(&self, deployment: Option<&types::Deployment>) -> Desired<'_> {
        let deployment = deployment.and_then(|deployment| deployment.id()).map(str::to_owned);
        Desired { task_definition: &self.task_definition, deployment }
    }

    /// Waits for the deployment that a call started.
    async fn until_steady(&self, cx: &Cx, started: &types::Service) -> Result<()> {
        steady(cx, &self.cluster, &self.name, &self.desired(primary(started))).await
    }

    /// True if the last deployment was of the same revision and failed: then AWS does nothing without a forced deployment.
    async fn has_failed_before(&self, cx: &Cx) -> Result<bool> {
        let service = described(cx, &self.cluster, &self.name).await?;
        let newest = service.as_ref().and_then(primary);
        let is_this = |newest: &&types::Deployment| newest.task_definition() == Some(&self.task_definition);
        Ok(newest.filter(is_this).is_some_and(has_failed))
    }

    fn network(&self) -> NetworkConfiguration {
        let network = AwsVpcConfiguration::builder()
            .set_subnets(Some(self.subnets.iter().map(ToString::to_string).collect()))
            .set_security_groups(Some(self.security_groups.iter().map(ToString::to_string).collect()))
            .assign_public_ip(self.assign_public_ip());
        NetworkConfiguration::builder().awsvpc_configuration(network.build().built()).build()
    }

    fn assign_public_ip(&self) -> AssignPublicIp {
        if self.public_ip { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled }
    }

    fn load_balancers(&self) -> Vec<LoadBalancer> {
        let load_balancer = |of: &ServiceTargetGroup| {
            let load_balancer = LoadBalancer::builder().target_group_arn(&*of.target_group);
            load_balancer.container_name(&of.container).container_port(of.port.into()).build()
        };
        self.target_group.iter().map(load_balancer).collect()
    }

    /// AWS refuses a grace period without a load balancer.
    fn grace_seconds(&self) -> Option<i32> {
        self.target_group.as_ref().map(|target_group| target_group.grace_seconds)
    }

    fn deployment(&self) -> DeploymentConfiguration {
        let breaker = DeploymentCircuitBreaker::builder().enable(self.rollback).rollback(self.rollback).build();
        DeploymentConfiguration::builder()
            .minimum_healthy_percent(self.minimum_healthy_percent)
            .maximum_percent(self.maximum_percent)
            .deployment_circuit_breaker(breaker)
            .build()
    }
}

impl TaskCount {
    /// The desired limits if the number is within them, otherwise the number.
    fn observed(self, number: i32) -> TaskCount {
        let is_within = (self.min..=self.max).contains(&number);
        if is_within { self } else { TaskCount { min: number, max: number } }
    }
}

impl ServiceOutputs {
    /// The names of the cluster and the service, according to the ARN: `arn:…:service/cluster/service`.
    fn parts(&self) -> Option<(&str, &str)> {
        let (_, place) = self.arn.split_once(":service/")?;
        place.split_once('/')
    }
}

fn outputs(service: &types::Service) -> Result<ServiceOutputs> {
    let missing = |field| Error::incomplete("ecs:DescribeServices", field);
    Ok(ServiceOutputs {
        arn: service.service_arn().ok_or(missing("serviceArn"))?.into(),
        name: service.service_name().ok_or(missing("serviceName"))?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_counts_within_the_limits_are_no_difference() {
        let desired = TaskCount { min: 2, max: 4 };
        for (number, observed) in [(2, desired), (4, desired), (1, TaskCount { min: 1, max: 1 })] {
            assert_eq!(desired.observed(number), observed);
        }
        assert_eq!(desired.observed(9), TaskCount { min: 9, max: 9 });
    }

    #[test]
    fn arn_contains_cluster_and_name() {
        let of = |arn: &str| ServiceOutputs { arn: arn.into(), name: String::new() };
        assert_eq!(of("arn:aws:ecs:us-east-1:1:service/blue/api").parts(), Some(("blue", "api")));
        assert_eq!(of("api").parts(), None);
    }
}
