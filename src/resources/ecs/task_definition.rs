use std::collections::BTreeSet;

use aws_sdk_ecs::operation::describe_task_definition::DescribeTaskDefinitionOutput;
use aws_sdk_ecs::types::{
    self, Compatibility, CpuArchitecture, EphemeralStorage, HostVolumeProperties, NetworkMode, OsFamily,
    RuntimePlatform, TaskDefinitionField, TaskDefinitionStatus, Volume,
};

use super::{Container, from_sdk, to_sdk};
use crate::aws::Clients;
use crate::aws::clients::without_retries;
use crate::resources::prelude::*;

/// The code for a missing revision or family, and for invalid input.
const CLIENT: &str = "ClientException";
/// The ephemeral storage of a task by default, in GiB.
const DEFAULT_STORAGE: i32 = 20;

/// A revision of a task definition: the containers of a task on Fargate. Every change creates a new revision; the old one is
/// deleted once no task runs it.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskDefinition {
    /// The name that its revisions share, up to 255 letters, digits, `-` and `_`. Unique among the steps.
    pub family: String,
    /// CPU units, 256 to 16,384; 1,024 are a vCPU.
    pub cpu_units: u32,
    /// The memory: AWS allows some sizes for each number of CPU units.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html>
    pub memory_mib: u32,
    /// `ARM64` or `X86_64`.
    pub architecture: String,
    /// The ephemeral storage of all volumes and containers, 20 to 200 GiB.
    pub storage_gib: i32,
    /// The role of ECS, to start the task: pull images, read secrets, write logs.
    pub execution_role: RoleArn,
    /// The role of the containers, if they call AWS.
    pub task_role: Option<RoleArn>,
    /// Names of ephemeral volumes for the mounts of containers.
    pub volumes: BTreeSet<String>,
    /// The containers, up to 10.
    pub containers: Vec<Container>,
}

/// The outputs of a task definition.
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

    /// Without a known ARN it is the newest revision of the family: one that a run created before it died.
    async fn observe(&self, cx: &Cx, known: Option<&TaskDefinitionOutputs>) -> Result<Option<Found<Self>>> {
        let id = known.map_or(self.family.as_str(), |known| &known.arn);
        let Some(answer) = described(cx, id).await? else { return Ok(None) };
        let Some(revision) = answer.task_definition() else { return Ok(None) };
        let arn = revision.task_definition_arn().unwrap_or_default();
        let mut actual = observed(revision);
        match revision.status() {
            Some(TaskDefinitionStatus::Active) if known.is_some() || !cx.is_predecessor(arn) => {}
            // Nothing can use it, but AWS keeps it until it is deleted: a run may have been killed before that.
            Some(TaskDefinitionStatus::Inactive) if known.is_some() => actual.family.push_str(" (deregistered)"),
            _ => return Ok(None),
        }
        let outputs = TaskDefinitionOutputs { arn: arn.into() };
        Ok(Some(Found::tagged(actual, outputs, from_sdk(answer.tags()))))
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
            let once = aws_sdk_ecs::config::Builder::new().retry_config(without_retries());
            Ok(request.clone().customize().config_override(once).send().await?)
        };
        // The code while a new role isn't known everywhere, and for invalid input.
        let may_be_new_role = |error: &Error| error.is_code(CLIENT);
        let answer =
            cx.retry_while("the task's roles to be visible to ECS", Patience::FRESH, may_be_new_role, register).await?;
        let arn = answer.task_definition.and_then(|revision| revision.task_definition_arn);
        let arn = arn.ok_or(Error::incomplete("ecs:RegisterTaskDefinition", "taskDefinitionArn"))?;
        Ok(TaskDefinitionOutputs { arn: arn.into() })
    }

    async fn tag(cx: &Cx, outputs: &TaskDefinitionOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    /// Prevents new tasks from using the revision. AWS deletes it after the last task that runs it; this doesn't wait for that.
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
            // Another run deleted it.
            Some(_) if is_deleted(cx, arn).await? => Ok(()),
            Some(failure) => Err(Error::local(format!(
                "AWS refuses to delete {arn}: {}",
                failure.reason().or(failure.detail()).unwrap_or("it gives no reason")
            ))),
            None => Ok(()),
        }
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-taskdefinition.html>
    fn cloudformation(&self) -> Form {
        let volume = |name: &String| json!({"Name": name});
        let linux = OsFamily::Linux.as_str();
        let definition = properties!(self, TaskDefinition {
            family => "Family",
            cpu_units => "Cpu": cpu_units.to_string(),
            memory_mib => "Memory": memory_mib.to_string(),
            "NetworkMode": NetworkMode::Awsvpc.as_str(),
            "RequiresCompatibilities": [Compatibility::Fargate.as_str()],
            architecture => "RuntimePlatform": json!({"CpuArchitecture": architecture, "OperatingSystemFamily": linux}),
            storage_gib => "EphemeralStorage": self.storage().map(|_| json!({"SizeInGiB": storage_gib})),
            execution_role => "ExecutionRoleArn",
            task_role => "TaskRoleArn",
            volumes => "Volumes": (!volumes.is_empty()).then(|| volumes.iter().map(volume).collect::<Vec<_>>()),
            containers => "ContainerDefinitions": containers.iter().map(Container::cloudformation).collect::<Vec<_>>(),
        });
        Form::resource("AWS::ECS::TaskDefinition", definition).output("arn", Form::reference())
    }
}

impl TaskDefinition {
    /// A task definition with AWS's defaults: X86_64, 20 GiB of storage, no role of the containers, no volumes.
    pub fn new(
        family: impl Into<String>,
        cpu_units: u32,
        memory_mib: u32,
        execution_role: &RoleArn,
        containers: Vec<Container>,
    ) -> Self {
        TaskDefinition {
            family: family.into(),
            cpu_units,
            memory_mib,
            architecture: CpuArchitecture::X8664.as_str().to_owned(),
            storage_gib: DEFAULT_STORAGE,
            execution_role: execution_role.clone(),
            task_role: None,
            volumes: BTreeSet::new(),
            containers,
        }
    }

    fn platform(&self) -> RuntimePlatform {
        let architecture = CpuArchitecture::from(self.architecture.as_str());
        RuntimePlatform::builder().cpu_architecture(architecture).operating_system_family(OsFamily::Linux).build()
    }

    /// `None` for the default: AWS refuses to be given that.
    fn storage(&self) -> Option<EphemeralStorage> {
        let more = self.storage_gib > DEFAULT_STORAGE;
        more.then(|| EphemeralStorage::builder().size_in_gib(self.storage_gib).build())
    }
}

fn volume(name: &str) -> Volume {
    Volume::builder().name(name).host(HostVolumeProperties::builder().build()).build()
}

fn observed(revision: &types::TaskDefinition) -> TaskDefinition {
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or_default();
    let platform = revision.runtime_platform();
    let architecture = platform.and_then(|platform| platform.cpu_architecture());
    let role = |arn: &&str| !arn.is_empty();
    TaskDefinition {
        family: revision.family().unwrap_or_default().to_owned(),
        cpu_units: number(revision.cpu()),
        memory_mib: number(revision.memory()),
        architecture: architecture.unwrap_or(&CpuArchitecture::X8664).as_str().to_owned(),
        storage_gib: revision.ephemeral_storage().map_or(DEFAULT_STORAGE, |storage| storage.size_in_gib()),
        execution_role: revision.execution_role_arn().unwrap_or_default().into(),
        task_role: revision.task_role_arn().filter(role).map(RoleArn::from),
        volumes: revision.volumes().iter().filter_map(|volume| volume.name.clone()).collect(),
        containers: revision.container_definitions().iter().map(Container::from_sdk).collect(),
    }
}

/// The revision, or the newest active one of a family. AWS also returns deregistered revisions and those being deleted.
pub(super) async fn described(clients: &Clients, id: &str) -> Result<Option<DescribeTaskDefinitionOutput>> {
    let describe = async {
        let request = clients.ecs.describe_task_definition().task_definition(id).include(TaskDefinitionField::Tags);
        let answer = request.send().await.map_err(Error::from);
        answer.map_err(|error| if error.is_code(CLIENT) { Error { class: Class::NotFound, ..error } } else { error })
    };
    ignore_not_found(describe.await)
}

async fn is_deleted(cx: &Cx, arn: &str) -> Result<bool> {
    let revision = described(cx, arn).await?.and_then(|answer| answer.task_definition);
    Ok(revision.is_none_or(|revision| revision.status() == Some(&TaskDefinitionStatus::DeleteInProgress)))
}
