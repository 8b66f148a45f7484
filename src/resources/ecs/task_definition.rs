use std::collections::BTreeSet;

use aws_sdk_ecs::operation::describe_task_definition::DescribeTaskDefinitionOutput;
use aws_sdk_ecs::types::{ self, Compatibility, CpuArchitecture, EphemeralStorage, HostVolumeProperties, NetworkMode, OsFamily, RuntimePlatform, TaskDefinitionField, TaskDefinitionStatus, Volume, };

use super::{Container, from_sdk, to_sdk};
use crate::aws::clients::sent_once;
use crate::aws::Clients;
use crate::resources::prelude::*;

/// What ECS says of a revision or a family that isn't there, and of a request that is wrong.
const CLIENT: &str = "ClientException";
/// What Fargate gives to a task that asks for no more, in GiB.
const LEAST_STORAGE: i32 = 20;

/// One revision of a task definition: the containers of a task on Fargate. AWS changes none: every change is a new
/// revision, and the old one goes once nothing runs it any more.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskDefinition {
    /// What its revisions have in common, up to 255 letters, digits, `-` and `_`. No other step may have it.
    pub family: String,
    /// The processor: 256 to 16,384 units, 1,024 for a whole one.
    pub cpu_units: u32,
    /// The memory: what goes with the processor.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html>
    pub memory_mib: u32,
    /// `ARM64` or `X86_64`.
    pub architecture: String,
    /// What all volumes and containers can fill together, 20 to 200 GiB.
    pub storage_gib: i32,
    /// With which ECS starts the task: pulls images, reads secrets, writes logs.
    pub execution_role: RoleArn,
    /// What the containers run as, if they use AWS.
    pub task_role: Option<RoleArn>,
    /// Names of what containers can mount: empty when the task starts, gone when it stops.
    pub volumes: BTreeSet<String>,
    /// Up to 10.
    pub containers: Vec<Container>,
}

/// What a task definition gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskDefinitionOutputs {
    /// The revision's ARN.
    pub arn: TaskDefinitionArn,
}

impl Resource for TaskDefinition {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &[
            "family",
            "cpu_units",
            "memory_mib",
            "architecture",
            "storage_gib",
            "execution_role",
            "task_role",
            "volumes",
            "containers",
        ],
        create_before_destroy: true,
        usable_after_delete: true,
        ..TypeInfo::new(
            "ecs.task_definition",
            seconds(2),
            &[
                "ecs:DescribeTaskDefinition",
                "ecs:RegisterTaskDefinition",
                "ecs:TagResource",
                "ecs:UntagResource",
                "ecs:DeregisterTaskDefinition",
                "ecs:DeleteTaskDefinitions",
                "iam:PassRole",
            ],
        )
    };

    type Outputs = TaskDefinitionOutputs;

    /// Without its ARN it is the newest revision of its family: what a run that died has made is that.
    async fn observe(&self, cx: &Cx, known: Option<&TaskDefinitionOutputs>) -> Result<Option<Found<Self>>> {
        let id = known.map_or(self.family.as_str(), |known| &known.arn);
        let Some(answer) = described(cx, id).await? else { return Ok(None) };
        let Some(revision) = answer.task_definition() else { return Ok(None) };
        let arn = revision.task_definition_arn().unwrap_or_default();
        let stands = revision.status() == Some(&TaskDefinitionStatus::Active);
        if !stands || (known.is_none() && cx.is_predecessor(arn)) {
            return Ok(None);
        }
        let outputs = TaskDefinitionOutputs { arn: arn.into() };
        Ok(Some(Found::tagged(as_standing(revision), outputs, from_sdk(answer.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<TaskDefinitionOutputs> {
        let request = cx.ecs.register_task_definition().family(&self.family).network_mode(NetworkMode::Awsvpc);
        let request = request.requires_compatibilities(Compatibility::Fargate);
        let request = request.cpu(self.cpu_units.to_string()).memory(self.memory_mib.to_string());
        let request = request.runtime_platform(self.platform()).set_ephemeral_storage(self.storage());
        let request = request.execution_role_arn(&*self.execution_role);
        let request = request.set_task_role_arn(self.task_role.as_ref().map(ToString::to_string));
        let request = request.set_volumes(Some(self.volumes.iter().map(|name| volume(name)).collect()));
        let containers = self.containers.iter().map(Container::to_sdk).collect();
        let request = request.set_container_definitions(Some(containers)).set_tags(Some(to_sdk(&cx.tags)));
        let register = || async {
            let once = aws_sdk_ecs::config::Builder::new().retry_config(sent_once());
            Ok(request.clone().customize().config_override(once).send().await?)
        };
        // What it says of a role that isn't known everywhere yet, and of a mistake.
        let passing = |error: &Error| error.is_code(CLIENT);
        let answer = cx.retry_while("ECS to know the task's roles", Patience::FRESH, passing, register).await?;
        let arn = answer.task_definition.and_then(|revision| revision.task_definition_arn);
        let arn = arn.ok_or(Error::incomplete("ecs:RegisterTaskDefinition", "taskDefinitionArn"))?;
        Ok(TaskDefinitionOutputs { arn: arn.into() })
    }

    async fn tag(cx: &Cx, outputs: &TaskDefinitionOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    /// Nothing new can run it from then on. It is only gone for good with the last task that still does: nobody waits for
    /// that.
    async fn delete(cx: &Cx, outputs: &TaskDefinitionOutputs) -> Result<()> {
        let arn = &*outputs.arn;
        let Some(answer) = described(cx, arn).await? else { return Ok(()) };
        let status = answer.task_definition.and_then(|revision| revision.status);
        if status == Some(TaskDefinitionStatus::Active) {
            cx.ecs.deregister_task_definition().task_definition(arn).send().await?;
        }
        if status == Some(TaskDefinitionStatus::DeleteInProgress) {
            return Ok(());
        }
        let answer = cx.ecs.delete_task_definitions().task_definitions(arn).send().await?;
        match answer.failures().first() {
            // Another run has done it.
            Some(_) if is_leaving(cx, arn).await? => Ok(()),
            Some(failure) => Err(Error::local(format!(
                "AWS doesn't delete {arn}: {}",
                failure.reason().or(failure.detail()).unwrap_or("it says no reason")
            ))),
            None => Ok(()),
        }
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-taskdefinition.html>
    fn cloudformation(&self) -> Form {
        let TaskDefinition {
            family,
            cpu_units,
            memory_mib,
            architecture,
            storage_gib,
            execution_role,
            task_role,
            volumes,
            containers,
        } = self;
        let volumes: Vec<Value> = volumes.iter().map(|name| json!({"Name": name})).collect();
        let containers: Vec<Value> = containers.iter().map(Container::cloudformation).collect();
        let definition = json!({
            "Family": family,
            "Cpu": cpu_units.to_string(),
            "Memory": memory_mib.to_string(),
            "NetworkMode": NetworkMode::Awsvpc.as_str(),
            "RequiresCompatibilities": [Compatibility::Fargate.as_str()],
            "RuntimePlatform": {"CpuArchitecture": architecture, "OperatingSystemFamily": OsFamily::Linux.as_str()},
            "EphemeralStorage": self.storage().map(|_| json!({"SizeInGiB": storage_gib})),
            "ExecutionRoleArn": execution_role,
            "TaskRoleArn": task_role,
            "Volumes": (!volumes.is_empty()).then_some(volumes),
            "ContainerDefinitions": containers,
        });
        Form::of("AWS::ECS::TaskDefinition", definition).gives("arn", Form::this())
    }
}

impl TaskDefinition {
    fn platform(&self) -> RuntimePlatform {
        let architecture = CpuArchitecture::from(self.architecture.as_str());
        RuntimePlatform::builder().cpu_architecture(architecture).operating_system_family(OsFamily::Linux).build()
    }

    /// Only for more than Fargate gives anyway: AWS refuses to be asked for that.
    fn storage(&self) -> Option<EphemeralStorage> {
        let more = self.storage_gib > LEAST_STORAGE;
        more.then(|| EphemeralStorage::builder().size_in_gib(self.storage_gib).build())
    }
}

fn volume(name: &str) -> Volume {
    Volume::builder().name(name).host(HostVolumeProperties::builder().build()).build()
}

fn as_standing(revision: &types::TaskDefinition) -> TaskDefinition {
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or_default();
    let platform = revision.runtime_platform();
    let architecture = platform.and_then(|platform| platform.cpu_architecture());
    let role = |arn: &&str| !arn.is_empty();
    TaskDefinition {
        family: revision.family().unwrap_or_default().to_owned(),
        cpu_units: number(revision.cpu()),
        memory_mib: number(revision.memory()),
        architecture: architecture.unwrap_or(&CpuArchitecture::X8664).as_str().to_owned(),
        storage_gib: revision.ephemeral_storage().map_or(LEAST_STORAGE, |storage| storage.size_in_gib()),
        execution_role: revision.execution_role_arn().unwrap_or_default().into(),
        task_role: revision.task_role_arn().filter(role).map(RoleArn::from),
        volumes: revision.volumes().iter().filter_map(|volume| volume.name.clone()).collect(),
        containers: revision.container_definitions().iter().map(Container::from_sdk).collect(),
    }
}

/// The revision, or the newest active one of a family. One that was deregistered or is being deleted is still shown.
pub(super) async fn described(clients: &Clients, id: &str) -> Result<Option<DescribeTaskDefinitionOutput>> {
    let describe = async {
        let request = clients.ecs.describe_task_definition().task_definition(id).include(TaskDefinitionField::Tags);
        let answer = request.send().await.map_err(Error::from);
        answer.map_err(|error| if error.is_code(CLIENT) { Error { class: Class::NotFound, ..error } } else { error })
    };
    ignore_not_found(describe.await)
}

async fn is_leaving(cx: &Cx, arn: &str) -> Result<bool> {
    let revision = described(cx, arn).await?.and_then(|answer| answer.task_definition);
    Ok(revision.is_none_or(|revision| revision.status() == Some(&TaskDefinitionStatus::DeleteInProgress)))
}
