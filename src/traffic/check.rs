//! The result of a gate: one check, with its verdict and reading.

use serde::{Deserialize, Serialize};

/// The result of one check, or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Green is healthy.
    Pass,
    /// There isn't enough data: the shift waits.
    Inconclusive,
    /// Green is unhealthy.
    Fail,
}

/// One check of green's health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// The name: [`TARGETS`], [`ALARMS`], [`REQUESTS`], [`ERRORS`], [`LATENCY`].
    pub name: String,
    /// The result.
    pub verdict: Verdict,
    /// The measured values and their limits, as text.
    pub reading: String,
}

/// The check of green's target groups.
pub const TARGETS: &str = "healthy targets";
/// The check of green's alarms.
pub const ALARMS: &str = "alarms";
/// The check that green has served enough requests to be measured.
pub const REQUESTS: &str = "requests";
/// The check of green's error rate.
pub const ERRORS: &str = "errors";
/// The check of green's latency.
pub const LATENCY: &str = "latency";

/// The worst verdict of all checks.
pub fn worst_verdict(checks: &[Check]) -> Verdict {
    checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Pass)
}

/// The checks with this verdict, as text. Too few requests explain errors and latency as well, so those are left out then.
pub fn summary(checks: &[Check], verdict: Verdict) -> String {
    let matches = |check: &&Check| check.verdict == verdict;
    let too_few = verdict == Verdict::Inconclusive && checks.iter().filter(matches).any(|check| check.name == REQUESTS);
    let is_explained = |check: &&Check| too_few && [ERRORS, LATENCY].contains(&check.name.as_str());
    let shown = checks.iter().filter(|check| matches(check) && !is_explained(check));
    shown.map(|check| format!("{}: {}", check.name, check.reading)).collect::<Vec<_>>().join("; ")
}
