//! What AWS reports about green's health.

/// Everything that the gates evaluate; `Err` says why a reading failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Readings {
    /// Green's target groups; empty without a load balancer.
    pub targets: Vec<Result<TargetCounts, String>>,
    /// The alarms on green's customers.
    pub alarms: Result<Vec<AlarmReading>, String>,
    /// The metrics of blue's customers.
    pub blue: Result<RequestMetrics, String>,
    /// The metrics of green's customers.
    pub green: Result<RequestMetrics, String>,
}

/// The targets of one group by health. Draining and unused targets aren't counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetCounts {
    /// The group's name for people: `blue edge` is green's group on blue's load balancer.
    pub group: String,
    /// Targets that pass their health checks.
    pub healthy: u32,
    /// Targets that fail them.
    pub unhealthy: u32,
    /// Targets that haven't been checked often enough.
    pub initial: u32,
    /// Targets of unknown health, for example because health checks are off.
    pub unavailable: u32,
    /// Why one of them isn't healthy.
    pub reason: Option<String>,
}

/// An alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmReading {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: AlarmState,
    /// CloudWatch's reason for the state.
    pub reason: Option<String>,
}

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmState {
    /// OK.
    Ok,
    /// ALARM.
    Alarm,
    /// INSUFFICIENT_DATA.
    InsufficientData,
    /// The alarm doesn't exist.
    Missing,
}

/// The metrics of an environment's customers over a few minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestMetrics {
    /// The number of requests.
    pub requests: f64,
    /// The number of failed requests.
    pub errors: f64,
    /// The p99 latency, ms: `None` without requests, NaN if CloudWatch doesn't report it.
    pub p99_ms: Option<f64>,
}
