use std::collections::BTreeSet;

use aws_sdk_ecs::types::{ self, AssignPublicIp, AwsVpcConfiguration, DeploymentCircuitBreaker, DeploymentConfiguration, LaunchType, LoadBalancer, NetworkConfiguration, PropagateTags, };

use super::rollout::{self, STOPPING, Wanted, deployed, described, has_failed, is_leaving, note, primary, steady};
use super::{from_sdk, to_sdk};
use crate::resources::tags::Built;
use crate::resources::prelude::*;

const NEWEST_PLATFORM: &str = "LATEST";
const INVALID: &str = "InvalidParameterException";

/// A service on Fargate: so many tasks that run, and are started again where they stop. Tasks carry the service's tags.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Service {
    /// Up to 255 letters, digits, `-` and `_`.
    pub name: String,
    /// The cluster's name.
    pub cluster: String,
    /// What its tasks run.
    pub task_definition: TaskDefinitionArn,
    /// How many tasks run.
    pub tasks: TaskCount,
    /// Where the tasks are.
    pub subnets: BTreeSet<SubnetId>,
    /// What reaches the tasks, and what they reach; up to 5.
    pub security_groups: BTreeSet<SecurityGroupId>,
    /// Tasks have an address on the internet.
    pub public_ip: bool,
    /// What sends requests to it.
    pub behind: Option<Behind>,
    /// How many tasks stay healthy while others come in their place, 0 to 100 percent.
    pub minimum_healthy_percent: i32,
    /// How many tasks there may be meanwhile, 100 to 200 percent.
    pub maximum_percent: i32,
    /// A deployment whose tasks don't come up is given up, and what ran before runs again.
    pub rollback: bool,
    /// People may run commands in its containers.
    pub execute_command: bool,
}

/// How many tasks run: scaling moves the number within these ends, and only one outside of them is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCount {
    /// No fewer.
    pub least: i32,
    /// No more.
    pub most: i32,
}

/// The target group whose targets are a service's tasks. A load balancer has to forward to it before the service is
/// made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Behind {
    /// The target group, for addresses.
    pub target_group: TargetGroupArn,
    /// The container that takes the requests.
    pub container: String,
    /// The port of that container.
    pub port: u16,
    /// How long a task's failed health checks don't count after its start, in seconds.
    pub grace_seconds: i32,
}

/// What a service gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServiceOutputs {
    /// Its ARN.
    pub arn: ServiceArn,
    /// Its name: the dimension `ServiceName` of its metrics.
    pub name: String,
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
        let Some(service) = described(cx, cluster, name).await?.filter(|service| !is_leaving(service)) else {
            return Ok(None);
        };
        let found = Found::tagged(self.as_standing(&service), outputs(&service)?, from_sdk(service.tags()));
        Ok(Some(Found { live: Some(note(&service)), ..found }))
    }

    async fn create(&self, cx: &Cx) -> Result<ServiceOutputs> {
        let token = Some(cx.token.clone()).filter(|token| !token.is_empty());
        let request = cx.ecs.create_service().set_client_token(token).cluster(&self.cluster).service_name(&self.name);
        let request = request.task_definition(&*self.task_definition).desired_count(self.tasks.least);
        let request = request.launch_type(LaunchType::Fargate).platform_version(NEWEST_PLATFORM);
        let request = request.network_configuration(self.network()).set_load_balancers(Some(self.load_balancers()));
        let request = request.set_health_check_grace_period_seconds(self.grace_seconds());
        let request = request.deployment_configuration(self.deployment()).enable_execute_command(self.execute_command);
        let request = request.enable_ecs_managed_tags(true).propagate_tags(PropagateTags::Service);
        let request = request.set_tags(Some(to_sdk(&cx.tags)));
        let look = || async {
            match request.clone().send().await.map_err(Error::from) {
                // AWS says the same of one that stands, of one that is going away, and of mistakes: a look tells which.
                Err(error) if error.is_code(INVALID) => {
                    let standing = described(cx, &self.cluster, &self.name).await?;
                    let class = standing.map_or(error.class, |service| match is_leaving(&service) {
                        true => Class::Retryable,
                        false => Class::AlreadyExists,
                    });
                    Err(Error { class, ..error })
                }
                answer => answer,
            }
        };
        // And of what it needs and isn't known everywhere yet.
        let is_new = |error: &Error| error.is_code(INVALID) && error.class == Class::Invalid;
        let create = || cx.retry_while("ECS to know what the service needs", Patience::FRESH, is_new, look);
        let not_ready = |error: &Error| error.class == Class::Retryable;
        let what = "the tasks of the service that had this name to stop";
        let answer = cx.retry_while(what, STOPPING, not_ready, create).await?;
        let service = answer.service.ok_or(Error::incomplete("ecs:CreateService", "service"))?;
        self.until_steady(cx, &service).await?;
        outputs(&service)
    }

    async fn until_ready(&self, cx: &Cx, _outputs: &ServiceOutputs) -> Result<()> {
        steady(cx, &self.cluster, &self.name, &self.wanted(None)).await
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<ServiceOutputs> {
        let request = cx.ecs.update_service().cluster(&self.cluster).service(&self.name);
        let number = found.spec.tasks.least.clamp(self.tasks.least, self.tasks.most);
        let request = request.set_desired_count(changes.has("tasks").then_some(number));
        let revision = changes.has("task_definition").then(|| self.task_definition.to_string());
        let request = request.force_new_deployment(revision.is_some() && self.was_given_up(cx).await?);
        let request = request.set_task_definition(revision);
        let network = changes.any(&["subnets", "security_groups", "public_ip"]).then(|| self.network());
        let request = request.set_network_configuration(network);
        let behind = changes.has("behind");
        let request = request.set_load_balancers(behind.then(|| self.load_balancers()));
        let request = request.set_health_check_grace_period_seconds(self.grace_seconds().filter(|_| behind));
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

    /// By force: its tasks needn't be scaled to none before.
    async fn delete(cx: &Cx, outputs: &ServiceOutputs) -> Result<()> {
        let Some((cluster, name)) = outputs.parts() else {
            return Err(Error::local(format!("{} is no ARN of a service", outputs.arn)));
        };
        let delete = async { Ok(cx.ecs.delete_service().cluster(cluster).service(name).force(true).send().await?) };
        ignore_not_found(delete.await)?;
        rollout::gone(cx, cluster, name).await
    }

    fn hourly_charge(&self) -> Option<String> {
        let TaskCount { least, most } = self.tasks;
        (most > 0).then(|| format!("{least} to {most} Fargate tasks, each about $0.04/h a vCPU and $0.004/h a GiB"))
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html>
    fn cloudformation(&self) -> Form {
        let Service {
            name,
            cluster,
            task_definition,
            tasks: TaskCount { least, most: _ },
            subnets,
            security_groups,
            public_ip: _,
            behind,
            minimum_healthy_percent,
            maximum_percent,
            rollback,
            execute_command,
        } = self;
        let balancer = |behind: &Behind| {
            let Behind { target_group, container, port, grace_seconds: _ } = behind;
            json!([{"TargetGroupArn": target_group, "ContainerName": container, "ContainerPort": port}])
        };
        let service = json!({
            "ServiceName": name,
            "Cluster": cluster,
            "TaskDefinition": task_definition,
            "DesiredCount": least,
            "LaunchType": LaunchType::Fargate.as_str(),
            "PlatformVersion": NEWEST_PLATFORM,
            "NetworkConfiguration": {"AwsvpcConfiguration": {
                "Subnets": subnets,
                "SecurityGroups": security_groups,
                "AssignPublicIp": self.assign_public_ip().as_str(),
            }},
            "LoadBalancers": behind.as_ref().map(balancer),
            "HealthCheckGracePeriodSeconds": self.grace_seconds(),
            "DeploymentConfiguration": {
                "MinimumHealthyPercent": minimum_healthy_percent,
                "MaximumPercent": maximum_percent,
                "DeploymentCircuitBreaker": {"Enable": rollback, "Rollback": rollback},
            },
            "EnableExecuteCommand": execute_command,
            "EnableECSManagedTags": true,
            "PropagateTags": PropagateTags::Service.as_str(),
        });
        let form = Form::of("AWS::ECS::Service", service).gives("arn", Form::attribute("ServiceArn"));
        form.gives("name", Form::attribute("Name"))
    }
}

impl Service {
    /// The service in the words of the spec.
    fn as_standing(&self, service: &types::Service) -> Service {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let network = service.network_configuration().and_then(|network| network.awsvpc_configuration());
        let deployment = service.deployment_configuration();
        let breaker = deployment.and_then(|deployment| deployment.deployment_circuit_breaker());
        let percent = |value: Option<i32>| value.unwrap_or_default();
        let grace_seconds = service.health_check_grace_period_seconds().unwrap_or_default();
        let behind = service.load_balancers().first().map(|balancer| Behind {
            target_group: text(balancer.target_group_arn()).into(),
            container: text(balancer.container_name()),
            port: balancer.container_port().and_then(|port| u16::try_from(port).ok()).unwrap_or_default(),
            grace_seconds,
        });
        Service {
            name: text(service.service_name()),
            cluster: text(service.cluster_arn().and_then(|arn| arn.rsplit('/').next())),
            task_definition: text(deployed(service)).into(),
            tasks: self.tasks.as_standing(service.desired_count()),
            subnets: network.map(|network| network.subnets().iter().map(SubnetId::from).collect()).unwrap_or_default(),
            security_groups: network
                .map(|network| network.security_groups().iter().map(SecurityGroupId::from).collect())
                .unwrap_or_default(),
            public_ip: network.and_then(|network| network.assign_public_ip()) == Some(&AssignPublicIp::Enabled),
            behind,
            minimum_healthy_percent: percent(deployment.and_then(|deployment| deployment.minimum_healthy_percent())),
            maximum_percent: percent(deployment.and_then(|deployment| deployment.maximum_percent())),
            rollback: breaker.is_some_and(|breaker| breaker.enable() && breaker.rollback()),
            execute_command: service.enable_execute_command(),
        }
    }

    fn wanted(&self, deployment: Option<&types::Deployment>) -> Wanted<'_> {
        let deployment = deployment.and_then(|deployment| deployment.id()).map(str::to_owned);
        Wanted { task_definition: &self.task_definition, deployment }
    }

    /// Waits for what AWS has just begun.
    async fn until_steady(&self, cx: &Cx, begun: &types::Service) -> Result<()> {
        steady(cx, &self.cluster, &self.name, &self.wanted(primary(begun))).await
    }

    /// True if AWS has given up to deploy this very revision: asked for it again it would do nothing, unless by force.
    async fn was_given_up(&self, cx: &Cx) -> Result<bool> {
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
        let balancer = |behind: &Behind| {
            let balancer = LoadBalancer::builder().target_group_arn(&*behind.target_group);
            balancer.container_name(&behind.container).container_port(behind.port.into()).build()
        };
        self.behind.iter().map(balancer).collect()
    }

    /// AWS takes none for a service that no load balancer sends requests to.
    fn grace_seconds(&self) -> Option<i32> {
        self.behind.as_ref().map(|behind| behind.grace_seconds)
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
    /// What is asked for, if so many are within it; else just as many.
    fn as_standing(self, number: i32) -> TaskCount {
        let is_within = (self.least..=self.most).contains(&number);
        if is_within { self } else { TaskCount { least: number, most: number } }
    }
}

impl ServiceOutputs {
    /// The names of the cluster and the service: `arn:…:service/cluster/service`.
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
    fn as_many_tasks_as_may_run_are_no_difference_and_others_are_shown() {
        let asked = TaskCount { least: 2, most: 4 };
        for (number, shown) in [(2, asked), (4, asked), (1, TaskCount { least: 1, most: 1 })] {
            assert_eq!(asked.as_standing(number), shown);
        }
        assert_eq!(asked.as_standing(9), TaskCount { least: 9, most: 9 });
    }

    #[test]
    fn the_arn_of_a_service_tells_its_cluster() {
        let of = |arn: &str| ServiceOutputs { arn: arn.into(), name: String::new() };
        assert_eq!(of("arn:aws:ecs:us-east-1:1:service/blue/api").parts(), Some(("blue", "api")));
        assert_eq!(of("api").parts(), None);
    }
}
