//! Checks that several systems make of their settings.

use ipnet::Ipv4Net;

use super::source::{ConfigError, Source};
use crate::traffic::bound::{Bound, LIMIT};

/// Names that Aurora reserves, and names that attackers try first.
const RESERVED: [&str; 7] = ["admin", "rdsadmin", "rdsrepladmin", "rdstopmgr", "root", "postgres", "user"];

impl Source {
    /// Refuses a number outside of its range. `unit` follows the number: `" days"`.
    pub fn check_range(
        &self,
        key: &str,
        value: impl Into<f64>,
        min: f64,
        max: f64,
        unit: &str,
    ) -> Result<(), ConfigError> {
        let value = value.into();
        // TOML has a NaN, which no range contains.
        if (min..=max).contains(&value) {
            return Ok(());
        }
        Err(self.refuse(key, format!("{value} is out of range: {min} to {max}{unit}")))
    }

    /// Refuses capacities that Aurora Serverless v2 doesn't have.
    pub fn check_acu(&self, (min_key, min): (&str, f64), (max_key, max): (&str, f64)) -> Result<(), ConfigError> {
        self.check_range(min_key, min, 0.5, 256.0, " ACU")?;
        self.check_range(max_key, max, 1.0, 256.0, " ACU")?;
        for (key, acu) in [(min_key, min), (max_key, max)] {
            if (acu * 2.0).fract() != 0.0 {
                return Err(self.refuse(key, format!("{acu} is no multiple of 0.5 ACU")));
            }
        }
        if min > max {
            return Err(self.refuse(min_key, format!("{min} is more than {max_key}, {max}")));
        }
        Ok(())
    }

    /// Refuses networks that aren't a /16, or that overlap.
    pub fn check_networks(&self, blocks: &[(&str, Ipv4Net)]) -> Result<(), ConfigError> {
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

    /// Refuses percentages and thresholds that CloudWatch alarms don't take.
    pub fn check_thresholds(&self, percents: &[(&str, f64)], others: &[(&str, f64)]) -> Result<(), ConfigError> {
        for (key, percent) in percents {
            self.check_range(key, *percent, 0.0, 100.0, " %")?;
        }
        for (key, threshold) in others {
            self.check_range(key, *threshold, 0.0, 1e9, "")?;
        }
        Ok(())
    }

    /// Refuses alarms that are too slow for the time that an automatic failback may take.
    pub fn check_bound(&self, key: &str, bound: &Bound) -> Result<(), ConfigError> {
        if bound.holds() {
            return Ok(());
        }
        let what = format!("a failback could take {bound}: the limit is {} s", LIMIT.as_secs());
        Err(self.refuse(key, what))
    }

    /// Refuses a name of a database or its administrator that Aurora MySQL or Aurora PostgreSQL doesn't take.
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html>
    pub fn check_identifier(&self, key: &str, name: &str) -> Result<(), ConfigError> {
        let mut characters = name.chars();
        let fits = characters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.len() <= 16;
        if !fits {
            let what = format!("{name:?} is no valid name: a letter, then up to 15 letters, digits and _");
            return Err(self.refuse(key, what));
        }
        if RESERVED.contains(&name.to_lowercase().as_str()) {
            return Err(self.refuse(key, format!("{name} is reserved")));
        }
        Ok(())
    }

    /// Refuses a runtime that the functions don't run on, and an unknown log level.
    pub fn check_functions(&self, runtime: &str, log_level: &str) -> Result<(), ConfigError> {
        let version = runtime.strip_prefix("nodejs").and_then(|rest| rest.strip_suffix(".x"));
        if version.and_then(|version| version.parse().ok()).is_none_or(|version: u32| version < 18) {
            let what = format!("{runtime:?} isn't supported: Node.js 18 or later, for example nodejs24.x");
            return Err(self.refuse("functions.runtime", what));
        }
        if !["DEBUG", "INFO", "WARN", "ERROR"].contains(&log_level) {
            let what = format!("{log_level:?} is no log level: DEBUG, INFO, WARN or ERROR");
            return Err(self.refuse("functions.log_level", what));
        }
        Ok(())
    }
}

/// An item that is in a list more than once. Each item becomes a step that is named after it.
pub(super) fn duplicate<T: PartialEq>(list: &[T]) -> Option<&T> {
    list.iter().enumerate().find(|(index, item)| list[..*index].contains(item)).map(|(_, item)| item)
}
