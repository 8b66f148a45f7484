//! The section `[services]`: microservices on Fargate, their images and sizes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::source::{ConfigError, Source};
use crate::modules::network::NatMode;
use crate::modules::service::{Architecture, ServiceSize};
use crate::modules::{BLUE, GREEN};

/// How much capacity a system has. The architecture is the same for both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capacity {
    /// For customers.
    #[default]
    Production,
    /// For testing a cutover: the smallest sizes.
    Staging,
}

impl Capacity {
    /// The value for this capacity.
    pub fn pick<T>(self, production: T, staging: T) -> T {
        match self {
            Capacity::Production => production,
            Capacity::Staging => staging,
        }
    }
}

/// The settings of each service, by its name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Services(BTreeMap<String, Service>);

/// A microservice. Fields that aren't set follow from the capacity.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Service {
    /// The container image in both environments. Without an image the service has no tasks.
    pub image: Option<String>,
    /// The image in blue, if it differs.
    pub blue_image: Option<String>,
    /// The image in green, if it differs.
    pub green_image: Option<String>,
    /// The port that the containers listen on.
    pub port: Option<u16>,
    /// CPU units of a task: 256, 512, 1024, 2048, 4096.
    pub cpu: Option<u32>,
    /// Memory of a task in MB.
    pub memory_mb: Option<u32>,
    /// Minimum number of tasks.
    pub min_tasks: Option<u32>,
    /// Maximum number of tasks.
    pub max_tasks: Option<u32>,
    /// The CPU architecture of the image: `X86_64` or `ARM64`.
    pub architecture: Architecture,
}

/// The targets of the services' auto scaling.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scaling {
    /// Target CPU utilization of a service's tasks, percent.
    pub cpu_percent: f64,
    /// Target memory utilization of a service's tasks, percent.
    pub memory_percent: f64,
}

impl Default for Scaling {
    fn default() -> Self {
        Scaling { cpu_percent: 60.0, memory_percent: 70.0 }
    }
}

impl Scaling {
    /// Refuses targets out of range.
    pub fn check(&self, source: &Source) -> Result<(), ConfigError> {
        source.check_range("scaling.cpu_percent", self.cpu_percent, 1.0, 100.0, " %")?;
        source.check_range("scaling.memory_percent", self.memory_percent, 1.0, 100.0, " %")
    }
}

impl Services {
    /// The image of a service in an environment, if one is configured.
    pub fn image(&self, service: &str, environment: &str) -> Option<&str> {
        let service = self.0.get(service)?;
        let own = match environment {
            BLUE => &service.blue_image,
            GREEN => &service.green_image,
            _ => &None,
        };
        own.as_deref().or(service.image.as_deref())
    }

    /// The size of a service.
    pub fn size(&self, service: &str, capacity: Capacity) -> ServiceSize {
        let given = self.0.get(service).cloned().unwrap_or_default();
        let min_tasks = given.min_tasks.unwrap_or(capacity.pick(2, 1));
        ServiceSize {
            port: given.port.unwrap_or(8080),
            architecture: given.architecture,
            cpu_units: given.cpu.unwrap_or(capacity.pick(1024, 256)),
            memory_mib: given.memory_mb.unwrap_or(capacity.pick(2048, 512)),
            max_tasks: given.max_tasks.unwrap_or(capacity.pick(10, 2).max(min_tasks)),
            min_tasks,
        }
    }

    /// Refuses services that aren't `names`, and sizes and images that Fargate can't run in `region`.
    pub fn check(
        &self,
        source: &Source,
        names: &[&str],
        capacity: Capacity,
        region: &str,
        nat: NatMode,
    ) -> Result<(), ConfigError> {
        for (name, given) in &self.0 {
            if !names.contains(&name.as_str()) {
                let what = format!("unknown service {name:?}, expected {}", names.join(", "));
                return Err(source.refuse(&format!("services.{name}"), what));
            }
            let key = |field: &str| format!("services.{name}.{field}");
            let size = self.size(name, capacity);
            source.check_range(&key("port"), size.port, 1.0, 65_535.0, "")?;
            source.check_range(&key("min_tasks"), size.min_tasks, 1.0, 1000.0, "")?;
            source.check_range(&key("max_tasks"), size.max_tasks, f64::from(size.min_tasks), 1000.0, "")?;
            check_task_size(source, &key, size.cpu_units, size.memory_mib)?;
            let images =
                [("image", &given.image), ("blue_image", &given.blue_image), ("green_image", &given.green_image)];
            for (field, image) in images {
                if let Some(image) = image {
                    check_image(source, &key(field), image, region, nat)?;
                }
            }
        }
        Ok(())
    }

    /// What people should know of services that have no image: they have no tasks.
    pub fn notes(&self, names: &[&str]) -> Vec<String> {
        let without = |environment: &str| -> Vec<&str> {
            names.iter().copied().filter(|service| self.image(service, environment).is_none()).collect()
        };
        let (blue, green) = (without(BLUE), without(GREEN));
        let lacking = match blue == green {
            true => vec![("both environments", blue)],
            false => vec![(BLUE, blue), (GREEN, green)],
        };
        let note = |(place, services): (&str, Vec<&str>)| {
            format!(
                "no image is configured for {} in {place}: no tasks run. Push images to the repositories \
                 (`provisioner output`), set image in [services.…], and apply again",
                services.join(", "),
            )
        };
        lacking.into_iter().filter(|(_, services)| !services.is_empty()).map(note).collect()
    }
}

/// Without a NAT gateway, tasks reach ECR only, and only that of their region.
fn check_image(source: &Source, key: &str, image: &str, region: &str, nat: NatMode) -> Result<(), ConfigError> {
    if image.is_empty() || image.contains(char::is_whitespace) {
        return Err(source.refuse(key, format!("{image:?} is no image")));
    }
    let registry = image.split('/').next().unwrap_or_default();
    let is_ours = registry.contains(&format!(".dkr.ecr.{region}.amazonaws.com"));
    if nat == NatMode::None && !is_ours {
        let what = format!(
            "{image} can't be pulled without a NAT gateway: push it to the service's repository in ECR of {region} (see \
             `provisioner output`), or set network.nat"
        );
        return Err(source.refuse(key, what));
    }
    Ok(())
}

/// The task sizes of Fargate: CPU units, and minimum, maximum and step of memory in MB.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size>
const TASK_SIZES: [(u32, u32, u32, u32); 7] = [
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16_384, 1024),
    (4096, 8192, 30_720, 1024),
    (8192, 16_384, 61_440, 4096),
    (16_384, 32_768, 122_880, 8192),
];

fn check_task_size(
    source: &Source,
    key: &impl Fn(&str) -> String,
    cpu: u32,
    memory_mb: u32,
) -> Result<(), ConfigError> {
    let Some((_, min, max, step)) = TASK_SIZES.iter().find(|size| size.0 == cpu) else {
        let known = TASK_SIZES.map(|size| size.0.to_string()).join(", ");
        return Err(source.refuse(&key("cpu"), format!("{cpu} is no size of Fargate: {known}")));
    };
    // With 256 CPU units Fargate has 512, 1024 and 2048 MB.
    let fits = (*min..=*max).contains(&memory_mb) && memory_mb.is_multiple_of(*step) && (cpu, memory_mb) != (256, 1536);
    if !fits {
        let what = format!("{memory_mb} doesn't fit cpu = {cpu}: {min} to {max} in steps of {step}");
        return Err(source.refuse(&key("memory_mb"), what));
    }
    Ok(())
}
