//! The settings of the system `lambda-mysql`. `docs/examples/lambda-mysql.toml` documents them for users.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::checks::duplicate;
use super::common::{Common, Defaults};
use super::source::{ConfigError, Source};
use crate::modules::network::NatMode;
use crate::traffic::bound::Bound;

/// The system's name.
pub const SYSTEM: &str = "lambda-mysql";
/// A configuration with all defaults, each with a comment.
pub const EXAMPLE: &str = include_str!("../../docs/examples/lambda-mysql.toml");

/// The defaults of the common settings.
pub fn defaults() -> Defaults {
    let tags = [
        ("Project", "payment-migration"),
        ("Service", "payment-processing"),
        ("CostCenter", "payments"),
        ("Compliance", "PCI-DSS"),
    ];
    Defaults::new("us-east-1", &tags, 365)
}

/// The system's own settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The region of the disaster recovery replicas.
    pub dr_region: String,
    /// `[network]`
    pub network: Network,
    /// `[database]`
    pub database: Database,
    /// `[functions]`
    pub functions: Functions,
    /// `[queues]`
    pub queues: Queues,
    /// `[alarms]`
    pub alarms: Alarms,
}

/// Networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Blue's CIDR block.
    pub blue_cidr: Ipv4Net,
    /// Green's CIDR block.
    pub green_cidr: Ipv4Net,
    /// The CIDR block of blue's replica in the recovery region.
    pub blue_dr_cidr: Ipv4Net,
    /// The CIDR block of green's replica in the recovery region.
    pub green_dr_cidr: Ipv4Net,
    /// Number of availability zones, 2 or 3: Aurora spreads over at most 3.
    pub zones: usize,
    /// NAT gateways: one per zone, one in all, none.
    pub nat: NatMode,
    /// CIDR blocks that may reach the test listener on port 8443.
    pub test_cidrs: Vec<Ipv4Net>,
}

/// Aurora.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// The engine version; where AWS doesn't offer it, the newest Aurora MySQL 3.
    pub engine_version: Option<String>,
    /// Instances of each environment's primary cluster, 1 to 15.
    pub instances: u32,
    /// Instances of each environment's secondary cluster, 0 to 15.
    pub dr_instances: u32,
    /// Minimum capacity in ACU, a multiple of 0.5, 0.5 to 256.
    pub min_acu: f64,
    /// Maximum capacity in ACU, 1 to 256.
    pub max_acu: f64,
    /// Days of point-in-time recovery, 1 to 35.
    pub backup_retention_days: i32,
    /// The database's name.
    pub name: String,
    /// The master user's name.
    pub master_username: String,
}

/// Lambda.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Functions {
    /// The Node.js runtime, for example `nodejs24.x`.
    pub runtime: String,
    /// Memory of payment-api and payment-processor, 128 to 10,240 MB.
    pub memory_mb: i32,
    /// Concurrent invocations of payment-processor, 2 to 1000. Each keeps one database connection.
    pub processor_concurrency: i32,
    /// `DEBUG`, `INFO`, `WARN`, `ERROR`.
    pub log_level: String,
}

/// SQS.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Queues {
    /// Days that a message is kept in the queue, 1 to 14. Dead letters are kept for 14.
    pub retention_days: u32,
    /// Receives of a message before it becomes a dead letter.
    pub max_receives: u32,
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
    /// Failed requests or invocations, percent.
    pub error_percent: f64,
    /// p99 latency, ms.
    pub latency_p99_ms: f64,
    /// Age of the oldest message, s.
    pub queue_age_seconds: f64,
    /// Messages in a queue.
    pub queue_depth: f64,
    /// CPU utilization of a database instance, percent.
    pub database_cpu_percent: f64,
    /// Connections to a database instance.
    pub database_connections: f64,
    /// Replication lag of the DR cluster, ms.
    pub replication_lag_ms: f64,
}

fn cidr(text: &str) -> Ipv4Net {
    text.parse().expect("a valid CIDR")
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            dr_region: "us-east-2".to_owned(),
            network: Network::default(),
            database: Database::default(),
            functions: Functions::default(),
            queues: Queues::default(),
            alarms: Alarms::default(),
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        Network {
            blue_cidr: cidr("10.10.0.0/16"),
            green_cidr: cidr("10.20.0.0/16"),
            blue_dr_cidr: cidr("10.11.0.0/16"),
            green_dr_cidr: cidr("10.21.0.0/16"),
            zones: 3,
            nat: NatMode::PerAz,
            test_cidrs: Vec::new(),
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Database {
            engine_version: None,
            instances: 2,
            dr_instances: 1,
            min_acu: 0.5,
            max_acu: 16.0,
            backup_retention_days: 35,
            name: "payments".to_owned(),
            master_username: "payadmin".to_owned(),
        }
    }
}

impl Default for Functions {
    fn default() -> Self {
        Functions {
            runtime: "nodejs24.x".to_owned(),
            memory_mb: 512,
            processor_concurrency: 20,
            log_level: "INFO".to_owned(),
        }
    }
}

impl Default for Queues {
    fn default() -> Self {
        Queues { retention_days: 14, max_receives: 5 }
    }
}

impl Default for Alarms {
    fn default() -> Self {
        Alarms {
            evaluation_minutes: 2,
            reserve_failback: true,
            error_percent: 1.0,
            latency_p99_ms: 2000.0,
            queue_age_seconds: 300.0,
            queue_depth: 5000.0,
            database_cpu_percent: 80.0,
            database_connections: 800.0,
            replication_lag_ms: 5000.0,
        }
    }
}

impl Settings {
    /// Refuses values that AWS would refuse during an apply.
    pub fn check(&self, common: &Common, source: &Source) -> Result<(), ConfigError> {
        self.check_network(source)?;
        let database = &self.database;
        source.check_identifier("database.name", &database.name)?;
        source.check_identifier("database.master_username", &database.master_username)?;
        source.check_range("database.instances", database.instances, 1.0, 15.0, "")?;
        source.check_range("database.dr_instances", database.dr_instances, 0.0, 15.0, "")?;
        source.check_acu(("database.min_acu", database.min_acu), ("database.max_acu", database.max_acu))?;
        source.check_range("database.backup_retention_days", database.backup_retention_days, 1.0, 35.0, " days")?;
        source.check_range("functions.memory_mb", self.functions.memory_mb, 128.0, 10_240.0, " MB")?;
        source.check_functions(&self.functions.runtime, &self.functions.log_level)?;
        source.check_range("functions.processor_concurrency", self.functions.processor_concurrency, 2.0, 1000.0, "")?;
        source.check_range("queues.retention_days", self.queues.retention_days, 1.0, 14.0, " days")?;
        source.check_range("queues.max_receives", self.queues.max_receives, 1.0, 1000.0, "")?;
        let alarms = &self.alarms;
        source.check_thresholds(
            &[
                ("alarms.error_percent", alarms.error_percent),
                ("alarms.database_cpu_percent", alarms.database_cpu_percent),
            ],
            &[
                ("alarms.latency_p99_ms", alarms.latency_p99_ms),
                ("alarms.queue_age_seconds", alarms.queue_age_seconds),
                ("alarms.queue_depth", alarms.queue_depth),
                ("alarms.database_connections", alarms.database_connections),
                ("alarms.replication_lag_ms", alarms.replication_lag_ms),
            ],
        )?;
        source.check_range("alarms.evaluation_minutes", alarms.evaluation_minutes, 1.0, 60.0, " minutes")?;
        source.check_bound("alarms.evaluation_minutes", &self.failback_bound())?;
        if common.region == self.dr_region {
            return Err(source.refuse("dr_region", "must differ from region: an outage would affect both"));
        }
        Ok(())
    }

    /// The longest time that an automatic failback takes.
    pub fn failback_bound(&self) -> Bound {
        Bound::of_listeners(self.alarms.evaluation_minutes)
    }

    fn check_network(&self, source: &Source) -> Result<(), ConfigError> {
        let network = &self.network;
        if !(2..=3).contains(&network.zones) {
            return Err(source.refuse("network.zones", format!("{} is out of range: 2 or 3", network.zones)));
        }
        source.check_networks(&[
            ("network.blue_cidr", network.blue_cidr),
            ("network.green_cidr", network.green_cidr),
            ("network.blue_dr_cidr", network.blue_dr_cidr),
            ("network.green_dr_cidr", network.green_dr_cidr),
        ])?;
        if let Some(cidr) = network.test_cidrs.iter().find(|cidr| cidr.trunc() != **cidr) {
            let what = format!("{cidr} is no network address: the network is {}", cidr.trunc());
            return Err(source.refuse("network.test_cidrs", what));
        }
        if let Some(cidr) = duplicate(&network.test_cidrs) {
            return Err(source.refuse("network.test_cidrs", format!("{cidr} is listed twice")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(text: &str) -> Result<Config<Settings>, ConfigError> {
        let source = Source::built_in(text);
        let config = Config::<Settings>::read(&source, Common::keys(), &defaults())?;
        config.settings.check(&config.common, &source)?;
        Ok(config)
    }

    fn error(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn example_contains_the_defaults() {
        let [mut example, defaults] = [EXAMPLE, ""].map(|text| serde_json::to_value(read(text).unwrap()).unwrap());
        example["system"] = serde_json::Value::Null;
        example["notifications"] = defaults["notifications"].clone();
        assert_eq!(example, defaults);
    }

    #[test]
    fn invalid_values_are_refused_with_their_line() {
        let text = "\n[network]\nblue_cidr = \"10.20.0.0/16\"\n";
        let overlap = error(text);
        assert!(overlap.contains("network.green_cidr") && overlap.contains("overlaps network.blue_cidr"), "{overlap}");
        assert!(
            error("[database]\nmin_acu = 8\nmax_acu = 4").starts_with("the defaults:2: database.min_acu: 8 is more")
        );
        assert!(error("[logs]\nretention_days = 91").contains("91 days isn't a retention"));
        assert!(error("[alarms]\nqueue_age_seconds = -5").starts_with("the defaults:2: alarms.queue_age_seconds: -5"));
        let emails = error("[notifications]\nemails = [\"a@b.example\", \"c@b.example\", \"a@b.example\"]");
        assert_eq!(emails, "the defaults:2: notifications.emails: a@b.example is listed twice");
        let cidrs = |text: &str| error(&format!("[network]\ntest_cidrs = {text}"));
        assert!(cidrs("[\"10.0.0.0/8\", \"10.0.0.0/8\"]").ends_with("network.test_cidrs: 10.0.0.0/8 is listed twice"));
        assert!(cidrs("[\"10.0.0.1/8\"]").ends_with("10.0.0.1/8 is no network address: the network is 10.0.0.0/8"));
        assert!(error("colour = \"blue\"").contains("unknown field `colour`"));
        assert!(error("colour = \"blue\"").contains("line 1"));
        assert!(error("dr_region = \"us-east-1\"").starts_with("the defaults:1: dr_region: must differ from region"));
    }

    #[test]
    fn text_that_looks_like_a_reference_is_refused() {
        for (text, place) in [
            ("[dns]\nzone = \"⟦blue/network/vpc#vpc_id⟧\"", "the defaults:2: dns.zone: "),
            ("[tags]\nTeam = \"a⟦b\"", "the defaults:2: tags.Team: "),
            ("[notifications]\nemails = [\"\\u27e6@b.example\"]", "the defaults:2: notifications.emails: "),
            ("region = \"⟦\"", "the defaults:1: region: "),
        ] {
            let error = error(text);
            assert!(error.starts_with(place) && error.contains("⟦ is reserved"), "{error}");
        }
    }
}
