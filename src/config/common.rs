//! The sections that several systems have, and what is checked of every configuration.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::source::{ConfigError, Source};
use crate::engine::reference;
use crate::traffic::bound::{Bound, LIMIT};

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

/// Secrets Manager.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Secrets {
    /// Days between rotations, 1 to 1000.
    pub rotation_days: i64,
}

/// CloudWatch Logs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logs {
    /// Days that logs are kept: one of the values that CloudWatch Logs takes.
    pub retention_days: i32,
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

impl Default for Firewall {
    fn default() -> Self {
        Firewall { requests_per_5_minutes: 3_000_000 }
    }
}

impl Default for Secrets {
    fn default() -> Self {
        Secrets { rotation_days: 30 }
    }
}

impl Default for Compliance {
    fn default() -> Self {
        Compliance { config: true }
    }
}

/// Names that Aurora keeps for itself, or that everybody guesses.
const RESERVED: [&str; 7] = ["admin", "rdsadmin", "rdsrepladmin", "rdstopmgr", "root", "postgres", "user"];

/// The retentions that CloudWatch Logs takes, in days.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const RETENTIONS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

impl Source {
    /// Refuses a number outside of its range; `unit` as it is put behind it: `" days"`.
    pub(super) fn within(
        &self,
        key: &str,
        value: impl Into<f64>,
        least: f64,
        most: f64,
        unit: &str,
    ) -> Result<(), ConfigError> {
        let value = value.into();
        // TOML has a NaN, which is in no range.
        if (least..=most).contains(&value) {
            return Ok(());
        }
        Err(self.refuse(key, format!("{value} can't be: it takes {least} to {most}{unit}")))
    }

    /// Refuses capacities that Aurora Serverless v2 hasn't.
    pub(super) fn check_acu(
        &self,
        (min_key, min): (&str, f64),
        (max_key, max): (&str, f64),
    ) -> Result<(), ConfigError> {
        self.within(min_key, min, 0.5, 256.0, " ACU")?;
        self.within(max_key, max, 1.0, 256.0, " ACU")?;
        for (key, acu) in [(min_key, min), (max_key, max)] {
            if (acu * 2.0).fract() != 0.0 {
                return Err(self.refuse(key, format!("{acu} can't be: ACU come in halves")));
            }
        }
        if min > max {
            return Err(self.refuse(min_key, format!("{min} is more than {max_key}, {max}")));
        }
        Ok(())
    }

    /// Refuses networks that are no /16, or that overlap.
    pub(super) fn check_blocks(&self, blocks: &[(&str, Ipv4Net)]) -> Result<(), ConfigError> {
        for (index, (key, cidr)) in blocks.iter().enumerate() {
            if cidr.prefix_len() != 16 || cidr.trunc() != *cidr {
                return Err(self.refuse(key, format!("{cidr} is no /16 network, for example 10.10.0.0/16")));
            }
            if let Some((other, overlapped)) = blocks[..index].iter().find(|(_, other)| other.contains(cidr)) {
                return Err(self.refuse(key, format!("{cidr} overlaps {other}, {overlapped}")));
            }
        }
        Ok(())
    }

    /// Refuses alarms that are too slow for what a failback may take in all.
    pub(super) fn check_bound(&self, key: &str, bound: &Bound) -> Result<(), ConfigError> {
        if bound.holds() {
            return Ok(());
        }
        let what = format!("a failback could take {bound}: it must take {} s at most", LIMIT.as_secs());
        Err(self.refuse(key, what))
    }

    /// Refuses a name of a database or its administrator that Aurora doesn't take, of either engine.
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html>
    pub(super) fn check_identifier(&self, key: &str, name: &str) -> Result<(), ConfigError> {
        let mut characters = name.chars();
        let fits = characters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.len() <= 16;
        if !fits {
            let what = format!("{name:?} can't be: it takes a letter, then up to 15 letters, digits and _");
            return Err(self.refuse(key, what));
        }
        if RESERVED.contains(&name.to_lowercase().as_str()) {
            return Err(self.refuse(key, format!("{name} can't be: it is reserved")));
        }
        Ok(())
    }

    /// Refuses what Lambda can't run the functions with.
    pub(super) fn check_functions(&self, runtime: &str, log_level: &str) -> Result<(), ConfigError> {
        let version = runtime.strip_prefix("nodejs").and_then(|rest| rest.strip_suffix(".x"));
        if version.and_then(|version| version.parse().ok()).is_none_or(|version: u32| version < 18) {
            let what = format!("{runtime:?} can't be: it takes Node.js 18 or later, for example nodejs24.x");
            return Err(self.refuse("functions.runtime", what));
        }
        if !["DEBUG", "INFO", "WARN", "ERROR"].contains(&log_level) {
            let what = format!("{log_level:?} can't be: it takes DEBUG, INFO, WARN or ERROR");
            return Err(self.refuse("functions.log_level", what));
        }
        Ok(())
    }

    /// Refuses a text anywhere in a configuration that the engine would take for what a step gives.
    pub(super) fn check_texts<C: Serialize>(&self, config: &C) -> Result<(), ConfigError> {
        let all = serde_json::to_value(config).expect("a configuration is plain data");
        match with_reference("", &all) {
            Some(key) => {
                Err(self.refuse(&key, "no text may have a ⟦ in it: it would be taken for an output of a step"))
            }
            None => Ok(()),
        }
    }
}

impl Dns {
    /// The zone's name in a deployment.
    pub fn domain(&self, suffix: &str) -> String {
        self.zone.as_deref().unwrap_or("payments-{suffix}.internal").replace("{suffix}", suffix)
    }

    pub(super) fn check(&self, source: &Source) -> Result<(), ConfigError> {
        if self.zone_id.is_some() && self.zone.is_none() {
            return Err(source.refuse("dns.zone_id", "needs dns.zone too: the zone's name"));
        }
        Ok(())
    }
}

impl Certificate {
    pub(super) fn check(&self, source: &Source, dns: &Dns) -> Result<(), ConfigError> {
        if self.request && dns.zone_id.is_none() {
            return Err(source.refuse("certificate.request", "needs dns.zone_id: a public zone that ACM can see"));
        }
        Ok(())
    }

    /// What people should know of it.
    pub fn note(&self) -> Option<String> {
        (self.arn.is_none() && !self.request).then(|| {
            "the HTTPS certificate is self-signed, so clients can't tell whom they talk to: give certificate.arn, or \
             certificate.request with dns.zone_id"
                .to_owned()
        })
    }
}

impl Firewall {
    pub(super) fn check(&self, source: &Source) -> Result<(), ConfigError> {
        source.within("firewall.requests_per_5_minutes", self.requests_per_5_minutes as f64, 10.0, 2e9, "")
    }
}

impl Secrets {
    pub(super) fn check(&self, source: &Source) -> Result<(), ConfigError> {
        source.within("secrets.rotation_days", self.rotation_days as f64, 1.0, 1000.0, " days")
    }
}

impl Logs {
    pub(super) fn check(&self, source: &Source) -> Result<(), ConfigError> {
        if RETENTIONS.contains(&self.retention_days) {
            return Ok(());
        }
        let what = format!("{} days can't be: CloudWatch Logs takes {RETENTIONS:?}", self.retention_days);
        Err(source.refuse("logs.retention_days", what))
    }
}

impl Notifications {
    pub(super) fn check(&self, source: &Source) -> Result<(), ConfigError> {
        if let Some(bad) = self.emails.iter().find(|email| !is_email(email)) {
            return Err(source.refuse("notifications.emails", format!("{bad:?} is no e-mail address")));
        }
        if let Some(email) = twice(&self.emails) {
            return Err(source.refuse("notifications.emails", format!("{email} is there twice")));
        }
        Ok(())
    }

    /// What people should know of it.
    pub fn note(&self) -> Option<String> {
        self.emails.is_empty().then(|| "nobody is told of alarms: give notifications.emails".to_owned())
    }
}

impl Protection {
    /// What people should know of it.
    pub fn note(&self) -> Option<String> {
        (!self.deletion_protection).then(|| {
            "deletion protection is off, as everything must be destroyable after testing: set \
             protection.deletion_protection for a system with customers"
                .to_owned()
        })
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
pub(super) fn twice<T: PartialEq>(list: &[T]) -> Option<&T> {
    list.iter().enumerate().find(|(index, item)| list[..*index].contains(item)).map(|(_, item)| item)
}

fn is_email(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else { return false };
    !name.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace) && !domain.contains('@')
}
