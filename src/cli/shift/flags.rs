//! The limits of the gates as flags, and the parsers of flag values.

use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;

use crate::traffic::limits::Limits;

/// The limits of the gates, which override `[shift]` of the configuration.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits of the gates [default: the setting of the same name in the configuration]")]
pub struct LimitFlags {
    /// Requests that green must have served before errors and latency are judged; with 0, a green without requests passes
    #[arg(long, value_name = "N")]
    least_requests: Option<u64>,
    /// The highest error rate of green
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    max_error_percent: Option<f64>,
    /// How far green's error rate may exceed blue's, in percentage points
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    error_margin_percent: Option<f64>,
    /// The highest p99 latency of green
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    max_latency_ms: Option<f64>,
    /// How many times blue's p99 green's may be
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    latency_factor: Option<f64>,
    /// How far green's p99 may exceed that
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    latency_slack_ms: Option<f64>,
    /// How many of green's targets must be healthy, in each target group
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    least_healthy_percent: Option<u8>,
}

impl LimitFlags {
    /// These limits with the flags applied.
    pub fn over(&self, limits: Limits) -> Limits {
        Limits {
            least_requests: self.least_requests.unwrap_or(limits.least_requests),
            max_error_percent: self.max_error_percent.unwrap_or(limits.max_error_percent),
            error_margin_percent: self.error_margin_percent.unwrap_or(limits.error_margin_percent),
            max_latency_ms: self.max_latency_ms.unwrap_or(limits.max_latency_ms),
            latency_factor: self.latency_factor.unwrap_or(limits.latency_factor),
            latency_slack_ms: self.latency_slack_ms.unwrap_or(limits.latency_slack_ms),
            least_healthy_percent: self.least_healthy_percent.unwrap_or(limits.least_healthy_percent),
        }
    }
}

/// `90s`, `5m`, `1h 30m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let time: SignedDuration = text.parse().map_err(|_| "expected a time such as 90s or 5m".to_owned())?;
    Duration::try_from(time).map_err(|_| "a time can't be negative".to_owned())
}

fn percent(text: &str) -> Result<f64, String> {
    within(text, 0.0, 100.0)
}

fn milliseconds(text: &str) -> Result<f64, String> {
    within(text, 0.0, 1e9)
}

fn factor(text: &str) -> Result<f64, String> {
    within(text, 1.0, 1000.0)
}

/// A number in this range. NaN is in no range.
fn within(text: &str, min: f64, max: f64) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| format!("expected a number from {min} to {max}"))
}
