//! Samples of the live traffic, taken at an interval.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};

use crate::aws::Cloud;
use crate::cli::context::Context;
use crate::traffic::Levers;
use crate::traffic::gates::Limits;
use crate::traffic::history::{Entry, History};
use crate::traffic::readings::{Readings, RequestMetrics};
use crate::traffic::snapshot::{SPAN, Snapshot};

/// A snapshot and its time.
#[derive(Debug)]
pub struct Sample {
    /// When it was started.
    pub at: Timestamp,
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The number of API calls so far.
    pub calls: u64,
}

/// Takes samples and sends them.
pub struct Poller {
    /// The deployment.
    pub context: Arc<Context>,
    /// The AWS clients.
    pub cloud: Arc<Cloud>,
    /// The history, with its own read position.
    pub history: History,
    /// The time between two samples.
    pub interval: Duration,
}

/// The timeout of a sample.
const TIMEOUT: Duration = Duration::from_secs(45);
/// The shortest time between two samples, also if one is requested.
const MIN_PAUSE: Duration = Duration::from_millis(500);

impl Poller {
    /// Takes samples until the receiver is closed. `request` triggers a sample early.
    pub async fn run(self, samples: mpsc::Sender<Result<Sample, String>>, request: Arc<Notify>) {
        let mut entries = Vec::new();
        loop {
            let sample = timeout(TIMEOUT, self.sample(&mut entries)).await;
            let timed_out = |_| Err(format!("AWS didn't answer within {} s", TIMEOUT.as_secs()));
            if samples.send(sample.unwrap_or_else(timed_out)).await.is_err() {
                return;
            }
            sleep(self.interval.min(MIN_PAUSE)).await;
            tokio::select! {
                () = sleep(self.interval.saturating_sub(MIN_PAUSE)) => {}
                () = request.notified() => {}
            }
        }
    }

    async fn sample(&self, entries: &mut Vec<Entry>) -> Result<Sample, String> {
        let at = Timestamp::now();
        // An apply may have replaced the levers since the last sample.
        let state = self.context.state().await.map_err(|error| error.to_string())?;
        let levers = state.as_ref().map(Levers::from_state).transpose().map_err(|error| error.to_string())?.flatten();
        let Some(levers) = levers else { return Err("the state contains no levers any more".to_owned()) };
        // The caller reports a history that can't be read.
        let last = entries.last().map_or(0, |entry| entry.number);
        entries.extend(self.history.after(last).await.unwrap_or_default());
        let limits = Limits::from(self.context.system.shift());
        let snapshot = Snapshot::read(&self.cloud, &levers.existing(), &limits, entries).await;
        Ok(Sample { at, snapshot, calls: self.cloud.calls.count() })
    }
}

/// The metrics of customers over time, one value per sample; `None` if unknown.
#[derive(Clone, Debug, Default)]
pub struct Trends {
    /// Blue's metrics.
    pub blue: Series,
    /// Green's metrics.
    pub green: Series,
}

/// The metrics of one environment over time.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Requests per minute.
    pub requests: VecDeque<Option<f64>>,
    /// The error rate, percent.
    pub errors: VecDeque<Option<f64>>,
    /// The p99 latency, ms.
    pub p99: VecDeque<Option<f64>>,
}

/// The number of values that the widest screen displays.
const MAX_VALUES: usize = 200;

impl Trends {
    /// Adds the readings of this time.
    pub fn add(&mut self, readings: &Readings, at: Timestamp) {
        let minutes = minutes(at);
        for (series, metrics) in [(&mut self.blue, &readings.blue), (&mut self.green, &readings.green)] {
            let rates = metrics.as_ref().map(|metrics| Rates::of(metrics, minutes)).unwrap_or_default();
            push(&mut series.requests, rates.requests);
            push(&mut series.errors, rates.errors);
            push(&mut series.p99, rates.p99);
        }
    }
}

fn push(series: &mut VecDeque<Option<f64>>, value: Option<f64>) {
    if series.len() == MAX_VALUES {
        series.pop_front();
    }
    series.push_back(value);
}

/// The minutes that metrics were read for: [`SPAN`], plus the part of its first minute before it.
fn minutes(at: Timestamp) -> f64 {
    let into_minute = at.as_second().rem_euclid(60) as f64;
    (SPAN.as_secs_f64() + into_minute) / 60.0
}

/// Metrics as rates; `None` if unknown or invalid.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rates {
    requests: Option<f64>,
    errors: Option<f64>,
    p99: Option<f64>,
}

impl Rates {
    fn of(metrics: &RequestMetrics, minutes: f64) -> Self {
        let valid = |number: f64| Some(number).filter(|number| number.is_finite() && *number >= 0.0);
        let requests = valid(metrics.requests);
        let error_percent = |requests: f64| 100.0 * metrics.errors / requests;
        Rates {
            requests: requests.map(|requests| requests / minutes),
            errors: requests.filter(|requests| *requests > 0.0).and_then(|requests| valid(error_percent(requests))),
            p99: metrics.p99_ms.and_then(valid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_divided_by_the_minutes_read() {
        let at: Timestamp = "2025-03-01T10:20:30Z".parse().unwrap();
        let metrics = RequestMetrics { requests: 1100.0, errors: 11.0, p99_ms: Some(80.0) };
        let rates = Rates::of(&metrics, minutes(at));
        assert_eq!(rates, Rates { requests: Some(200.0), errors: Some(1.0), p99: Some(80.0) });
    }

    #[test]
    fn invalid_metrics_are_unknown() {
        let rates = |requests, errors, p99_ms| Rates::of(&RequestMetrics { requests, errors, p99_ms }, 5.0);
        assert_eq!(rates(f64::NAN, 1.0, Some(f64::NAN)), Rates::default());
        assert_eq!(rates(10.0, f64::NAN, None), Rates { requests: Some(2.0), ..Rates::default() });
        let idle = Rates { requests: Some(0.0), ..Rates::default() };
        assert_eq!(rates(0.0, 0.0, None), idle, "without requests there is no error rate");
    }

    #[test]
    fn trends_keep_the_latest_values() {
        let unreadable = || Err("can't be read".to_owned());
        let mut trends = Trends::default();
        let reading = |requests| Ok(RequestMetrics { requests, errors: 0.0, p99_ms: None });
        for n in 0..=MAX_VALUES {
            let (blue, green) = (unreadable(), reading(n as f64));
            trends.add(&Readings { targets: Vec::new(), alarms: Ok(Vec::new()), blue, green }, Timestamp::UNIX_EPOCH);
        }
        assert_eq!(trends.green.requests.len(), MAX_VALUES);
        assert_eq!(trends.green.requests.front(), Some(&Some(0.2)));
        assert!(trends.blue.requests.iter().all(Option::is_none));
    }
}
