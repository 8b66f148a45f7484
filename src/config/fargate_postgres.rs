//! The settings of the system `fargate-postgres`. The examples in `docs/examples` document them for users.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::common::{Common, Defaults};
use super::services::{Capacity, Scaling, Services};
use super::source::{ConfigError, Source};
use crate::modules::network::NatMode;
use crate::modules::service::ServiceSize;
use crate::traffic::bound::Bound;

/// The system's name.
pub const SYSTEM: &str = "fargate-postgres";
/// A configuration with all defaults, each with a comment.
pub const EXAMPLE: &str = include_str!("../../docs/examples/fargate-postgres.toml");
/// The microservices. The first one gets the requests that no path of another one matches.
pub const SERVICES: [&str; 3] = ["payment-api", "transaction-processor", "reporting"];

/// The defaults of the common settings. The requirement asks for exactly 90 days of logs.
pub fn defaults() -> Defaults {
    let tags = [("Service", "payment-processing"), ("CostCenter", "fintech-migration"), ("Compliance", "PCI-DSS")];
    Defaults::new("eu-central-1", &tags, 90)
}

/// The system's own settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The size of everything that isn't set explicitly.
    pub capacity: Capacity,
    /// `[network]`
    pub network: Network,
    /// `[database]`
    pub database: Database,
    /// `[services.payment-api]`, `[services.transaction-processor]`, `[services.reporting]`
    pub services: Services,
    /// `[scaling]`
    pub scaling: Scaling,
    /// `[storage]`
    pub storage: Storage,
    /// `[functions]`
    pub functions: Functions,
    /// `[migration_role]`
    pub migration_role: Option<MigrationRole>,
    /// `[alarms]`
    pub alarms: Alarms,
    /// `[traffic]`
    pub traffic: Traffic,
}

/// Networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Blue's CIDR block.
    pub blue_cidr: Ipv4Net,
    /// Green's CIDR block.
    pub green_cidr: Ipv4Net,
    /// Number of availability zones: 3. Aurora spreads over at most 3, and the requirement asks for 3.
    pub zones: usize,
    /// NAT gateways: one per zone, one in all, none.
    pub nat: NatMode,
}

/// Aurora. Fields that aren't set follow from the capacity.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// The engine version; where AWS doesn't offer it, the newest of the same major version.
    pub engine_version: String,
    /// Readers beside the writer of each environment, 1 to 14.
    pub readers: u32,
    /// Maximum number of readers that auto scaling reaches, up to 15.
    pub max_readers: Option<u32>,
    /// Target CPU utilization of the readers' auto scaling, percent.
    pub reader_cpu_percent: f64,
    /// Minimum capacity of an instance in ACU, a multiple of 0.5, 0.5 to 256.
    pub min_acu: f64,
    /// Maximum capacity in ACU, 1 to 256.
    pub max_acu: Option<f64>,
    /// Days of point-in-time recovery, 1 to 35.
    pub backup_retention_days: Option<i32>,
    /// The database's name.
    pub name: String,
    /// The master user's name.
    pub master_username: String,
}

/// Buckets.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// Days after which objects move to Glacier.
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
    /// The Node.js runtime, for example `nodejs24.x`.
    pub runtime: String,
    /// Memory of the data sync, 256 to 10,240 MB.
    pub memory_mb: i32,
    /// `DEBUG`, `INFO`, `WARN`, `ERROR`.
    pub log_level: String,
}

/// The role by which another account runs the migration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MigrationRole {
    /// The account that may assume the role, 12 digits.
    pub trusted_account: String,
    /// The external id that it must pass, 2 to 1224 characters.
    pub external_id: String,
}

/// Alarm thresholds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alarms {
    /// Evaluation periods (minutes) of the alarms that trigger the automatic failback.
    pub evaluation_minutes: u32,
    /// Reserve one concurrent invocation for the failback function, so that it runs even when the account's concurrency is used
    /// up. AWS refuses it in accounts with a low quota.
    pub reserve_failback: bool,
    /// Failed requests, percent.
    pub error_percent: f64,
    /// p99 latency, ms.
    pub latency_p99_ms: f64,
    /// CPU utilization of a database instance, percent.
    pub database_cpu_percent: f64,
    /// Connections to a database instance. Default: 80 % of the maximum at `max_acu`.
    pub database_connections: Option<f64>,
    /// Replication lag of the readers, ms.
    pub replication_lag_ms: f64,
    /// Lag of the data sync, s.
    pub sync_lag_seconds: f64,
}

/// The weighted DNS records.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Traffic {
    /// Green's share when the records are created, percent. After that `shift` changes it.
    pub initial_green_percent: u8,
    /// TTL of the records in seconds, 1 to 60. It adds to the duration of a failback.
    pub ttl_seconds: u32,
}

fn cidr(text: &str) -> Ipv4Net {
    text.parse().expect("a valid CIDR")
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

impl Default for Storage {
    fn default() -> Self {
        // PCI DSS requires one year of logs, many tax laws ten years of documents.
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

impl Settings {
    /// Maximum capacity of a database instance, in ACU.
    pub fn max_acu(&self) -> f64 {
        self.database.max_acu.unwrap_or(self.capacity.pick(16.0, 2.0))
    }

    /// Maximum number of readers that auto scaling reaches.
    pub fn max_readers(&self) -> u32 {
        let usual = self.capacity.pick(4, self.database.readers);
        self.database.max_readers.unwrap_or(usual.max(self.database.readers))
    }

    /// Days of point-in-time recovery.
    pub fn backup_retention_days(&self) -> i32 {
        self.database.backup_retention_days.unwrap_or(self.capacity.pick(35, 7))
    }

    /// Connections to a database instance that raise the alarm: 80 % of the limit of Aurora Serverless v2 at maximum capacity.
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html>
    pub fn database_connections(&self) -> f64 {
        let memory = self.max_acu() * 2.0 * 1024.0 * 1024.0 * 1024.0;
        let limit = (memory / 9_531_392.0).min(if self.database.min_acu < 1.0 { 2000.0 } else { 5000.0 });
        self.alarms.database_connections.unwrap_or((limit * 0.8).floor())
    }

    /// The size of a service.
    pub fn service(&self, name: &str) -> ServiceSize {
        self.services.size(name, self.capacity)
    }

    /// The longest time that an automatic failback takes.
    pub fn failback_bound(&self) -> Bound {
        Bound::of_dns(self.alarms.evaluation_minutes, self.traffic.ttl_seconds)
    }

    /// Refuses values that AWS would refuse during an apply.
    pub fn check(&self, common: &Common, source: &Source) -> Result<(), ConfigError> {
        let network = &self.network;
        if network.zones != 3 {
            return Err(source.refuse("network.zones", format!("{} is out of range: 3", network.zones)));
        }
        source
            .check_networks(&[("network.blue_cidr", network.blue_cidr), ("network.green_cidr", network.green_cidr)])?;
        self.check_database(source)?;
        self.services.check(source, &SERVICES, self.capacity, &common.region, network.nat)?;
        self.scaling.check(source)?;
        let storage = &self.storage;
        source.check_range("storage.glacier_after_days", storage.glacier_after_days, 1.0, 3650.0, " days")?;
        for (key, days) in [
            ("storage.transaction_log_days", storage.transaction_log_days),
            ("storage.document_days", storage.document_days),
        ] {
            // Glacier charges for at least 90 days.
            source.check_range(key, days, f64::from(storage.glacier_after_days) + 90.0, 36_500.0, " days")?;
        }
        source.check_range("functions.memory_mb", self.functions.memory_mb, 256.0, 10_240.0, " MB")?;
        source.check_functions(&self.functions.runtime, &self.functions.log_level)?;
        self.check_migration_role(source)?;
        self.check_alarms(source)?;
        source.check_range("traffic.initial_green_percent", self.traffic.initial_green_percent, 0.0, 99.0, " %")?;
        source.check_range("traffic.ttl_seconds", self.traffic.ttl_seconds, 1.0, 60.0, " s")?;
        // With the shortest TTL the bound holds, or the alarms are too slow.
        let by_ttl = Bound::of_dns(self.alarms.evaluation_minutes, 1).holds();
        let key = if by_ttl { "traffic.ttl_seconds" } else { "alarms.evaluation_minutes" };
        source.check_bound(key, &self.failback_bound())
    }

    fn check_database(&self, source: &Source) -> Result<(), ConfigError> {
        let database = &self.database;
        source.check_identifier("database.name", &database.name)?;
        source.check_identifier("database.master_username", &database.master_username)?;
        source.check_range("database.readers", database.readers, 1.0, 14.0, "")?;
        source.check_range("database.max_readers", self.max_readers(), f64::from(database.readers), 15.0, "")?;
        source.check_range("database.reader_cpu_percent", database.reader_cpu_percent, 1.0, 100.0, " %")?;
        source.check_acu(("database.min_acu", database.min_acu), ("database.max_acu", self.max_acu()))?;
        source.check_range("database.backup_retention_days", self.backup_retention_days(), 1.0, 35.0, " days")
    }

    fn check_alarms(&self, source: &Source) -> Result<(), ConfigError> {
        let alarms = &self.alarms;
        source.check_range("alarms.evaluation_minutes", alarms.evaluation_minutes, 1.0, 60.0, " minutes")?;
        source.check_thresholds(
            &[
                ("alarms.error_percent", alarms.error_percent),
                ("alarms.database_cpu_percent", alarms.database_cpu_percent),
            ],
            &[
                ("alarms.latency_p99_ms", alarms.latency_p99_ms),
                ("alarms.database_connections", self.database_connections()),
                ("alarms.replication_lag_ms", alarms.replication_lag_ms),
                ("alarms.sync_lag_seconds", alarms.sync_lag_seconds),
            ],
        )
    }

    fn check_migration_role(&self, source: &Source) -> Result<(), ConfigError> {
        let Some(role) = &self.migration_role else { return Ok(()) };
        let account = &role.trusted_account;
        if account.len() != 12 || !account.chars().all(|c| c.is_ascii_digit()) {
            let what = format!("{account:?} is no AWS account id: 12 digits");
            return Err(source.refuse("migration_role.trusted_account", what));
        }
        // <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
        let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
        if !(2..=1224).contains(&role.external_id.len()) || !role.external_id.chars().all(fits) {
            let what = "invalid external id: 2 to 1224 letters, digits and _+=,.@:/-";
            return Err(source.refuse("migration_role.external_id", what));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const STAGING: &str = include_str!("../../docs/examples/fargate-postgres-staging.toml");

    fn try_read(text: &str) -> Result<Config<Settings>, ConfigError> {
        let source = Source::built_in(text);
        let config = Config::<Settings>::read(&source, Common::keys(), &defaults())?;
        config.settings.check(&config.common, &source)?;
        Ok(config)
    }

    fn read(text: &str) -> Settings {
        try_read(text).unwrap().settings
    }

    fn error(text: &str) -> String {
        try_read(text).unwrap_err().to_string()
    }

    #[test]
    fn example_contains_the_defaults() {
        let (example, defaults) = (read(EXAMPLE), read(""));
        for service in SERVICES {
            assert_eq!(example.service(service), defaults.service(service));
        }
        assert_eq!((example.max_acu(), example.max_readers()), (defaults.max_acu(), defaults.max_readers()));
        assert_eq!(example.backup_retention_days(), defaults.backup_retention_days());
        let [mut example, defaults] = [EXAMPLE, ""].map(|text| serde_json::to_value(try_read(text).unwrap()).unwrap());
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
    fn staging_has_the_same_services_with_less_capacity() {
        let (production, staging) = (read(""), read(STAGING));
        assert_eq!(try_read(STAGING).unwrap().common.region, "us-east-1");
        assert!(staging.max_acu() < production.max_acu());
        assert_eq!((staging.network.zones, staging.database.readers), (3, production.database.readers));
        for service in SERVICES {
            let (small, large) = (staging.service(service), production.service(service));
            assert!(
                small.cpu_units < large.cpu_units
                    && small.memory_mib < large.memory_mib
                    && small.max_tasks < large.max_tasks
            );
            assert!(small.min_tasks >= 1);
        }
    }

    #[test]
    fn settings_override_the_capacity() {
        let config =
            read("capacity = \"staging\"\n[database]\nmax_acu = 8\n[services.reporting]\ncpu = 512\nmemory_mb = 1024");
        assert_eq!((config.max_acu(), config.service("reporting").cpu_units), (8.0, 512));
        assert_eq!(config.service("payment-api").cpu_units, 256);
    }

    #[test]
    fn invalid_values_are_refused_with_their_line() {
        for (text, place, what) in [
            ("[network]\nblue_cidr = \"10.40.0.0/16\"", "network.green_cidr", "overlaps network.blue_cidr"),
            ("[network]\nzones = 2", "the defaults:2: network.zones", "out of range: 3"),
            ("[database]\nmax_acu = 0.5", "the defaults:2: database.max_acu", "1 to 256"),
            (
                "[database]\nreaders = 3\nmax_readers = 2",
                "the defaults:3: database.max_readers",
                "out of range: 3 to 15",
            ),
            ("[services.payment]\nport = 80", "the defaults:1: services.payment", "expected payment-api, "),
            ("[services.reporting]\ncpu = 300", "the defaults:2: services.reporting.cpu", "no size of Fargate: 256, "),
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
            ("[logs]\nretention_days = 91", "the defaults:2: logs.retention_days", "91 days isn't a retention"),
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
    fn image_in_the_regions_registry_needs_no_nat_gateway() {
        let image = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/payment-api-dev1:1.0";
        assert_eq!(
            read(&format!("[services.payment-api]\nimage = \"{image}\"")).services.image("payment-api", "blue"),
            Some(image)
        );
        let config =
            read("[network]\nnat = \"per-az\"\n[services.payment-api]\nimage = \"nginx\"\ngreen_image = \"caddy\"");
        assert_eq!(
            ["blue", "green"].map(|of| config.services.image("payment-api", of)),
            [Some("nginx"), Some("caddy")]
        );
        assert_eq!(config.services.image("reporting", "green"), None);
    }
}
