//! The limits that green must stay within.

use serde::{Deserialize, Serialize};

/// The limits of the gates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// The number of requests that green must have served before errors and latency are judged. With 0, a green without
    /// requests passes.
    pub least_requests: u64,
    /// The highest error rate, percent.
    pub max_error_percent: f64,
    /// How far green's error rate may exceed blue's, percentage points.
    pub error_margin_percent: f64,
    /// The highest p99 latency, ms.
    pub max_latency_ms: f64,
    /// How many times blue's p99 green's may be, before `latency_slack_ms` is added.
    pub latency_factor: f64,
    /// How far green's p99 may exceed blue's times `latency_factor`, ms.
    pub latency_slack_ms: f64,
    /// The percentage of healthy targets in each of green's target groups. At least one must be healthy in any case.
    pub least_healthy_percent: u8,
}
