//! A microservice on ECS Fargate with all that is its own: log group, roles, task definition, scaling, security group's rules.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Scope;
use super::policy::{allow, document, trust};
use super::reach::{Reach, let_out};
use crate::resources::application_autoscaling::{Dimension, Metric, ScalableTarget, ScalingPolicy};
use crate::resources::ecr::RepositoryOutputs;
use crate::resources::ecs::{
    Container, LogStream, Service, ServiceOutputs, ServiceTargetGroup, TaskCount, TaskDefinition, TaskDefinitionOutputs,
};
use crate::resources::elb::TargetGroupOutputs;
use crate::resources::ids::{KeyArn, RoleArn, SecurityGroupId, SubnetId};
use crate::resources::{iam, logs};

/// The user that containers run as, unless their image says another one: anybody but root.
const USER: &str = "10001:10001";
/// How long a task may take until it answers that it is well.
const GRACE_SECONDS: i32 = 60;

/// What a service needs.
#[derive(Clone, Debug)]
pub struct ServiceParams<'a> {
    /// What it is called here: `payment-api`.
    pub name: &'a str,
    /// The cluster's name.
    pub cluster: &'a str,
    /// The container image; without one there are no tasks.
    pub image: Option<&'a str>,
    /// Its own repository.
    pub repository: &'a RepositoryOutputs,
    /// The port that it listens on.
    pub port: u16,
    /// What the image is built for: `X86_64` or `ARM64`.
    pub architecture: &'a str,
    /// CPU units of a task, 1024 a core.
    pub cpu_units: u32,
    /// Memory of a task.
    pub memory_mib: u32,
    /// Least and most number of tasks.
    pub tasks: TaskCount,
    /// CPU that scaling aims at, percent.
    pub scale_at_cpu_percent: f64,
    /// Memory that scaling aims at, percent.
    pub scale_at_memory_percent: f64,
    /// Private subnets.
    pub subnets: &'a [SubnetId],
    /// Its own group: [`client_group`](super::reach::client_group).
    pub security_group: &'a SecurityGroupId,
    /// All that it may connect to.
    pub reaches: &'a [Reach<'a>],
    /// Environment variables; never a secret.
    pub environment: BTreeMap<String, String>,
    /// Environment variables that ECS reads when a task starts: ARNs of parameters, and of secrets with the key in them
    /// (`arn:password::`).
    pub secrets: BTreeMap<String, String>,
    /// What ECS may do to start a task, beside pulling the image and logging: read what `secrets` names.
    pub execution_statements: Vec<Value>,
    /// What the tasks themselves may do.
    pub statements: Vec<Value>,
    /// Where its load balancer sends requests.
    pub target_group: &'a TargetGroupOutputs,
    /// The key that encrypts the log group.
    pub key: &'a KeyArn,
    /// How long its log is kept, in days.
    pub log_retention_days: i32,
}

/// Puts a service here, below its name. The scope must come after what makes the target group one of a load balancer.
pub fn service(scope: &Scope<'_>, params: &ServiceParams<'_>) -> ServiceOutputs {
    let scope = &scope.at(params.name);
    let_out(scope, params.security_group, params.reaches);
    let log_group = scope.add(
        "log-group",
        logs::LogGroup {
            name: format!("/ecs/{}", scope.name(params.name)),
            kms_key: params.key.clone(),
            retention_days: Some(params.log_retention_days),
        },
    );
    let mut start = vec![
        // Logging in to the registry knows no resources.
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
    let tasks = if params.image.is_some() { params.tasks } else { TaskCount { min: 0, max: 0 } };
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
            target_group: Some(ServiceTargetGroup {
                target_group: params.target_group.arn.clone(),
                container: params.name.to_owned(),
                port: params.port,
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

/// The repository in ECR that the image is pulled from: the one that it names, of whichever account, or else the service's own.
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
    // What is never started is never pulled.
    let none = || format!("{}:none", params.repository.uri);
    let container = Container {
        name: params.name.to_owned(),
        image: params.image.map_or_else(none, str::to_owned),
        essential: true,
        command: Vec::new(),
        ports: BTreeSet::from([params.port]),
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
        // The load balancer asks: what has no shell in it can be asked by nobody else.
        health_check: None,
        stop_timeout_seconds: Some(60),
    };
    scope.add(
        "task-definition",
        TaskDefinition {
            family: scope.name(params.name),
            cpu_units: params.cpu_units,
            memory_mib: params.memory_mib,
            architecture: params.architecture.to_owned(),
            storage_gib: 21,
            execution_role,
            task_role: Some(task_role),
            volumes: BTreeSet::from(["tmp".to_owned()]),
            containers: vec![container],
        },
    )
}

/// As many tasks as keep CPU and memory at what is aimed at: the larger number of both counts.
fn scaling(scope: &Scope<'_>, params: &ServiceParams<'_>, service: &ServiceOutputs, tasks: &TaskCount) {
    let scope = scope.after(&service.arn, "what scales has to stand");
    let target = scope.add(
        "scaling",
        ScalableTarget {
            resource: format!("service/{}/{}", params.cluster, service.name),
            dimension: Dimension::EcsTasks,
            min_capacity: tasks.min,
            max_capacity: tasks.max,
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
