//! The section `[shift]`: how traffic is shifted, and the gates that green has to pass. The same for all systems.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::source::{ConfigError, Source};
use crate::traffic::event::OnFail;
use crate::traffic::gates::Limits;
use crate::traffic::share::{BadSteps, Steps};

/// How traffic is shifted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shift {
    /// Green's shares, in percent, one after the other.
    pub steps: Vec<u8>,
    /// How long each step lasts while the gates are evaluated.
    pub hold: SignedDuration,
    /// How long a step is extended while the gates have too little data for a verdict.
    pub patience: SignedDuration,
    /// What happens when a gate fails.
    pub on_fail: OnFail,
    /// Requests to green below which the gates give no verdict. Zero: a green without requests passes.
    pub least_requests: u64,
    /// Green's maximum rate of failed requests, percent.
    pub max_error_percent: f64,
    /// How far green's error rate may exceed blue's, in percentage points.
    pub error_margin_percent: f64,
    /// Green's maximum p99 latency, ms.
    pub max_latency_ms: f64,
    /// How many times blue's p99 latency green's may be, ...
    pub latency_factor: f64,
    /// ... and how much more on top of that, ms.
    pub latency_slack_ms: f64,
    /// Green's minimum share of healthy targets, percent, on each load balancer.
    pub least_healthy_percent: u8,
}

/// The maximum hold and patience.
const MAX_DURATION: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Default for Shift {
    fn default() -> Self {
        Shift {
            steps: vec![5, 25, 50, 100],
            hold: SignedDuration::from_mins(5),
            patience: SignedDuration::from_mins(15),
            on_fail: OnFail::Rollback,
            least_requests: 100,
            max_error_percent: 1.0,
            error_margin_percent: 0.5,
            max_latency_ms: 2000.0,
            latency_factor: 1.5,
            latency_slack_ms: 500.0,
            least_healthy_percent: 100,
        }
    }
}

impl From<&Shift> for Limits {
    fn from(shift: &Shift) -> Self {
        Limits {
            least_requests: shift.least_requests,
            max_error_percent: shift.max_error_percent,
            error_margin_percent: shift.error_margin_percent,
            max_latency_ms: shift.max_latency_ms,
            latency_factor: shift.latency_factor,
            latency_slack_ms: shift.latency_slack_ms,
            least_healthy_percent: shift.least_healthy_percent,
        }
    }
}

impl Shift {
    /// The steps, checked.
    pub fn steps(&self) -> Result<Steps, BadSteps> {
        self.steps.iter().map(u8::to_string).collect::<Vec<_>>().join(",").parse()
    }

    /// Refuses steps out of order and values out of range.
    pub fn check(&self, source: &Source) -> Result<(), ConfigError> {
        if self.steps.is_empty() {
            return Err(source.refuse("shift.steps", "is empty: give at least one step, for example [5, 25, 50, 100]"));
        }
        self.steps().map_err(|error| source.refuse("shift.steps", error.to_string()))?;
        for (key, duration) in [("shift.hold", self.hold), ("shift.patience", self.patience)] {
            if !(SignedDuration::ZERO..=MAX_DURATION).contains(&duration) {
                let what = format!("{duration:#} is out of range: 0s to 7 days, for example \"5m\"");
                return Err(source.refuse(key, what));
            }
        }
        for (key, value, min, max, unit) in [
            ("shift.max_error_percent", self.max_error_percent, 0.0, 100.0, " %"),
            ("shift.error_margin_percent", self.error_margin_percent, 0.0, 100.0, " %"),
            ("shift.max_latency_ms", self.max_latency_ms, 0.0, 1e9, " ms"),
            ("shift.latency_factor", self.latency_factor, 1.0, 1000.0, ""),
            ("shift.latency_slack_ms", self.latency_slack_ms, 0.0, 1e9, " ms"),
            ("shift.least_healthy_percent", f64::from(self.least_healthy_percent), 0.0, 100.0, " %"),
        ] {
            source.check_range(key, value, min, max, unit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Shift, ConfigError> {
        #[derive(Deserialize)]
        struct Whole {
            shift: Shift,
        }
        let source = Source::built_in(&format!("[shift]\n{text}"));
        let Whole { shift } = source.table().and_then(|table| source.read_table(table))?;
        shift.check(&source).map(|()| shift)
    }

    #[test]
    fn durations_have_units() {
        let shift = read("hold = \"90s\"\npatience = \"1h 30m\"\non_fail = \"hold\"").unwrap();
        assert_eq!(shift.hold, SignedDuration::from_secs(90));
        assert_eq!(shift.patience, SignedDuration::from_mins(90));
        assert_eq!(shift.on_fail, OnFail::Hold);
        assert_eq!(read("hold = \"0s\"").unwrap().hold, SignedDuration::ZERO);
    }

    #[test]
    fn defaults_are_valid() {
        let shift = read("").unwrap();
        assert_eq!(shift.steps().unwrap().to_string(), "5, 25, 50, 100 %");
    }

    #[test]
    fn invalid_values_are_refused_with_their_line() {
        for (text, key, what) in [
            ("steps = []", "steps", "at least one step"),
            ("steps = [5, 25, 25]", "steps", "25 % can't follow 25 %"),
            ("steps = [50, 25]", "steps", "25 % can't follow 50 %"),
            ("steps = [50, 101]", "steps", "\"101\" is no valid share"),
            ("hold = \"-5m\"", "hold", "out of range: 0s to 7 days"),
            ("patience = \"-1ns\"", "patience", "out of range: 0s to 7 days"),
            ("hold = \"169h\"", "hold", "169h is out of range"),
            ("max_error_percent = -0.1", "max_error_percent", "-0.1 is out of range: 0 to 100 %"),
            ("max_error_percent = 100.5", "max_error_percent", "0 to 100 %"),
            ("max_error_percent = nan", "max_error_percent", "NaN is out of range"),
            ("error_margin_percent = inf", "error_margin_percent", "inf is out of range"),
            ("max_latency_ms = -1.0", "max_latency_ms", "-1 is out of range"),
            ("latency_factor = 0.9", "latency_factor", "out of range: 1 to 1000"),
            ("latency_slack_ms = nan", "latency_slack_ms", "NaN is out of range"),
            ("least_healthy_percent = 101", "least_healthy_percent", "101 is out of range"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("the defaults:2: shift.{key}: ")) && error.contains(what), "{error}");
        }
    }

    #[test]
    fn values_of_wrong_type_are_refused_with_their_line() {
        for bad in [
            "hold = 5",
            "hold = \"5 bananas\"",
            "on_fail = \"panic\"",
            "steps = [300]",
            "least_requests = -1",
            "step = [5]",
        ] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.contains("line 2"), "{bad}: {error}");
        }
    }
}
