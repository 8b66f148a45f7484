//! The settings that every system has.

use serde::{Deserialize, Serialize};

use super::checks::duplicate;
use super::field_names::field_names;
use super::shift::Shift;
use super::source::{ConfigError, Source};
use crate::engine::Tags;

/// The settings that every system has. A system's own settings are in the same file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Common {
    /// The system's name.
    pub system: Option<String>,
    /// The suffix, unless a flag or the environment sets it.
    pub suffix: Option<String>,
    /// The primary region.
    pub region: String,
    /// The only AWS account that the system may be deployed to.
    pub account: Option<String>,
    /// Tags for every resource.
    #[serde(default)]
    pub tags: Tags,
    /// `[dns]`
    #[serde(default)]
    pub dns: Dns,
    /// `[certificate]`
    #[serde(default)]
    pub certificate: Certificate,
    /// `[firewall]`
    #[serde(default)]
    pub firewall: Firewall,
    /// `[secrets]`
    #[serde(default)]
    pub secrets: Secrets,
    /// `[logs]`
    pub logs: Logs,
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

/// The common settings whose defaults differ between systems.
#[derive(Clone, Debug, Serialize)]
pub struct Defaults {
    /// The primary region; `None`: the file must set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<&'static str>,
    /// Tags for every resource.
    pub tags: Tags,
    /// How long logs are kept.
    pub logs: Logs,
}

impl Default for Defaults {
    /// No region, no tags, logs for a year.
    fn default() -> Self {
        Defaults { region: None, tags: Tags::new(), logs: Logs { retention_days: 365 } }
    }
}

impl Defaults {
    /// These values.
    pub fn new(region: &'static str, tags: &[(&str, &str)], log_retention_days: i32) -> Self {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Defaults { region: Some(region), tags, logs: Logs { retention_days: log_retention_days } }
    }
}

/// DNS names.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// The name of the hosted zone to create; `{suffix}` in it is replaced. Default: `payments-{suffix}.internal`.
    pub zone: Option<String>,
    /// The id of an existing hosted zone to use instead; `zone` then is its name.
    pub zone_id: Option<String>,
}

/// The certificate of the HTTPS listeners: an existing one, a requested one, or a self-signed one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Certificate {
    /// An existing ACM certificate in the primary region.
    pub arn: Option<String>,
    /// Request a certificate from ACM, validated by a record in the existing zone. Needs `dns.zone_id`.
    pub request: bool,
}

/// The web application firewall.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Firewall {
    /// Requests that one client may send in 5 minutes, 10 to 2,000,000,000.
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

/// Recipients of alarms.
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

/// Protection against deletion by mistake. Off by default, so that a test deployment can be destroyed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Protection {
    /// Deletion protection of load balancers and databases. `destroy` fails while it is on.
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

/// The retentions that CloudWatch Logs takes, in days.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const RETENTIONS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

impl Common {
    /// All keys, in the order of the fields.
    pub fn keys() -> &'static [&'static str] {
        field_names::<Common>().expect("Common is a struct")
    }

    /// Refuses values that AWS would refuse during an apply.
    pub(super) fn check(&self, source: &Source) -> Result<(), ConfigError> {
        let per_5_minutes = self.firewall.requests_per_5_minutes as f64;
        source.check_range("firewall.requests_per_5_minutes", per_5_minutes, 10.0, 2e9, "")?;
        source.check_range("secrets.rotation_days", self.secrets.rotation_days as f64, 1.0, 1000.0, " days")?;
        self.logs.check(source)?;
        self.shift.check(source)?;
        self.notifications.check(source)?;
        if self.certificate.request && self.dns.zone_id.is_none() {
            return Err(source.refuse("certificate.request", "needs dns.zone_id: a public zone that ACM can see"));
        }
        if self.dns.zone_id.is_some() && self.dns.zone.is_none() {
            return Err(source.refuse("dns.zone_id", "needs dns.zone too: the zone's name"));
        }
        Ok(())
    }

    /// What people should know before they apply these settings.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut note = |is_true: bool, text: &str| notes.extend(is_true.then(|| text.to_owned()));
        note(
            self.certificate.arn.is_none() && !self.certificate.request,
            "self-signed certificate: clients can't verify it. Set certificate.arn, or certificate.request with \
             dns.zone_id",
        );
        note(self.notifications.emails.is_empty(), "alarms reach nobody by e-mail: set notifications.emails");
        note(
            !self.protection.deletion_protection,
            "deletion protection is off, so that a test deployment can be destroyed: set \
             protection.deletion_protection for a system with customers",
        );
        notes
    }
}

impl Dns {
    /// The zone's name in a deployment.
    pub fn domain(&self, suffix: &str) -> String {
        self.zone.as_deref().unwrap_or("payments-{suffix}.internal").replace("{suffix}", suffix)
    }
}

impl Logs {
    fn check(&self, source: &Source) -> Result<(), ConfigError> {
        if RETENTIONS.contains(&self.retention_days) {
            return Ok(());
        }
        let what = format!("{} days isn't a retention of CloudWatch Logs: {RETENTIONS:?}", self.retention_days);
        Err(source.refuse("logs.retention_days", what))
    }
}

impl Notifications {
    fn check(&self, source: &Source) -> Result<(), ConfigError> {
        if let Some(bad) = self.emails.iter().find(|email| !is_email(email)) {
            return Err(source.refuse("notifications.emails", format!("{bad:?} is no e-mail address")));
        }
        if let Some(email) = duplicate(&self.emails) {
            return Err(source.refuse("notifications.emails", format!("{email} is listed twice")));
        }
        Ok(())
    }
}

fn is_email(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else { return false };
    !name.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace) && !domain.contains('@')
}
