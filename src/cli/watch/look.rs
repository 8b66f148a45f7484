//! Looks at the live traffic, one after the other, for as long as somebody watches.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};

use super::super::context::Context;
use crate::aws::Cloud;
use crate::traffic::Levers;
use crate::traffic::gates::Limits;
use crate::traffic::history::History;
use crate::traffic::readings::{Readings, RequestMetrics};
use crate::traffic::snapshot::{SPAN, Snapshot};

/// What one look found.
#[derive(Debug)]
pub struct Look {
    /// When it began.
    pub at: Timestamp,
    /// The traffic.
    pub picture: Snapshot,
    /// How many API calls there were so far.
    pub calls: u64,
}

/// Looks, and tells what it found, or why it couldn't.
pub struct Looker {
    /// Whose traffic it is.
    pub context: Arc<Context>,
    /// The way into AWS.
    pub cloud: Arc<Cloud>,
    /// What was done to the traffic; a reader of its own.
    pub history: History,
    /// From one look to the next.
    pub every: Duration,
}

/// No look takes this long, unless AWS doesn't answer.
const PATIENCE: Duration = Duration::from_secs(45);
/// Not even where much happens are there two looks in less.
const LEAST: Duration = Duration::from_millis(500);

impl Looker {
    /// Until nobody wants to know any more. `again` asks for a look before its time.
    pub async fn run(self, told: mpsc::Sender<Result<Look, String>>, again: Arc<Notify>) {
        let mut entries = Vec::new();
        loop {
            let look = timeout(PATIENCE, self.look(&mut entries)).await;
            let nothing = |_| Err(format!("AWS didn't answer within {} s", PATIENCE.as_secs()));
            if told.send(look.unwrap_or_else(nothing)).await.is_err() {
                return;
            }
            sleep(self.every.min(LEAST)).await;
            tokio::select! {
                () = sleep(self.every.saturating_sub(LEAST)) => {}
                () = again.notified() => {}
            }
        }
    }

    async fn look(&self, entries: &mut Vec<crate::traffic::history::Entry>) -> Result<Look, String> {
        let at = Timestamp::now();
        // Read anew: an apply can have made other levers meanwhile.
        let state = self.context.state().await.map_err(|error| error.to_string())?;
        let levers = state.as_ref().map(Levers::from_state).transpose().map_err(|error| error.to_string())?.flatten();
        let Some(levers) = levers else { return Err("the state tells no levers any more".to_owned()) };
        // A history that can't be read is told by whoever shows it.
        let last = entries.last().map_or(0, |entry| entry.number);
        entries.extend(self.history.after(last).await.unwrap_or_default());
        let limits = Limits::from(self.context.system.shift());
        let picture = Snapshot::read(&self.cloud, &levers.existing(), &limits, entries).await;
        Ok(Look { at, picture, calls: self.cloud.calls.count() })
    }
}

/// What the customers of an environment got, look by look; `None` where it isn't known.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// Of blue.
    pub blue: Series,
    /// Of green.
    pub green: Series,
}

/// The series of one environment.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Requests a minute.
    pub requests: VecDeque<Option<f64>>,
    /// Failed ones, percent.
    pub errors: VecDeque<Option<f64>>,
    /// The time within which 99 % of the requests were answered, ms.
    pub p99: VecDeque<Option<f64>>,
}

/// As many as the widest screen shows.
const KEPT: usize = 200;

impl Trail {
    /// Adds what was read at this time.
    pub fn add(&mut self, readings: &Readings, at: Timestamp) {
        let minutes = minutes(at);
        for (series, reading) in [(&mut self.blue, &readings.blue), (&mut self.green, &readings.green)] {
            let numbers = reading.as_ref().map(|reading| Numbers::of(reading, minutes)).unwrap_or_default();
            push(&mut series.requests, numbers.requests);
            push(&mut series.errors, numbers.errors);
            push(&mut series.p99, numbers.p99);
        }
    }
}

fn push(series: &mut VecDeque<Option<f64>>, value: Option<f64>) {
    if series.len() == KEPT {
        series.pop_front();
    }
    series.push_back(value);
}

/// Over how many minutes was read: [`SPAN`], and what came before it in its first minute.
fn minutes(at: Timestamp) -> f64 {
    let begun = at.as_second().rem_euclid(60) as f64;
    (SPAN.as_secs_f64() + begun) / 60.0
}

/// A reading in the numbers that people think in; `None` for what isn't known or makes no sense.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Numbers {
    requests: Option<f64>,
    errors: Option<f64>,
    p99: Option<f64>,
}

impl Numbers {
    fn of(reading: &RequestMetrics, minutes: f64) -> Self {
        let sensible = |number: f64| Some(number).filter(|number| number.is_finite() && *number >= 0.0);
        let requests = sensible(reading.requests);
        let failed = |requests: f64| 100.0 * reading.errors / requests;
        Numbers {
            requests: requests.map(|requests| requests / minutes),
            errors: requests.filter(|requests| *requests > 0.0).and_then(|requests| sensible(failed(requests))),
            p99: reading.p99_ms.and_then(sensible),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_the_minutes_that_were_read() {
        let at: Timestamp = "2025-03-01T10:20:30Z".parse().unwrap();
        let reading = RequestMetrics { requests: 1100.0, errors: 11.0, p99_ms: Some(80.0) };
        let numbers = Numbers::of(&reading, minutes(at));
        assert_eq!(numbers, Numbers { requests: Some(200.0), errors: Some(1.0), p99: Some(80.0) });
    }

    #[test]
    fn what_makes_no_sense_is_not_known() {
        let numbers = |requests, errors, p99_ms| Numbers::of(&RequestMetrics { requests, errors, p99_ms }, 5.0);
        assert_eq!(numbers(f64::NAN, 1.0, Some(f64::NAN)), Numbers::default());
        assert_eq!(numbers(10.0, f64::NAN, None), Numbers { requests: Some(2.0), ..Numbers::default() });
        let idle = Numbers { requests: Some(0.0), ..Numbers::default() };
        assert_eq!(numbers(0.0, 0.0, None), idle, "of no requests, none is known to be good");
    }

    #[test]
    fn the_trail_keeps_the_latest_looks() {
        let unread = || Err("can't be read".to_owned());
        let mut trail = Trail::default();
        let reading = |requests| Ok(RequestMetrics { requests, errors: 0.0, p99_ms: None });
        for n in 0..=KEPT {
            let (blue, green) = (unread(), reading(n as f64));
            trail.add(&Readings { targets: Vec::new(), alarms: Ok(Vec::new()), blue, green }, Timestamp::UNIX_EPOCH);
        }
        assert_eq!(trail.green.requests.len(), KEPT);
        assert_eq!(trail.green.requests.front(), Some(&Some(0.2)));
        assert!(trail.blue.requests.iter().all(Option::is_none));
    }
}
