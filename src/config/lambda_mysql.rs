//! The configuration of the system `lambda-mysql`. The example in docs/examples says the same for people.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::common::{Certificate, Compliance, Dns, Firewall, Logs, Notifications, Protection, Secrets, twice};
use super::shift::Shift;
use super::source::{ConfigError, Source};
use crate::modules::network::NatMode;
use crate::traffic::bound::Bound;

/// The system's name.
pub const SYSTEM: &str = "lambda-mysql";
/// Its configuration with all defaults, and a comment to each.
pub const CONFIGURATION: &str = include_str!("../../docs/examples/lambda-mysql.toml");

/// Everything that can be set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LambdaMysql {
    /// `lambda-mysql`.
    pub system: Option<String>,
    /// The suffix, unless a flag or the environment gives it.
    pub suffix: Option<String>,
    /// The primary region.
    #[serde(default = "us_east_1")]
    pub region: String,
    /// The region of the disaster recovery replicas.
    #[serde(default = "us_east_2")]
    pub dr_region: String,
    /// The only account that may be worked on.
    pub account: Option<String>,
    /// Tags on everything, for cost allocation and compliance.
    #[serde(default = "default_tags")]
    pub tags: BTreeMap<String, String>,
    #[serde(default)]
    /// `[network]`
    pub network: Network,
    #[serde(default)]
    /// `[dns]`
    pub dns: Dns,
    #[serde(default)]
    /// `[certificate]`
    pub certificate: Certificate,
    #[serde(default)]
    /// `[firewall]`
    pub firewall: Firewall,
    #[serde(default)]
    /// `[database]`
    pub database: Database,
    #[serde(default)]
    /// `[functions]`
    pub functions: Functions,
    #[serde(default)]
    /// `[queues]`
    pub queues: Queues,
    #[serde(default)]
    /// `[secrets]`
    pub secrets: Secrets,
    #[serde(default = "a_year")]
    /// `[logs]`
    pub logs: Logs,
    #[serde(default)]
    /// `[alarms]`
    pub alarms: Alarms,
    #[serde(default)]
    /// `[shift]`
    pub shift: Shift,
    #[serde(default)]
    /// `[notifications]`
    pub notifications: Notifications,
    #[serde(default)]
    /// `[compliance]`
    pub compliance: Compliance,
    #[serde(default)]
    /// `[protection]`
    pub protection: Protection,
}

/// Networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Blue's block.
    pub blue_cidr: Ipv4Net,
    /// Green's block.
    pub green_cidr: Ipv4Net,
    /// The block of blue's replica in the recovery region.
    pub blue_dr_cidr: Ipv4Net,
    /// The block of green's replica in the recovery region.
    pub green_dr_cidr: Ipv4Net,
    /// How many availability zones, 2 or 3: an Aurora cluster has no more.
    pub zones: usize,
    /// NAT gateways: one a zone, one in all, none.
    pub nat: NatMode,
    /// Who may reach the test listener on port 8443.
    pub test_cidrs: Vec<Ipv4Net>,
}

/// Aurora.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// The wanted engine version; the newest Aurora MySQL 3 where it isn't offered.
    pub engine_version: Option<String>,
    /// Instances in each environment's primary cluster, 1 to 15.
    pub instances: u32,
    /// Instances in each environment's secondary cluster, 0 to 15.
    pub dr_instances: u32,
    /// Least capacity in ACU, in halves, 0.5 to 256.
    pub min_acu: f64,
    /// Most capacity in ACU, 1 to 256.
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
    /// The runtime of Node.js: `nodejs22.x`.
    pub runtime: String,
    /// Memory of payment-api and payment-processor, 128 to 10,240 MB.
    pub memory_mb: i32,
    /// Invocations of payment-processor at once, 2 to 1000; each holds a database connection.
    pub processor_concurrency: i32,
    /// `DEBUG`, `INFO`, `WARN`, `ERROR`.
    pub log_level: String,
}

/// SQS.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Queues {
    /// Days that a message waits, 1 to 14. One that failed for good is kept for 14.
    pub retention_days: u32,
    /// How often a message is tried.
    pub max_receives: u32,
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
    /// Failed requests or invocations, percent.
    pub error_percent: f64,
    /// The slowest hundredth of the requests, ms.
    pub latency_p99_ms: f64,
    /// The age of the oldest message, s.
    pub queue_age_seconds: f64,
    /// Messages in a queue.
    pub queue_depth: f64,
    /// The database's CPU, percent.
    pub database_cpu_percent: f64,
    /// Connections to the database.
    pub database_connections: f64,
    /// How far the DR cluster is behind, ms.
    pub replication_lag_ms: f64,
}

fn us_east_1() -> String {
    "us-east-1".to_owned()
}

fn us_east_2() -> String {
    "us-east-2".to_owned()
}

fn a_year() -> Logs {
    Logs { retention_days: 365 }
}

fn default_tags() -> BTreeMap<String, String> {
    let tags = [
        ("Project", "payment-migration"),
        ("Service", "payment-processing"),
        ("CostCenter", "payments"),
        ("Compliance", "PCI-DSS"),
    ];
    tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn cidr(text: &str) -> Ipv4Net {
    text.parse().expect("a CIDR of ours")
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

impl LambdaMysql {
    /// Reads and checks a configuration: nothing that AWS would refuse later gets through here.
    pub fn read(source: &Source) -> Result<Self, ConfigError> {
        let config: LambdaMysql = source.parse()?;
        config.check(source)?;
        Ok(config)
    }

    fn check(&self, source: &Source) -> Result<(), ConfigError> {
        source.check_texts(self)?;
        self.check_networks(source)?;
        self.firewall.check(source)?;
        let database = &self.database;
        source.check_identifier("database.name", &database.name)?;
        source.check_identifier("database.master_username", &database.master_username)?;
        source.within("database.instances", database.instances, 1.0, 15.0, "")?;
        source.within("database.dr_instances", database.dr_instances, 0.0, 15.0, "")?;
        source.check_acu(("database.min_acu", database.min_acu), ("database.max_acu", database.max_acu))?;
        source.within("database.backup_retention_days", database.backup_retention_days, 1.0, 35.0, " days")?;
        source.within("functions.memory_mb", self.functions.memory_mb, 128.0, 10_240.0, " MB")?;
        source.check_functions(&self.functions.runtime, &self.functions.log_level)?;
        source.within("functions.processor_concurrency", self.functions.processor_concurrency, 2.0, 1000.0, "")?;
        source.within("queues.retention_days", self.queues.retention_days, 1.0, 14.0, " days")?;
        source.within("queues.max_receives", self.queues.max_receives, 1.0, 1000.0, "")?;
        self.secrets.check(source)?;
        self.logs.check(source)?;
        let alarms = &self.alarms;
        source.within("alarms.error_percent", alarms.error_percent, 0.0, 100.0, " %")?;
        source.within("alarms.database_cpu_percent", alarms.database_cpu_percent, 0.0, 100.0, " %")?;
        for (key, threshold) in [
            ("alarms.latency_p99_ms", alarms.latency_p99_ms),
            ("alarms.queue_age_seconds", alarms.queue_age_seconds),
            ("alarms.queue_depth", alarms.queue_depth),
            ("alarms.database_connections", alarms.database_connections),
            ("alarms.replication_lag_ms", alarms.replication_lag_ms),
        ] {
            source.within(key, threshold, 0.0, 1e9, "")?;
        }
        source.within("alarms.evaluation_minutes", alarms.evaluation_minutes, 1.0, 60.0, " minutes")?;
        source.check_bound("alarms.evaluation_minutes", &Bound::of_listeners(alarms.evaluation_minutes))?;
        self.shift.check(source)?;
        self.notifications.check(source)?;
        if self.region == self.dr_region {
            return Err(
                source.refuse("dr_region", "a disaster of a region takes the replicas in it along: name another")
            );
        }
        self.certificate.check(source, &self.dns)?;
        self.dns.check(source)
    }

    fn check_networks(&self, source: &Source) -> Result<(), ConfigError> {
        let network = &self.network;
        if !(2..=3).contains(&network.zones) {
            return Err(source.refuse("network.zones", format!("{} can't be: it takes 2 or 3", network.zones)));
        }
        source.check_blocks(&[
            ("network.blue_cidr", network.blue_cidr),
            ("network.green_cidr", network.green_cidr),
            ("network.blue_dr_cidr", network.blue_dr_cidr),
            ("network.green_dr_cidr", network.green_dr_cidr),
        ])?;
        if let Some(cidr) = network.test_cidrs.iter().find(|cidr| cidr.trunc() != **cidr) {
            let what = format!("{cidr} is no network: {} is the one that it lies in", cidr.trunc());
            return Err(source.refuse("network.test_cidrs", what));
        }
        if let Some(cidr) = twice(&network.test_cidrs) {
            return Err(source.refuse("network.test_cidrs", format!("{cidr} is there twice")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        LambdaMysql::read(&Source::built_in(text)).unwrap_err().to_string()
    }

    #[test]
    fn the_example_says_the_defaults() {
        let example = LambdaMysql::read(&Source::built_in(CONFIGURATION)).unwrap();
        let defaults = LambdaMysql::read(&Source::built_in("")).unwrap();
        let (mut example, defaults) = (serde_json::to_value(example).unwrap(), serde_json::to_value(defaults).unwrap());
        example["system"] = serde_json::Value::Null;
        example["notifications"] = defaults["notifications"].clone();
        assert_eq!(example, defaults);
    }

    #[test]
    fn what_cannot_be_is_named_with_its_line() {
        let text = "\n[network]\nblue_cidr = \"10.20.0.0/16\"\n";
        let overlap = error(text);
        assert!(overlap.contains("network.green_cidr") && overlap.contains("overlaps network.blue_cidr"), "{overlap}");
        assert!(
            error("[database]\nmin_acu = 8\nmax_acu = 4").starts_with("the defaults:2: database.min_acu: 8 is more")
        );
        assert!(error("[logs]\nretention_days = 91").contains("91 days can't be"));
        assert!(error("[alarms]\nqueue_age_seconds = -5").starts_with("the defaults:2: alarms.queue_age_seconds: -5"));
        let emails = error("[notifications]\nemails = [\"a@b.example\", \"c@b.example\", \"a@b.example\"]");
        assert_eq!(emails, "the defaults:2: notifications.emails: a@b.example is there twice");
        let cidrs = |text: &str| error(&format!("[network]\ntest_cidrs = {text}"));
        assert!(cidrs("[\"10.0.0.0/8\", \"10.0.0.0/8\"]").ends_with("network.test_cidrs: 10.0.0.0/8 is there twice"));
        assert!(cidrs("[\"10.0.0.1/8\"]").ends_with("10.0.0.1/8 is no network: 10.0.0.0/8 is the one that it lies in"));
        assert!(error("colour = \"blue\"").contains("unknown field `colour`"));
        assert!(error("colour = \"blue\"").contains("line 1"));
    }

    #[test]
    fn no_text_is_taken_for_an_output_of_a_step() {
        for (text, place) in [
            ("[dns]\nzone = \"⟦blue/network/vpc#vpc_id⟧\"", "the defaults:2: dns.zone: "),
            ("[tags]\nTeam = \"a⟦b\"", "the defaults:2: tags.Team: "),
            ("[notifications]\nemails = [\"\\u27e6@b.example\"]", "the defaults:2: notifications.emails: "),
            ("region = \"⟦\"", "the defaults:1: region: "),
        ] {
            let error = error(text);
            assert!(error.starts_with(place) && error.contains("no text may have a ⟦"), "{error}");
        }
    }
}
