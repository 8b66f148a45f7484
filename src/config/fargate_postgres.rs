//! The configuration of the system `fargate-postgres`. The examples in docs/examples say the same for people.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::common::{Certificate, Compliance, Dns, Firewall, Logs, Notifications, Protection, Secrets};
use super::shift::Shift;
use super::source::{ConfigError, Source};
use crate::modules::network::NatMode;
use crate::traffic::bound::Bound;

/// The system's name.
pub const SYSTEM: &str = "fargate-postgres";
/// Its configuration with all defaults, and a comment to each.
pub const CONFIGURATION: &str = include_str!("../../docs/examples/fargate-postgres.toml");
/// The microservices, and what is behind their load balancer's path for each.
pub const SERVICES: [&str; 3] = ["payment-api", "transaction-processor", "reporting"];

/// Everything that can be set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FargatePostgres {
    /// `fargate-postgres`.
    pub system: Option<String>,
    /// The suffix, unless a flag or the environment gives it.
    pub suffix: Option<String>,
    /// The region.
    #[serde(default = "eu_central_1")]
    pub region: String,
    /// The only account that may be worked on.
    pub account: Option<String>,
    /// How large it is where nothing else is said.
    #[serde(default)]
    pub capacity: Capacity,
    /// Tags on everything, for cost allocation and compliance.
    #[serde(default = "default_tags")]
    pub tags: BTreeMap<String, String>,
    /// `[network]`
    #[serde(default)]
    pub network: Network,
    /// `[dns]`
    #[serde(default)]
    pub dns: Dns,
    /// `[certificate]`
    #[serde(default)]
    pub certificate: Certificate,
    /// `[firewall]`
    #[serde(default)]
    pub firewall: Firewall,
    /// `[database]`
    #[serde(default)]
    pub database: Database,
    /// `[services.payment-api]`, `[services.transaction-processor]`, `[services.reporting]`
    #[serde(default)]
    pub services: BTreeMap<String, Service>,
    /// `[scaling]`
    #[serde(default)]
    pub scaling: Scaling,
    /// `[storage]`
    #[serde(default)]
    pub storage: Storage,
    /// `[functions]`
    #[serde(default)]
    pub functions: Functions,
    /// `[migration_role]`
    pub migration_role: Option<MigrationRole>,
    /// `[secrets]`
    #[serde(default)]
    pub secrets: Secrets,
    /// `[logs]`
    #[serde(default = "ninety_days")]
    pub logs: Logs,
    /// `[alarms]`
    #[serde(default)]
    pub alarms: Alarms,
    /// `[traffic]`
    #[serde(default)]
    pub traffic: Traffic,
    /// `[shift]`
    #[serde(default)]
    pub shift: Shift,
    /// `[notifications]`
    #[serde(default)]
    pub notifications: Notifications,
    /// `[compliance]`
    #[serde(default)]
    pub compliance: Compliance,
    /// `[protection]`
    #[serde(default)]
    pub protection: Protection,
}

/// How large a system is: always the same shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capacity {
    /// For customers.
    #[default]
    Production,
    /// For trying out a cutover: everything is there, and as small as it can be.
    Staging,
}

/// Networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Blue's block.
    pub blue_cidr: Ipv4Net,
    /// Green's block.
    pub green_cidr: Ipv4Net,
    /// How many availability zones: 3, as an Aurora cluster has no more and the requirement no less.
    pub zones: usize,
    /// NAT gateways: one a zone, one in all, none.
    pub nat: NatMode,
}

/// Aurora. What isn't set follows from the capacity.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// The wanted engine version; the newest of the same major version where it isn't offered.
    pub engine_version: String,
    /// Readers beside the writer of each environment, 1 to 14.
    pub readers: u32,
    /// How many readers scaling may make of them, up to 15.
    pub max_readers: Option<u32>,
    /// Busy time of the readers that scaling aims at, percent.
    pub reader_cpu_percent: f64,
    /// Least capacity of an instance in ACU, in halves, 0.5 to 256.
    pub min_acu: f64,
    /// Most capacity in ACU, 1 to 256.
    pub max_acu: Option<f64>,
    /// Days of point-in-time recovery, 1 to 35.
    pub backup_retention_days: Option<i32>,
    /// The database's name.
    pub name: String,
    /// The master user's name.
    pub master_username: String,
}

/// A microservice. What isn't set follows from the capacity.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Service {
    /// The container image of both environments. Without one the service stands, with no task.
    pub image: Option<String>,
    /// Blue's, if it is another one.
    pub blue_image: Option<String>,
    /// Green's, if it is another one.
    pub green_image: Option<String>,
    /// The port that it listens on.
    pub port: Option<u16>,
    /// CPU units of a task: 256, 512, 1024, 2048, 4096.
    pub cpu: Option<u32>,
    /// Memory of a task in MB.
    pub memory_mb: Option<u32>,
    /// Least number of tasks.
    pub min_tasks: Option<u32>,
    /// Most number of tasks.
    pub max_tasks: Option<u32>,
    /// What the image is built for: `X86_64` or `ARM64`.
    pub architecture: Architecture,
}

/// The kinds of processors that Fargate has.
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
    /// AWS's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::X86 => "X86_64",
            Architecture::Arm => "ARM64",
        }
    }
}

/// A microservice with all that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSize {
    /// The port that it listens on.
    pub port: u16,
    /// CPU units.
    pub cpu: u32,
    /// Memory in MB.
    pub memory_mb: u32,
    /// Least number of tasks.
    pub min_tasks: u32,
    /// Most number of tasks.
    pub max_tasks: u32,
    /// What the image is built for.
    pub architecture: Architecture,
}

/// What the number of tasks follows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scaling {
    /// CPU of a service's tasks that scaling aims at, percent.
    pub cpu_percent: f64,
    /// Memory of a service's tasks that scaling aims at, percent.
    pub memory_percent: f64,
}

/// Buckets.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// Days after which what is kept goes to Glacier.
    pub glacier_after_days: i32,
    /// Days that transaction logs are kept.
    pub transaction_log_days: i32,
    /// Days that compliance documents are kept.
    pub document_days: i32,
}

/// Lambda.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Functions {
    /// The runtime of Node.js: `nodejs24.x`.
    pub runtime: String,
    /// Memory of the data sync, 256 to 10,240 MB.
    pub memory_mb: i32,
    /// `DEBUG`, `INFO`, `WARN`, `ERROR`.
    pub log_level: String,
}

/// Who from another account may run the migration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MigrationRole {
    /// The account whose tooling takes the role on, 12 digits.
    pub trusted_account: String,
    /// What it has to say: 2 to 1224 characters that both sides agreed on.
    pub external_id: String,
}

/// When to worry.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alarms {
    /// How many bad minutes make an alarm that says that customers suffer: it sends green's traffic back.
    pub evaluation_minutes: u32,
    /// Keep one of the account's concurrent invocations for the function that sends it back, so that it can be called when all
    /// others are used up. AWS refuses it in accounts that may have only a few.
    pub reserve_failback: bool,
    /// Failed requests, percent.
    pub error_percent: f64,
    /// The slowest hundredth of the requests, ms.
    pub latency_p99_ms: f64,
    /// The database's CPU, percent.
    pub database_cpu_percent: f64,
    /// Connections to a database instance: where they come to an end. What isn't set follows from the capacity.
    pub database_connections: Option<f64>,
    /// How far the readers may be behind, ms.
    pub replication_lag_ms: f64,
    /// How far the data sync may be behind, s.
    pub sync_lag_seconds: f64,
}

/// How the name's answers are shared out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Traffic {
    /// Green's share when the system is made, percent. After that `shift` has it.
    pub initial_green_percent: u8,
    /// How long clients may keep an answer, in seconds: a failback takes so much longer. 1 to 60.
    pub ttl_seconds: u32,
}

fn eu_central_1() -> String {
    "eu-central-1".to_owned()
}

/// Exactly what the requirement says.
fn ninety_days() -> Logs {
    Logs { retention_days: 90 }
}

fn default_tags() -> BTreeMap<String, String> {
    let tags = [("Service", "payment-processing"), ("CostCenter", "fintech-migration"), ("Compliance", "PCI-DSS")];
    tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn cidr(text: &str) -> Ipv4Net {
    text.parse().expect("a CIDR of ours")
}

impl Default for Network {
    fn default() -> Self {
        Network { blue_cidr: cidr("10.30.0.0/16"), green_cidr: cidr("10.40.0.0/16"), zones: 3, nat: NatMode::None }
    }
}

impl Default for Database {
    fn default() -> Self {
        Database {
            engine_version: "14.6".to_owned(),
            readers: 2,
            max_readers: None,
            reader_cpu_percent: 70.0,
            min_acu: 0.5,
            max_acu: None,
            backup_retention_days: None,
            name: "payments".to_owned(),
            master_username: "payadmin".to_owned(),
        }
    }
}

impl Default for Scaling {
    fn default() -> Self {
        Scaling { cpu_percent: 60.0, memory_percent: 70.0 }
    }
}

impl Default for Storage {
    fn default() -> Self {
        // PCI DSS wants a year of logs; many tax laws want ten of documents.
        Storage { glacier_after_days: 90, transaction_log_days: 2555, document_days: 3653 }
    }
}

impl Default for Functions {
    fn default() -> Self {
        Functions { runtime: "nodejs24.x".to_owned(), memory_mb: 1024, log_level: "INFO".to_owned() }
    }
}

impl Default for Alarms {
    fn default() -> Self {
        Alarms {
            evaluation_minutes: 1,
            reserve_failback: true,
            error_percent: 1.0,
            latency_p99_ms: 2000.0,
            database_cpu_percent: 80.0,
            database_connections: None,
            replication_lag_ms: 1000.0,
            sync_lag_seconds: 300.0,
        }
    }
}

impl Default for Traffic {
    fn default() -> Self {
        Traffic { initial_green_percent: 10, ttl_seconds: 20 }
    }
}

impl Capacity {
    fn pick<T>(self, production: T, staging: T) -> T {
        match self {
            Capacity::Production => production,
            Capacity::Staging => staging,
        }
    }
}

impl FargatePostgres {
    /// Reads and checks a configuration: nothing that AWS would refuse later gets through here.
    pub fn read(source: &Source) -> Result<Self, ConfigError> {
        let config: FargatePostgres = source.parse()?;
        config.check(source)?;
        Ok(config)
    }

    /// Most capacity of a database instance, in ACU.
    pub fn max_acu(&self) -> f64 {
        self.database.max_acu.unwrap_or(self.capacity.pick(16.0, 2.0))
    }

    /// How many readers scaling may make of them.
    pub fn max_readers(&self) -> u32 {
        let usual = self.capacity.pick(4, self.database.readers);
        self.database.max_readers.unwrap_or(usual.max(self.database.readers))
    }

    /// Days of point-in-time recovery.
    pub fn backup_retention_days(&self) -> i32 {
        self.database.backup_retention_days.unwrap_or(self.capacity.pick(35, 7))
    }

    /// Connections to a database instance that are too many: four fifths of what Aurora Serverless v2 takes at most capacity.
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html>
    pub fn database_connections(&self) -> f64 {
        let memory = self.max_acu() * 2.0 * 1024.0 * 1024.0 * 1024.0;
        let most = (memory / 9_531_392.0).min(if self.database.min_acu < 1.0 { 2000.0 } else { 5000.0 });
        self.alarms.database_connections.unwrap_or((most * 0.8).floor())
    }

    /// The image of a service in an environment, if it has one.
    pub fn image(&self, service: &str, environment: &str) -> Option<&str> {
        let service = self.services.get(service)?;
        let own = if environment == "green" { &service.green_image } else { &service.blue_image };
        own.as_deref().or(service.image.as_deref())
    }

    /// The size of a service.
    pub fn service(&self, name: &str) -> ServiceSize {
        let given = self.services.get(name).cloned().unwrap_or_default();
        let min_tasks = given.min_tasks.unwrap_or(self.capacity.pick(2, 1));
        ServiceSize {
            port: given.port.unwrap_or(8080),
            architecture: given.architecture,
            cpu: given.cpu.unwrap_or(self.capacity.pick(1024, 256)),
            memory_mb: given.memory_mb.unwrap_or(self.capacity.pick(2048, 512)),
            max_tasks: given.max_tasks.unwrap_or(self.capacity.pick(10, 2).max(min_tasks)),
            min_tasks,
        }
    }

    /// How long a failback by itself takes at worst.
    pub fn bound(&self) -> Bound {
        Bound::of_dns(self.alarms.evaluation_minutes, self.traffic.ttl_seconds)
    }

    fn check(&self, source: &Source) -> Result<(), ConfigError> {
        source.check_texts(self)?;
        let network = &self.network;
        if network.zones != 3 {
            return Err(source.refuse("network.zones", format!("{} can't be: it takes 3", network.zones)));
        }
        source.check_blocks(&[("network.blue_cidr", network.blue_cidr), ("network.green_cidr", network.green_cidr)])?;
        self.firewall.check(source)?;
        self.check_database(source)?;
        self.check_services(source)?;
        for (key, percent) in [
            ("scaling.cpu_percent", self.scaling.cpu_percent),
            ("scaling.memory_percent", self.scaling.memory_percent),
            ("database.reader_cpu_percent", self.database.reader_cpu_percent),
        ] {
            source.within(key, percent, 1.0, 100.0, " %")?;
        }
        let storage = &self.storage;
        source.within("storage.glacier_after_days", storage.glacier_after_days, 1.0, 3650.0, " days")?;
        for (key, days) in [
            ("storage.transaction_log_days", storage.transaction_log_days),
            ("storage.document_days", storage.document_days),
        ] {
            // Glacier charges for 90 days, whatever is kept there.
            source.within(key, days, f64::from(storage.glacier_after_days) + 90.0, 36_500.0, " days")?;
        }
        source.within("functions.memory_mb", self.functions.memory_mb, 256.0, 10_240.0, " MB")?;
        source.check_functions(&self.functions.runtime, &self.functions.log_level)?;
        self.check_migration_role(source)?;
        self.secrets.check(source)?;
        self.logs.check(source)?;
        let alarms = &self.alarms;
        source.within("alarms.error_percent", alarms.error_percent, 0.0, 100.0, " %")?;
        source.within("alarms.database_cpu_percent", alarms.database_cpu_percent, 0.0, 100.0, " %")?;
        for (key, threshold) in [
            ("alarms.latency_p99_ms", alarms.latency_p99_ms),
            ("alarms.database_connections", self.database_connections()),
            ("alarms.replication_lag_ms", alarms.replication_lag_ms),
            ("alarms.sync_lag_seconds", alarms.sync_lag_seconds),
        ] {
            source.within(key, threshold, 0.0, 1e9, "")?;
        }
        source.within("traffic.initial_green_percent", self.traffic.initial_green_percent, 0.0, 99.0, " %")?;
        source.within("traffic.ttl_seconds", self.traffic.ttl_seconds, 1.0, 60.0, " s")?;
        source.within("alarms.evaluation_minutes", alarms.evaluation_minutes, 1.0, 60.0, " minutes")?;
        // Which of the two is too much: with answers that live for a second it would be in time, or it wouldn't.
        let by_ttl = Bound::of_dns(alarms.evaluation_minutes, 1).holds();
        let key = if by_ttl { "traffic.ttl_seconds" } else { "alarms.evaluation_minutes" };
        source.check_bound(key, &self.bound())?;
        self.shift.check(source)?;
        self.notifications.check(source)?;
        self.certificate.check(source, &self.dns)?;
        self.dns.check(source)
    }

    fn check_database(&self, source: &Source) -> Result<(), ConfigError> {
        let database = &self.database;
        source.check_identifier("database.name", &database.name)?;
        source.check_identifier("database.master_username", &database.master_username)?;
        source.within("database.readers", database.readers, 1.0, 14.0, "")?;
        source.within("database.max_readers", self.max_readers(), f64::from(database.readers), 15.0, "")?;
        source.check_acu(("database.min_acu", database.min_acu), ("database.max_acu", self.max_acu()))?;
        source.within("database.backup_retention_days", self.backup_retention_days(), 1.0, 35.0, " days")
    }

    fn check_services(&self, source: &Source) -> Result<(), ConfigError> {
        for (name, given) in &self.services {
            if !SERVICES.contains(&name.as_str()) {
                let what = format!("there is no service {name:?}; there is {}", SERVICES.join(", "));
                return Err(source.refuse(&format!("services.{name}"), what));
            }
            let key = |field: &str| format!("services.{name}.{field}");
            let size = self.service(name);
            source.within(&key("port"), size.port, 1.0, 65_535.0, "")?;
            source.within(&key("min_tasks"), size.min_tasks, 1.0, 1000.0, "")?;
            source.within(&key("max_tasks"), size.max_tasks, f64::from(size.min_tasks), 1000.0, "")?;
            check_task_size(source, &key, size.cpu, size.memory_mb)?;
            for (field, image) in
                [("image", &given.image), ("blue_image", &given.blue_image), ("green_image", &given.green_image)]
            {
                if let Some(image) = image {
                    self.check_image(source, &key(field), image)?;
                }
            }
        }
        Ok(())
    }

    /// Without a way to the internet only ECR can be reached, and only the region's own.
    fn check_image(&self, source: &Source, key: &str, image: &str) -> Result<(), ConfigError> {
        if image.is_empty() || image.contains(char::is_whitespace) {
            return Err(source.refuse(key, format!("{image:?} is no image")));
        }
        let registry = image.split('/').next().unwrap_or_default();
        let is_ours = registry.contains(&format!(".dkr.ecr.{}.amazonaws.com", self.region));
        if self.network.nat == NatMode::None && !is_ours {
            let what = format!(
                "{image} can't be pulled without a NAT gateway: push it to the service's repository in ECR of {} (see \
                 `provisioner output`), or set network.nat",
                self.region
            );
            return Err(source.refuse(key, what));
        }
        Ok(())
    }

    fn check_migration_role(&self, source: &Source) -> Result<(), ConfigError> {
        let Some(role) = &self.migration_role else { return Ok(()) };
        let account = &role.trusted_account;
        if account.len() != 12 || !account.chars().all(|c| c.is_ascii_digit()) {
            let what = format!("{account:?} is no AWS account: it takes 12 digits");
            return Err(source.refuse("migration_role.trusted_account", what));
        }
        // <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
        let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
        if !(2..=1224).contains(&role.external_id.len()) || !role.external_id.chars().all(fits) {
            let what = "it takes 2 to 1224 letters, digits and _+=,.@:/-";
            return Err(source.refuse("migration_role.external_id", what));
        }
        Ok(())
    }
}

/// The sizes that Fargate has: CPU units, and least, most and step of memory in MB.
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
    let Some((_, least, most, step)) = TASK_SIZES.iter().find(|size| size.0 == cpu) else {
        let known = TASK_SIZES.map(|size| size.0.to_string()).join(", ");
        return Err(source.refuse(&key("cpu"), format!("{cpu} can't be: Fargate takes {known}")));
    };
    // With the least CPU there are 512, 1024 and 2048 MB.
    let fits =
        (*least..=*most).contains(&memory_mb) && memory_mb.is_multiple_of(*step) && (cpu, memory_mb) != (256, 1536);
    if !fits {
        let what = format!("{memory_mb} can't be: with cpu = {cpu} Fargate takes {least} to {most} in steps of {step}");
        return Err(source.refuse(&key("memory_mb"), what));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGING: &str = include_str!("../../docs/examples/fargate-postgres-staging.toml");

    fn read(text: &str) -> FargatePostgres {
        FargatePostgres::read(&Source::built_in(text)).unwrap()
    }

    fn error(text: &str) -> String {
        FargatePostgres::read(&Source::built_in(text)).unwrap_err().to_string()
    }

    #[test]
    fn the_example_says_the_defaults() {
        let (example, defaults) = (read(CONFIGURATION), read(""));
        for service in SERVICES {
            assert_eq!(example.service(service), defaults.service(service));
        }
        assert_eq!((example.max_acu(), example.max_readers()), (defaults.max_acu(), defaults.max_readers()));
        assert_eq!(example.backup_retention_days(), defaults.backup_retention_days());
        let (mut example, defaults) = (serde_json::to_value(example).unwrap(), serde_json::to_value(defaults).unwrap());
        example["system"] = serde_json::Value::Null;
        for key in ["notifications", "services"] {
            example[key] = defaults[key].clone();
        }
        for key in ["max_readers", "max_acu", "backup_retention_days"] {
            example["database"][key] = serde_json::Value::Null;
        }
        assert_eq!(example, defaults);
    }

    #[test]
    fn staging_is_the_same_shape_and_smaller() {
        let (production, staging) = (read(""), read(STAGING));
        assert_eq!(staging.region, "us-east-1");
        assert!(staging.max_acu() < production.max_acu());
        assert_eq!((staging.network.zones, staging.database.readers), (3, production.database.readers));
        for service in SERVICES {
            let (small, large) = (staging.service(service), production.service(service));
            assert!(small.cpu < large.cpu && small.memory_mb < large.memory_mb && small.max_tasks < large.max_tasks);
            assert!(small.min_tasks >= 1);
        }
    }

    #[test]
    fn what_is_said_goes_before_the_capacity() {
        let config =
            read("capacity = \"staging\"\n[database]\nmax_acu = 8\n[services.reporting]\ncpu = 512\nmemory_mb = 1024");
        assert_eq!((config.max_acu(), config.service("reporting").cpu), (8.0, 512));
        assert_eq!(config.service("payment-api").cpu, 256);
    }

    #[test]
    fn what_cannot_be_is_named_with_its_line() {
        for (text, place, what) in [
            ("[network]\nblue_cidr = \"10.40.0.0/16\"", "network.green_cidr", "overlaps network.blue_cidr"),
            ("[network]\nzones = 2", "the defaults:2: network.zones", "it takes 3"),
            ("[database]\nmax_acu = 0.5", "the defaults:2: database.max_acu", "1 to 256"),
            ("[database]\nreaders = 3\nmax_readers = 2", "the defaults:3: database.max_readers", "it takes 3 to 15"),
            ("[services.payment]\nport = 80", "the defaults:1: services.payment", "there is payment-api, "),
            ("[services.reporting]\ncpu = 300", "the defaults:2: services.reporting.cpu", "Fargate takes 256, "),
            ("[services.reporting]\nmemory_mb = 512", "the defaults:2: services.reporting.memory_mb", "2048 to 8192"),
            ("[services.reporting]\nimage = \"nginx\"", "the defaults:2: services.reporting.image", "NAT gateway"),
            ("[services.reporting]\nmin_tasks = 11\nmax_tasks = 3", "services.reporting.max_tasks", "11 to 1000"),
            ("[database]\nname = \"my-payments\"", "the defaults:2: database.name", "letters, digits and _"),
            ("[database]\nmaster_username = \"rdsadmin\"", "the defaults:2: database.master_username", "reserved"),
            ("[functions]\nruntime = \"node\"", "the defaults:2: functions.runtime", "nodejs24.x"),
            ("[functions]\nlog_level = \"LOUD\"", "the defaults:2: functions.log_level", "DEBUG, INFO"),
            ("[services.reporting]\narchitecture = \"sparc\"", "line 2", "ARM64"),
            ("[alarms]\nevaluation_minutes = 2", "the defaults:2: alarms.evaluation_minutes", "a failback could take"),
            ("[traffic]\nttl_seconds = 60", "the defaults:2: traffic.ttl_seconds", "a failback could take"),
            ("[traffic]\ninitial_green_percent = 100", "the defaults:2: traffic.initial_green_percent", "0 to 99"),
            ("[logs]\nretention_days = 91", "the defaults:2: logs.retention_days", "91 days can't be"),
            ("[storage]\ndocument_days = 100", "the defaults:2: storage.document_days", "180 to"),
            (
                "[migration_role]\ntrusted_account = \"1\"\nexternal_id = \"abc\"",
                "the defaults:2: migration_role.trusted_account",
                "12 digits",
            ),
        ] {
            let error = error(text);
            assert!(error.contains(place) && error.contains(what), "{error}");
        }
    }

    #[test]
    fn an_image_of_the_regions_registry_needs_no_nat_gateway() {
        let image = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/payment-api-dev1:1.0";
        assert_eq!(
            read(&format!("[services.payment-api]\nimage = \"{image}\"")).image("payment-api", "blue"),
            Some(image)
        );
        let config =
            read("[network]\nnat = \"per-az\"\n[services.payment-api]\nimage = \"nginx\"\ngreen_image = \"caddy\"");
        assert_eq!(["blue", "green"].map(|of| config.image("payment-api", of)), [Some("nginx"), Some("caddy")]);
        assert_eq!(config.image("reporting", "green"), None);
    }
}
