//! Reads the signals of green's health from AWS.

mod alarms;
mod metrics;
mod span;
mod targets;

use std::future::Future;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;

use super::levers::Levers;
use super::readings::Readings;
use crate::aws::{Cloud, Result};
use crate::resources::cloudwatch::Metric;
use crate::text;
use span::Span;

/// How far back metrics are read: older ones say little about green's present health.
pub const WINDOW: Duration = Duration::from_secs(300);
/// The timeout of one reading. A shift that waited longer would notice external changes too late.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Reads everything that the gates evaluate, concurrently. The metrics start at `since`, at most [`WINDOW`] ago.
pub async fn read(cloud: &Cloud, levers: &Levers, since: Timestamp) -> Readings {
    let watched = &levers.watched;
    let clients = cloud.region(&watched.region);
    let names: Vec<String> = watched.alarms.iter().chain(&watched.composite).cloned().collect();
    let of_edges = levers.edges.iter().map(|edge| (format!("{} edge", edge.name), &edge.region, &edge.green));
    let others = watched.green_targets.iter().map(|(name, group)| (name.clone(), &watched.region, group));
    let targets = of_edges.chain(others).map(|(name, region, group)| async move {
        let read = with_timeout(TIMEOUT, targets::read(cloud, region, group, &name)).await;
        read.map_err(|why| format!("{name}: {why}"))
    });
    let span = Span::of_gates(since, Timestamp::now());
    let customers = with_timeout(TIMEOUT, metrics::customers(&clients.cloudwatch, watched, span));
    let alarms = with_timeout(TIMEOUT, alarms::read(&clients.cloudwatch, &names));
    let (targets, alarms, customers) = futures::join!(join_all(targets), alarms, customers);
    let (blue, green) = customers.unwrap_or_else(|why| (Err(why.clone()), Err(why)));
    Readings { targets, alarms, blue, green }
}

/// The sum of a metric since a moment, as far as CloudWatch has it: the last minute or two are missing.
///
/// # Errors
/// CloudWatch can't be read, or returns only a part.
pub async fn writes_since(cloud: &Cloud, metric: &Metric, region: &str, since: Timestamp) -> Result<u64> {
    metrics::total(&cloud.region(region).cloudwatch, metric, Span::of_writes(since, Timestamp::now())).await
}

/// A reading, or why it failed.
async fn with_timeout<T>(limit: Duration, read: impl Future<Output = Result<T>>) -> std::result::Result<T, String> {
    match tokio::time::timeout(limit, read).await {
        Ok(read) => read.map_err(|error| format!("can't be read: {}", text::step_error(&error.into()))),
        Err(_) => Err(format!("can't be read: AWS didn't answer in {limit:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn readings_time_out() {
        let read = with_timeout(Duration::from_millis(5), std::future::pending::<Result<()>>()).await;
        assert_eq!(read, Err("can't be read: AWS didn't answer in 5ms".to_owned()));
    }
}
