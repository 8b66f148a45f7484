//! Container definitions.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types::{
    ContainerDefinition, HealthCheck, KernelCapabilities, KeyValuePair, LinuxParameters, LogConfiguration, LogDriver,
    MountPoint, PortMapping, Secret, TransportProtocol,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::resources::tags::Built;

const GROUP: &str = "awslogs-group";
const REGION: &str = "awslogs-region";
const PREFIX: &str = "awslogs-stream-prefix";

/// A container of a task. Containers on Fargate can't be privileged.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Its name in the task, up to 255 letters, digits, `-` and `_`.
    pub name: String,
    /// The image, preferably by its digest: `…/orders@sha256:…`.
    pub image: String,
    /// The task stops when this container stops.
    pub essential: bool,
    /// Overrides the command of the image; empty for the command of the image.
    pub command: Vec<String>,
    /// The TCP ports that it listens on.
    pub ports: BTreeSet<u16>,
    /// Environment variables. Don't put secrets here.
    pub environment: BTreeMap<String, String>,
    /// Environment variables that ECS reads when the task starts: the ARN of a parameter or a secret, or of one value of a
    /// secret's JSON, `arn:…:secret:name-AbCdEf:password::`.
    pub secrets: BTreeMap<String, String>,
    /// The user, by name or number; `None` for the user of the image.
    pub user: Option<String>,
    /// The root file system is read-only: the container can write to its mounts only.
    pub read_only_root: bool,
    /// Run an init process that forwards signals and reaps processes.
    pub init_process: bool,
    /// The Linux capabilities to drop: `ALL`, or for example `NET_RAW`.
    pub dropped_capabilities: BTreeSet<String>,
    /// The mounts: path to the name of a volume of the task. Users other than root can write there if the image declares the
    /// path as a volume that they own.
    pub mounts: BTreeMap<String, String>,
    /// The log configuration; `None` for no logs.
    pub log: Option<LogStream>,
    /// The health check; `None` if the container is healthy while it runs.
    pub health_check: Option<ContainerHealthCheck>,
    /// The time between `SIGTERM` and `SIGKILL`, up to 120 s; `None` for 30 s.
    pub stop_timeout_seconds: Option<i32>,
}

/// The log configuration of a container (`awslogs`).
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogStream {
    /// The log group's name.
    pub group: String,
    /// The region of the log group.
    pub region: String,
    /// The prefix of the log streams, before the container's name and the task's id.
    pub prefix: String,
}

/// The health check of a container.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContainerHealthCheck {
    /// The command to run in the container: `CMD` and arguments, or `CMD-SHELL` and a shell command.
    pub command: Vec<String>,
    /// The time between two checks, 5 to 300 s.
    pub interval_seconds: i32,
    /// How long a check can take, 2 to 60 s.
    pub timeout_seconds: i32,
    /// How many failures in a row make the container unhealthy, 1 to 10.
    pub retries: i32,
    /// How long failures after the start are ignored, 0 to 300 s.
    pub start_period_seconds: i32,
}

impl Container {
    /// An essential container with AWS's defaults: the command, user and ports of the image, no logs.
    pub fn new(name: impl Into<String>, image: impl Into<String>) -> Self {
        Container {
            name: name.into(),
            image: image.into(),
            essential: true,
            command: Vec::new(),
            ports: BTreeSet::new(),
            environment: BTreeMap::new(),
            secrets: BTreeMap::new(),
            user: None,
            read_only_root: false,
            init_process: false,
            dropped_capabilities: BTreeSet::new(),
            mounts: BTreeMap::new(),
            log: None,
            health_check: None,
            stop_timeout_seconds: None,
        }
    }

    pub(super) fn to_sdk(&self) -> ContainerDefinition {
        let port = |port: &u16| {
            let mapping = PortMapping::builder().container_port((*port).into()).host_port((*port).into());
            mapping.protocol(TransportProtocol::Tcp).build()
        };
        let pair = |(name, value): (&String, &String)| KeyValuePair::builder().name(name).value(value).build();
        let secret = |(name, from): (&String, &String)| Secret::builder().name(name).value_from(from).build().built();
        let mount = |(path, volume): (&String, &String)| {
            MountPoint::builder().container_path(path).source_volume(volume).read_only(false).build()
        };
        let some = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
        ContainerDefinition::builder()
            .name(&self.name)
            .image(&self.image)
            .essential(self.essential)
            .set_command(some(&self.command))
            .set_port_mappings(Some(self.ports.iter().map(port).collect()))
            .set_environment(Some(self.environment.iter().map(pair).collect()))
            .set_secrets(Some(self.secrets.iter().map(secret).collect()))
            .set_user(self.user.clone())
            .readonly_root_filesystem(self.read_only_root)
            .linux_parameters(self.linux())
            .set_mount_points(Some(self.mounts.iter().map(mount).collect()))
            .set_log_configuration(self.log.as_ref().map(LogStream::to_sdk))
            .set_health_check(self.health_check.as_ref().map(ContainerHealthCheck::to_sdk))
            .set_stop_timeout(self.stop_timeout_seconds)
            .build()
    }

    fn linux(&self) -> LinuxParameters {
        let dropped: Vec<String> = self.dropped_capabilities.iter().cloned().collect();
        let dropped = KernelCapabilities::builder().set_drop((!dropped.is_empty()).then_some(dropped)).build();
        LinuxParameters::builder().init_process_enabled(self.init_process).capabilities(dropped).build()
    }

    pub(super) fn from_sdk(actual: &ContainerDefinition) -> Self {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let linux = actual.linux_parameters();
        let capabilities = linux.and_then(|linux| linux.capabilities());
        let ports = actual.port_mappings().iter().filter_map(|mapping| mapping.container_port());
        let pair = |pair: &KeyValuePair| (text(pair.name()), text(pair.value()));
        let mount = |mount: &MountPoint| (text(mount.container_path()), text(mount.source_volume()));
        Container {
            name: text(actual.name()),
            image: text(actual.image()),
            essential: actual.essential().unwrap_or(true),
            command: actual.command().to_vec(),
            ports: ports.filter_map(|port| u16::try_from(port).ok()).collect(),
            environment: actual.environment().iter().map(pair).collect(),
            secrets: actual.secrets().iter().map(|one| (one.name.clone(), one.value_from.clone())).collect(),
            user: actual.user().map(str::to_owned),
            read_only_root: actual.readonly_root_filesystem().unwrap_or_default(),
            init_process: linux.and_then(|linux| linux.init_process_enabled()).unwrap_or_default(),
            dropped_capabilities: capabilities.map(|all| all.drop().iter().cloned().collect()).unwrap_or_default(),
            mounts: actual.mount_points().iter().map(mount).collect(),
            log: actual.log_configuration().map(LogStream::from_sdk),
            health_check: actual.health_check().map(ContainerHealthCheck::from_sdk),
            stop_timeout_seconds: actual.stop_timeout(),
        }
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-ecs-taskdefinition-containerdefinition.html>
    pub(super) fn cloudformation(&self) -> Value {
        let Container {
            name,
            image,
            essential,
            command,
            ports,
            environment,
            secrets,
            user,
            read_only_root,
            init_process,
            dropped_capabilities,
            mounts,
            log,
            health_check,
            stop_timeout_seconds,
        } = self;
        let port = |port: &u16| json!({"ContainerPort": port, "HostPort": port, "Protocol": "tcp"});
        let list = |values: &Vec<Value>| (!values.is_empty()).then(|| json!(values));
        let named = |all: &BTreeMap<String, String>, value: &str| {
            let all: Vec<Value> = all.iter().map(|(name, of)| json!({"Name": name, value: of})).collect();
            list(&all)
        };
        let mount = |(path, volume): (&String, &String)| json!({"ContainerPath": path, "SourceVolume": volume});
        let dropped = (!dropped_capabilities.is_empty()).then(|| json!({"Drop": dropped_capabilities}));
        let container = json!({
            "Name": name,
            "Image": image,
            "Essential": essential,
            "Command": (!command.is_empty()).then_some(command),
            "PortMappings": list(&ports.iter().map(port).collect()),
            "Environment": named(environment, "Value"),
            "Secrets": named(secrets, "ValueFrom"),
            "User": user,
            "ReadonlyRootFilesystem": read_only_root,
            "LinuxParameters": without_nulls(json!({"InitProcessEnabled": init_process, "Capabilities": dropped})),
            "MountPoints": list(&mounts.iter().map(mount).collect()),
            "LogConfiguration": log.as_ref().map(LogStream::cloudformation),
            "HealthCheck": health_check.as_ref().map(ContainerHealthCheck::cloudformation),
            "StopTimeout": stop_timeout_seconds,
        });
        without_nulls(container)
    }
}

/// Removes properties that are `null`.
fn without_nulls(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

impl LogStream {
    fn options(&self) -> [(&'static str, &str); 3] {
        [(GROUP, &self.group), (REGION, &self.region), (PREFIX, &self.prefix)]
    }

    fn to_sdk(&self) -> LogConfiguration {
        let options = self.options().map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        LogConfiguration::builder().log_driver(LogDriver::Awslogs).set_options(Some(options)).build().built()
    }

    /// Another log driver shows as a configuration without a log group.
    fn from_sdk(actual: &LogConfiguration) -> Self {
        let option = |name: &str| actual.options()?.get(name).cloned();
        let [group, region, prefix] = [GROUP, REGION, PREFIX].map(|name| option(name).unwrap_or_default());
        LogStream { group, region, prefix }
    }

    fn cloudformation(&self) -> Value {
        let options: BTreeMap<_, _> = self.options().into();
        json!({"LogDriver": LogDriver::Awslogs.as_str(), "Options": options})
    }
}

impl ContainerHealthCheck {
    fn to_sdk(&self) -> HealthCheck {
        HealthCheck::builder()
            .set_command(Some(self.command.clone()))
            .interval(self.interval_seconds)
            .timeout(self.timeout_seconds)
            .retries(self.retries)
            .start_period(self.start_period_seconds)
            .build()
            .built()
    }

    fn from_sdk(actual: &HealthCheck) -> Self {
        ContainerHealthCheck {
            command: actual.command().to_vec(),
            interval_seconds: actual.interval().unwrap_or_default(),
            timeout_seconds: actual.timeout().unwrap_or_default(),
            retries: actual.retries().unwrap_or_default(),
            start_period_seconds: actual.start_period().unwrap_or_default(),
        }
    }

    fn cloudformation(&self) -> Value {
        let ContainerHealthCheck { command, interval_seconds, timeout_seconds, retries, start_period_seconds } = self;
        json!({
            "Command": command,
            "Interval": interval_seconds,
            "Timeout": timeout_seconds,
            "Retries": retries,
            "StartPeriod": start_period_seconds,
        })
    }
}
