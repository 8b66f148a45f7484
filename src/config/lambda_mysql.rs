//! The configuration of the system `lambda-mysql`. The example in docs/examples says the same for people.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::shift::Shift;
use super::source::{ConfigError, Source};
use crate::engine::reference;
use crate::modules::network::NatMode;
use crate::traffic::bound::{Bound, LIMIT};

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
    #[serde(default)]
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

/// Names.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// The name of the zone that is made: `{suffix}` in it is replaced. Default `payments-{suffix}.internal`.
    pub zone: Option<String>,
    /// An existing zone to use instead; `zone` then is its name.
    pub zone_id: Option<String>,
}

/// The certificate of the HTTPS listeners: given, requested for the zone, or self-signed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Certificate {
    /// An existing ACM certificate in the primary region.
    pub arn: Option<String>,
    /// Request one of ACM, validated by a record in the given zone. Needs `dns.zone_id`.
    pub request: bool,
}

/// The web application firewall.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Firewall {
    /// How many requests a client may send in 5 minutes, 10 to 2,000,000,000.
    pub requests_per_5_minutes: u64,
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

/// Secrets Manager.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Secrets {
    /// Days between rotations, 1 to 1000.
    pub rotation_days: i64,
}

/// CloudWatch Logs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Logs {
    /// Days that logs are kept: one of the values that CloudWatch Logs takes.
    pub retention_days: i32,
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

/// Who is told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notifications {
    /// E-mail addresses of the operations team. AWS sends each a confirmation to click.
    pub emails: Vec<String>,
}

/// AWS Config.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compliance {
    /// Record configurations and evaluate the PCI rules.
    pub config: bool,
}

/// Against deletion by mistake. Off by default: everything can be destroyed after testing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Protection {
    /// Deletion protection of load balancers and databases: `destroy` then fails until it is off.
    pub deletion_protection: bool,
}

fn us_east_1() -> String {
    "us-east-1".to_owned()
}

fn us_east_2() -> String {
    "us-east-2".to_owned()
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

impl Default for Firewall {
    fn default() -> Self {
        Firewall { requests_per_5_minutes: 3_000_000 }
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

impl Default for Secrets {
    fn default() -> Self {
        Secrets { rotation_days: 30 }
    }
}

impl Default for Logs {
    fn default() -> Self {
        Logs { retention_days: 365 }
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

impl Default for Compliance {
    fn default() -> Self {
        Compliance { config: true }
    }
}

/// The retentions that CloudWatch Logs takes, in days.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const RETENTIONS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

impl LambdaMysql {
    /// Reads and checks a configuration: nothing that AWS would refuse later gets through here.
    pub fn read(source: &Source) -> Result<Self, ConfigError> {
        let config: LambdaMysql = source.parse()?;
        config.check(source)?;
        Ok(config)
    }

    fn check(&self, source: &Source) -> Result<(), ConfigError> {
        let all = serde_json::to_value(self).expect("a configuration is plain data");
        if let Some(key) = with_reference("", &all) {
            return Err(source.refuse(&key, "no text may have a ⟦ in it: it would be taken for an output of a step"));
        }
        self.check_networks(source)?;
        let range = |key: &str, value: f64, least: f64, most: f64, unit: &str| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(source.refuse(key, format!("{value} can't be: it takes {least} to {most}{unit}")))
        };
        let database = &self.database;
        range("firewall.requests_per_5_minutes", self.firewall.requests_per_5_minutes as f64, 10.0, 2e9, "")?;
        range("database.instances", f64::from(database.instances), 1.0, 15.0, "")?;
        range("database.dr_instances", f64::from(database.dr_instances), 0.0, 15.0, "")?;
        range("database.min_acu", database.min_acu, 0.5, 256.0, " ACU")?;
        range("database.max_acu", database.max_acu, 1.0, 256.0, " ACU")?;
        for (key, acu) in [("database.min_acu", database.min_acu), ("database.max_acu", database.max_acu)] {
            if (acu * 2.0).fract() != 0.0 {
                return Err(source.refuse(key, format!("{acu} can't be: ACU come in halves")));
            }
        }
        if database.min_acu > database.max_acu {
            let what = format!("{} is more than database.max_acu, {}", database.min_acu, database.max_acu);
            return Err(source.refuse("database.min_acu", what));
        }
        range("database.backup_retention_days", f64::from(database.backup_retention_days), 1.0, 35.0, " days")?;
        range("functions.memory_mb", f64::from(self.functions.memory_mb), 128.0, 10_240.0, " MB")?;
        range("functions.processor_concurrency", f64::from(self.functions.processor_concurrency), 2.0, 1000.0, "")?;
        range("queues.retention_days", f64::from(self.queues.retention_days), 1.0, 14.0, " days")?;
        range("queues.max_receives", f64::from(self.queues.max_receives), 1.0, 1000.0, "")?;
        range("secrets.rotation_days", self.secrets.rotation_days as f64, 1.0, 1000.0, " days")?;
        if !RETENTIONS.contains(&self.logs.retention_days) {
            let what = format!("{} days can't be: CloudWatch Logs takes {RETENTIONS:?}", self.logs.retention_days);
            return Err(source.refuse("logs.retention_days", what));
        }
        let alarms = &self.alarms;
        range("alarms.error_percent", alarms.error_percent, 0.0, 100.0, " %")?;
        range("alarms.database_cpu_percent", alarms.database_cpu_percent, 0.0, 100.0, " %")?;
        for (key, threshold) in [
            ("alarms.latency_p99_ms", alarms.latency_p99_ms),
            ("alarms.queue_age_seconds", alarms.queue_age_seconds),
            ("alarms.queue_depth", alarms.queue_depth),
            ("alarms.database_connections", alarms.database_connections),
            ("alarms.replication_lag_ms", alarms.replication_lag_ms),
        ] {
            range(key, threshold, 0.0, 1e9, "")?;
        }
        range("alarms.evaluation_minutes", f64::from(alarms.evaluation_minutes), 1.0, 60.0, " minutes")?;
        let bound = Bound::new(alarms.evaluation_minutes);
        if !bound.holds() {
            let what = format!("a failback could take {bound}: it must take {} s at most", LIMIT.as_secs());
            return Err(source.refuse("alarms.evaluation_minutes", what));
        }
        self.shift.check(source)?;
        if let Some(bad) = self.notifications.emails.iter().find(|email| !is_email(email)) {
            return Err(source.refuse("notifications.emails", format!("{bad:?} is no e-mail address")));
        }
        if let Some(email) = twice(&self.notifications.emails) {
            return Err(source.refuse("notifications.emails", format!("{email} is there twice")));
        }
        if self.region == self.dr_region {
            return Err(
                source.refuse("dr_region", "a disaster of a region takes the replicas in it along: name another")
            );
        }
        if self.certificate.request && self.dns.zone_id.is_none() {
            return Err(source.refuse("certificate.request", "needs dns.zone_id: a public zone that ACM can see"));
        }
        if self.dns.zone_id.is_some() && self.dns.zone.is_none() {
            return Err(source.refuse("dns.zone_id", "needs dns.zone too: the zone's name"));
        }
        Ok(())
    }

    fn check_networks(&self, source: &Source) -> Result<(), ConfigError> {
        let network = &self.network;
        if !(2..=3).contains(&network.zones) {
            return Err(source.refuse("network.zones", format!("{} can't be: it takes 2 or 3", network.zones)));
        }
        let cidrs = [
            ("network.blue_cidr", network.blue_cidr),
            ("network.green_cidr", network.green_cidr),
            ("network.blue_dr_cidr", network.blue_dr_cidr),
            ("network.green_dr_cidr", network.green_dr_cidr),
        ];
        for (index, (key, cidr)) in cidrs.iter().enumerate() {
            if cidr.prefix_len() != 16 || cidr.trunc() != *cidr {
                return Err(source.refuse(key, format!("{cidr} is no /16 network, for example 10.10.0.0/16")));
            }
            if let Some((other, overlapped)) = cidrs[..index].iter().find(|(_, other)| other.contains(cidr)) {
                return Err(source.refuse(key, format!("{cidr} overlaps {other}, {overlapped}")));
            }
        }
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

/// The key of a text that the engine would take for a reference to what a step gives.
fn with_reference(key: &str, value: &Value) -> Option<String> {
    let Value::Object(fields) = value else { return reference::is_unknown(value).then(|| key.to_owned()) };
    fields.iter().find_map(|(name, value)| {
        with_reference(&if key.is_empty() { name.clone() } else { format!("{key}.{name}") }, value)
    })
}

/// Something that is in a list more than once: a step is made for each, and called after it.
fn twice<T: PartialEq>(list: &[T]) -> Option<&T> {
    list.iter().enumerate().find(|(index, item)| list[..*index].contains(item)).map(|(_, item)| item)
}

fn is_email(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else { return false };
    !name.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace) && !domain.contains('@')
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
