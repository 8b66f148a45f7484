//! Signals: what AWS says of green's health, read for the gates to judge.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    AlarmType, Dimension, MetricDataQuery, MetricDataResult, MetricStat, StateValue, StatusCode,
};
use aws_sdk_elasticloadbalancingv2::types::{TargetHealth, TargetHealthDescription, TargetHealthStateEnum as State};
use futures::future::{join_all, try_join_all};
use jiff::Timestamp;

use super::gates::{AlarmReading, AlarmState, Reading, Readings, Targets};
use super::levers::{EdgeLever, Levers, Signals, Watched};
use crate::aws::{Cloud, Error, Result};
use crate::report::words;
use crate::resources::cloudwatch::Metric;

/// How far back metrics are read at most: what green was like before that says little of what it is like now.
pub const WINDOW: Duration = Duration::from_secs(300);
/// How long a look may take. A shift that waited longer wouldn't notice what else happens.
const LOOK: Duration = Duration::from_secs(30);
/// What load balancers and Lambda report by.
const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;
/// The most names that DescribeAlarms takes.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>
const ALARM_NAMES: usize = 100;
/// About how many values of a metric are read.
const VALUES: i64 = 1000;

/// Reads all that the gates look at, at once. The metrics are those since `since`, at most [`WINDOW`] back.
pub async fn readings(cloud: &Cloud, levers: &Levers, since: Timestamp) -> Readings {
    let watched = &levers.watched;
    let clients = cloud.region(&watched.region);
    let names: Vec<String> = watched.alarms.iter().chain(&watched.composite).cloned().collect();
    let targets = levers.edges.iter().map(|edge| async move {
        let name = format!("{} edge", edge.name);
        in_time(targets(cloud, edge, &name)).await.map_err(|why| format!("{name}: {why}"))
    });
    let customers = in_time(customers(&clients.cloudwatch, watched, Span::of_gates(since, Timestamp::now())));
    let (targets, alarms, customers) =
        futures::join!(join_all(targets), in_time(alarms(&clients.cloudwatch, &names)), customers);
    let (blue, green) = customers.unwrap_or_else(|why| (Err(why.clone()), Err(why)));
    Readings { targets, alarms, blue, green }
}

/// The sum of a metric since a moment, as far as CloudWatch has it by now: the last minute or two are still to come.
///
/// # Errors
/// AWS doesn't tell, or tells only a part.
pub async fn writes_since(cloud: &Cloud, metric: &Metric, region: &str, since: Timestamp) -> Result<u64> {
    sum_since(&cloud.region(region).cloudwatch, metric, Span::of_writes(since, Timestamp::now())).await
}

async fn sum_since(client: &Client, metric: &Metric, span: Span) -> Result<u64> {
    let series = series(client, &[(metric, SUM)], span).await?;
    let sum = sum(&series).map_err(Error::local)?;
    if sum.is_finite() && sum >= 0.0 {
        // A count: far below what a float holds exactly.
        Ok(sum.round() as u64)
    } else {
        Err(Error::local(format!("CloudWatch says {sum} of {}", metric.name)))
    }
}

/// What was read, or why it couldn't be.
async fn in_time<T>(read: impl Future<Output = Result<T>>) -> std::result::Result<T, String> {
    match tokio::time::timeout(LOOK, read).await {
        Ok(read) => read.map_err(|error| format!("can't be read: {}", words::step_error(&error.into()))),
        Err(_) => Err(format!("can't be read: AWS didn't answer in {} s", LOOK.as_secs())),
    }
}

/// Green's targets on an edge.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html>
async fn targets(cloud: &Cloud, edge: &EdgeLever, name: &str) -> Result<Targets> {
    let clients = cloud.region(&edge.region);
    let answer = clients.elb.describe_target_health().target_group_arn(&*edge.green).send().await?;
    Ok(counted(name, answer.target_health_descriptions()))
}

fn counted(name: &str, described: &[TargetHealthDescription]) -> Targets {
    let mut targets = Targets { group: name.to_owned(), ..Targets::default() };
    let mut told = 0;
    for target in described {
        let health = target.target_health();
        // Whose reason is told: that of an unhealthy one before those of others.
        let (count, rank) = match health.and_then(TargetHealth::state) {
            Some(State::Healthy) => (&mut targets.healthy, 0),
            Some(State::Unhealthy) => (&mut targets.unhealthy, 3),
            Some(State::Initial) => (&mut targets.initial, 2),
            Some(State::Draining | State::UnhealthyDraining | State::Unused) => (&mut 0, 1),
            // Or a state that AWS has thought of since.
            _ => (&mut targets.unavailable, 2),
        };
        *count += 1;
        if rank > told {
            targets.reason = health.and_then(in_words);
            told = rank;
        }
    }
    targets
}

/// Why a target isn't healthy, in AWS's words, or by its code where there are none.
fn in_words(health: &TargetHealth) -> Option<String> {
    let code = health.reason().map(|reason| reason.as_str());
    health.description().or(code).map(str::to_owned)
}

async fn alarms(client: &Client, names: &[String]) -> Result<Vec<AlarmReading>> {
    let chunks = names.chunks(ALARM_NAMES).map(|names| async move {
        let request = client.describe_alarms().set_alarm_names(Some(names.to_vec())).max_records(100);
        // Without a type, composite alarms are left out.
        let request = request.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
        let mut pages = request.into_paginator().send();
        let mut found = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page?;
            let metric = page.metric_alarms().iter().map(|it| (it.alarm_name(), it.state_value(), it.state_reason()));
            let composite =
                page.composite_alarms().iter().map(|it| (it.alarm_name(), it.state_value(), it.state_reason()));
            for (name, state, reason) in metric.chain(composite) {
                let state = match state {
                    Some(StateValue::Ok) => AlarmState::Ok,
                    Some(StateValue::Alarm) => AlarmState::Alarm,
                    _ => AlarmState::InsufficientData,
                };
                found.insert(name.unwrap_or_default().to_owned(), (state, reason.map(str::to_owned)));
            }
        }
        Ok::<_, Error>(found)
    });
    let mut found: BTreeMap<_, _> = try_join_all(chunks).await?.into_iter().flatten().collect();
    let reading = |name: &String| {
        let (state, reason) = found.remove(name).unwrap_or((AlarmState::Missing, None));
        AlarmReading { name: name.clone(), state, reason }
    };
    Ok(names.iter().map(reading).collect())
}

/// From when to when metrics are read, and how finely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: i64,
    end: i64,
    period: i64,
}

impl Span {
    /// By the minute, from the full minute of `since`, at most [`WINDOW`] back.
    fn of_gates(since: Timestamp, now: Timestamp) -> Self {
        let since = since.min(now).max(now - WINDOW);
        Span { start: floor(since, MINUTE), end: end(now), period: MINUTE }
    }

    /// As fine as CloudWatch keeps it and [`VALUES`] allow. CloudWatch keeps minutes for 15 days, five of them for 63 days, hours
    /// for 455 days. It starts with a full period: that may count too much, but nothing too little.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
    fn of_writes(since: Timestamp, now: Timestamp) -> Self {
        let age = now.as_second().saturating_sub(since.as_second()).max(0);
        // A day less of each: the first period begins before `since`.
        let kept = match age {
            _ if age < 14 * DAY => MINUTE,
            _ if age < 62 * DAY => 5 * MINUTE,
            _ => 60 * MINUTE,
        };
        let period = (age / VALUES / kept + 1) * kept;
        Span { start: floor(since.min(now), period), end: end(now), period }
    }
}

fn floor(time: Timestamp, to: i64) -> i64 {
    time.as_second() - time.as_second().rem_euclid(to)
}

/// The minute that isn't over counts too, also for a clock that is a little late.
fn end(now: Timestamp) -> i64 {
    floor(now, MINUTE) + 2 * MINUTE
}

/// The values of a metric by the second at which their period begins; `Err` says why they aren't known.
type Series = std::result::Result<BTreeMap<i64, f64>, String>;

const SUM: &str = "Sum";
const P99: &str = "p99";
const SAMPLES: &str = "SampleCount";

type Customers = std::result::Result<Reading, String>;

/// What customers of blue and green get, by one call.
async fn customers(client: &Client, watched: &Watched, span: Span) -> Result<(Customers, Customers)> {
    let blue = queries(&watched.blue);
    let all: Vec<_> = blue.iter().copied().chain(queries(&watched.green)).collect();
    let series = series(client, &all, span).await?;
    let (of_blue, of_green) = series.split_at(blue.len());
    Ok((reading(&watched.blue, of_blue), reading(&watched.green, of_green)))
}

/// In the order in which [`reading`] takes them.
fn queries(signals: &Signals) -> Vec<(&Metric, &'static str)> {
    let counts = signals.requests.iter().chain(&signals.errors).map(|metric| (metric, SUM));
    let times = [SAMPLES, P99].into_iter().flat_map(|stat| signals.latency.iter().map(move |metric| (metric, stat)));
    counts.chain(times).collect()
}

fn reading(signals: &Signals, series: &[Series]) -> Customers {
    let (requests, rest) = series.split_at(signals.requests.len());
    let (errors, times) = rest.split_at(signals.errors.len());
    let (samples, p99s) = times.split_at(signals.latency.len());
    let known = signals.latency_unit_ms > 0.0;
    Ok(Reading {
        requests: sum(requests)?,
        errors: sum(errors)?,
        // Whatever errors there are can be judged without it.
        p99_ms: if known { p99(samples, p99s).map(|p99| p99 * signals.latency_unit_ms) } else { Some(f64::NAN) },
    })
}

/// Load balancers and functions report what isn't zero: no value is zero.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
fn sum(series: &[Series]) -> std::result::Result<f64, String> {
    series.iter().try_fold(0.0, |sum, values| Ok(sum + values.as_ref()?.values().sum::<f64>())).map_err(String::clone)
}

/// The mean of the minutes' p99s, each as heavy as the number of requests behind it. Not a number where one isn't told:
/// metrics that were published as statistics have counts, but no percentiles.
fn p99(samples: &[Series], p99s: &[Series]) -> Option<f64> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for (samples, p99s) in samples.iter().zip(p99s) {
        let (Ok(samples), Ok(p99s)) = (samples, p99s) else { return Some(f64::NAN) };
        for (second, count) in samples {
            sum += p99s.get(second).unwrap_or(&f64::NAN) * count;
            weight += count;
        }
    }
    // Not `weight > 0.0`: what isn't a number goes on as such.
    if weight == 0.0 { None } else { Some(sum / weight) }
}

/// The values of some metrics, each by a statistic.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
async fn series(client: &Client, queries: &[(&Metric, &str)], span: Span) -> Result<Vec<Series>> {
    let asked = queries.iter().enumerate().map(|(index, (metric, stat))| query(index, metric, stat, span.period));
    let asked: Vec<MetricDataQuery> = asked.collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let request = client.get_metric_data().set_metric_data_queries(Some(asked));
    let request = request.start_time(DateTime::from_secs(span.start)).end_time(DateTime::from_secs(span.end));
    let mut pages = request.into_paginator().send();
    let mut answers: BTreeMap<String, Answer> = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let page = page?;
        if let Some(message) = page.messages().first() {
            let said = message.value().or(message.code()).unwrap_or_default();
            return Err(Error::local(format!("CloudWatch didn't read all metrics: {said}")));
        }
        for result in page.metric_data_results() {
            answers.entry(result.id().unwrap_or_default().to_owned()).or_default().add(result);
        }
    }
    let answer = |(index, (metric, _)): (usize, &(&Metric, &str))| match answers.remove(&id(index)) {
        Some(answer) => answer.finish(&metric.name),
        None => Err(format!("CloudWatch says nothing of {}", metric.name)),
    };
    Ok(queries.iter().enumerate().map(answer).collect())
}

fn id(index: usize) -> String {
    format!("m{index}")
}

fn query(index: usize, metric: &Metric, stat: &str, period: i64) -> MetricDataQuery {
    let dimensions = metric.dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build());
    let sdk = aws_sdk_cloudwatch::types::Metric::builder().namespace(&metric.namespace).metric_name(&metric.name);
    let sdk = sdk.set_dimensions(Some(dimensions.collect())).build();
    let period = i32::try_from(period).unwrap_or(i32::MAX);
    let stat = MetricStat::builder().metric(sdk).stat(stat).period(period).build();
    MetricDataQuery::builder().id(id(index)).metric_stat(stat).build()
}

/// What CloudWatch says of one query, over all pages.
#[derive(Default)]
struct Answer {
    values: BTreeMap<i64, f64>,
    status: Option<StatusCode>,
    message: Option<String>,
    torn: bool,
}

impl Answer {
    fn add(&mut self, result: &MetricDataResult) {
        let (times, values) = (result.timestamps(), result.values());
        self.torn |= times.len() != values.len();
        self.values.extend(times.iter().map(DateTime::secs).zip(values.iter().copied()));
        // Part of the data is all right as long as more pages follow: the last word counts.
        self.status = result.status_code().cloned();
        let said = result.messages().first().and_then(|message| message.value().or(message.code()));
        self.message = self.message.take().or(said.map(str::to_owned));
    }

    fn finish(self, metric: &str) -> Series {
        if let Some(message) = self.message {
            return Err(format!("CloudWatch says of {metric}: {message}"));
        }
        match self.status {
            Some(StatusCode::Complete) if !self.torn => Ok(self.values),
            Some(StatusCode::Complete) => Err(format!("CloudWatch's values of {metric} don't match their times")),
            Some(status) => Err(format!("CloudWatch doesn't tell all of {metric}: {status}")),
            None => Err(format!("CloudWatch doesn't say whether it tells all of {metric}")),
        }
    }
}
