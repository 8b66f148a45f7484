//! A microservice on ECS Fargate with its log group, roles, task definition, auto scaling and outbound rules.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::policy::{allow, document, trust};
use super::reach::{Reach, allow_outbound};
use super::{Scope, log_group};
use crate::resources::application_autoscaling::{Dimension, Metric, ScalableTarget, ScalingPolicy};
use crate::resources::ecr::RepositoryOutputs;
use crate::resources::ecs::{
    Behind, Container, LogStream, Service, ServiceOutputs, TaskCount, TaskDefinition, TaskDefinitionOutputs,
};
use crate::resources::elb::TargetGroupOutputs;
use crate::resources::iam;
use crate::resources::ids::{KeyArn, RoleArn, SecurityGroupId, SubnetId};

/// The user that containers run as: not root.
const USER: &str = "10001:10001";
/// Time after the start of a task in which failed health checks are ignored.
const GRACE_SECONDS: i32 = 60;

/// The size of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceSize {
    /// The port that the container listens on.
    pub port: u16,
    /// CPU units of a task; 1024 are one vCPU.
    pub cpu_units: u32,
    /// Memory of a task in MiB.
    pub memory_mib: u32,
    /// Minimum number of tasks.
    pub min_tasks: u32,
    /// Maximum number of tasks.
    pub max_tasks: u32,
    /// The CPU architecture of the image.
    pub architecture: Architecture,
}

/// A CPU architecture of Fargate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Architecture {
    /// Intel and AMD.
    #[default]
    #[serde(rename = "X86_64")]
    X86,
    /// Graviton.
    #[serde(rename = "ARM64")]
    Arm,
}

impl Architecture {
    /// Its name in AWS.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::X86 => "X86_64",
            Architecture::Arm => "ARM64",
        }
    }
}

/// The parameters of a service.
#[derive(Clone, Debug)]
pub struct ServiceParams<'a> {
    /// Its name in the system: `payment-api`.
    pub name: &'a str,
    /// The name of the cluster.
    pub cluster: &'a str,
    /// The container image. Without an image the service has no tasks.
    pub image: Option<&'a str>,
    /// Its repository.
    pub repository: &'a RepositoryOutputs,
    /// Its size.
    pub size: ServiceSize,
    /// Target CPU utilization, percent.
    pub scale_at_cpu_percent: f64,
    /// Target memory utilization, percent.
    pub scale_at_memory_percent: f64,
    /// Private subnets.
    pub subnets: &'a [SubnetId],
    /// Its security group, from [`client_group`](super::reach::client_group).
    pub security_group: &'a SecurityGroupId,
    /// The destinations that it may connect to.
    pub reaches: &'a [Reach<'a>],
    /// Environment variables. No secrets.
    pub environment: BTreeMap<String, String>,
    /// Environment variables that ECS reads when a task starts: ARNs of parameters, and of keys of secrets (`arn:password::`).
    pub secrets: BTreeMap<String, String>,
    /// Statements of the execution role beside those for the image and the log: reading `secrets`.
    pub execution_statements: Vec<Value>,
    /// Statements of the task role.
    pub statements: Vec<Value>,
    /// Its target group.
    pub target_group: &'a TargetGroupOutputs,
    /// The key that encrypts the log group.
    pub key: &'a KeyArn,
}

/// Adds a service, below its name. The scope must come after the listener or rule that uses the target group.
pub fn service(scope: &Scope<'_>, params: &ServiceParams<'_>) -> ServiceOutputs {
    let scope = &scope.at(params.name);
    allow_outbound(scope, params.security_group, params.reaches);
    let log_group = log_group(scope, "log-group", format!("/ecs/{}", scope.name(params.name)), params.key);
    let mut start = vec![
        // The login to the registry doesn't support resource-level permissions.
        allow(&["ecr:GetAuthorizationToken"], ["*"]),
        allow(
            &["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [registry(scope, params)],
        ),
        allow(&["logs:CreateLogStream", "logs:PutLogEvents"], [format!("{}:*", log_group.arn)]),
    ];
    start.extend(params.execution_statements.iter().cloned());
    let execution = role(scope, params, "execution", "Starts the tasks of", start);
    let own = role(scope, params, "task", "The tasks of", params.statements.clone());
    let task_definition = task_definition(scope, params, &log_group.name, execution, own);
    let size = &params.size;
    let count = |tasks: u32| if params.image.is_some() { tasks.cast_signed() } else { 0 };
    let tasks = TaskCount { least: count(size.min_tasks), most: count(size.max_tasks) };
    let service = scope.add(
        "service",
        Service {
            name: scope.name(params.name),
            cluster: params.cluster.to_owned(),
            task_definition: task_definition.arn,
            tasks,
            subnets: params.subnets.iter().cloned().collect(),
            security_groups: BTreeSet::from([params.security_group.clone()]),
            public_ip: false,
            behind: Some(Behind {
                target_group: params.target_group.arn.clone(),
                container: params.name.to_owned(),
                port: size.port,
                grace_seconds: GRACE_SECONDS,
            }),
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            rollback: true,
            execute_command: false,
        },
    );
    scaling(scope, params, &service, &tasks);
    service
}

/// The ARN of the ECR repository that the image is pulled from: the service's own if the image names none.
fn registry(scope: &Scope<'_>, params: &ServiceParams<'_>) -> String {
    let own = || params.repository.arn.to_string();
    let Some((host, rest)) = params.image.and_then(|image| image.split_once('/')) else { return own() };
    // `123456789012.dkr.ecr.eu-central-1.amazonaws.com`
    let [account, "dkr", "ecr", region, ..] = host.split('.').collect::<Vec<_>>()[..] else { return own() };
    let repository = rest.split([':', '@']).next().unwrap_or_default();
    format!("arn:{}:ecr:{region}:{account}:repository/{repository}", scope.partition())
}

fn role(scope: &Scope<'_>, params: &ServiceParams<'_>, leaf: &str, what: &str, statements: Vec<Value>) -> RoleArn {
    let role = iam::Role {
        name: scope.name_within(&format!("{}-{leaf}", params.name), 64),
        description: format!("{what} the service {} of {}", params.name, scope.environment_name()),
        trust: trust(scope, "ecs-tasks.amazonaws.com"),
        inline_policies: BTreeMap::from([("service".to_owned(), document(statements))]),
        managed_policies: BTreeSet::new(),
        max_session_seconds: 3600,
    };
    scope.add(&format!("{leaf}-role"), role).arn
}

fn task_definition(
    scope: &Scope<'_>,
    params: &ServiceParams<'_>,
    log_group: &str,
    execution_role: RoleArn,
    task_role: RoleArn,
) -> TaskDefinitionOutputs {
    // A placeholder: without tasks it is never pulled.
    let none = || format!("{}:none", params.repository.uri);
    let container = Container {
        name: params.name.to_owned(),
        image: params.image.map_or_else(none, str::to_owned),
        essential: true,
        command: Vec::new(),
        ports: BTreeSet::from([params.size.port]),
        environment: params.environment.clone(),
        secrets: params.secrets.clone(),
        user: Some(USER.to_owned()),
        read_only_root: true,
        init_process: true,
        dropped_capabilities: BTreeSet::from(["ALL".to_owned()]),
        mounts: BTreeMap::from([("/tmp".to_owned(), "tmp".to_owned())]),
        log: Some(LogStream {
            group: log_group.to_owned(),
            region: scope.region().to_owned(),
            prefix: params.name.to_owned(),
        }),
        // The load balancer checks health: a health check of ECS needs a shell in the image.
        health_check: None,
        stop_timeout_seconds: Some(60),
    };
    scope.add(
        "task-definition",
        TaskDefinition {
            family: scope.name(params.name),
            cpu_units: params.size.cpu_units,
            memory_mib: params.size.memory_mib,
            architecture: params.size.architecture.name().to_owned(),
            storage_gib: 21,
            execution_role,
            task_role: Some(task_role),
            volumes: BTreeSet::from(["tmp".to_owned()]),
            containers: vec![container],
        },
    )
}

/// Adds target tracking on CPU and memory. AWS uses the larger number of tasks of both.
fn scaling(scope: &Scope<'_>, params: &ServiceParams<'_>, service: &ServiceOutputs, tasks: &TaskCount) {
    let scope = scope.after(&service.arn, "a scalable target needs an existing service");
    let target = scope.add(
        "scaling",
        ScalableTarget {
            resource: format!("service/{}/{}", params.cluster, service.name),
            dimension: Dimension::EcsTasks,
            least: tasks.least,
            most: tasks.most,
            suspended: false,
        },
    );
    for (leaf, metric, percent) in [
        ("scaling-cpu", Metric::EcsCpu, params.scale_at_cpu_percent),
        ("scaling-memory", Metric::EcsMemory, params.scale_at_memory_percent),
    ] {
        let policy = ScalingPolicy {
            name: scope.name(&format!("{}-{leaf}", params.name)),
            resource: target.resource.clone(),
            dimension: Dimension::EcsTasks,
            metric,
            target_value: percent,
            scale_in_cooldown_seconds: 300,
            scale_out_cooldown_seconds: 60,
        };
        scope.add(leaf, policy);
    }
}
