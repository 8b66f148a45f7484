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
use super::levers::{Levers, Signals, Watched};
use crate::aws::{Cloud, Error, Result};
use crate::report::words;
use crate::resources::cloudwatch::Metric;
use crate::resources::ids::TargetGroupArn;

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
    let of_edges = levers.edges.iter().map(|edge| (format!("{} edge", edge.name), &edge.region, &edge.green));
    let others = watched.green_targets.iter().map(|(name, group)| (name.clone(), &watched.region, group));
    let targets = of_edges.chain(others).map(|(name, region, group)| async move {
        in_time(LOOK, targets(cloud, region, group, &name)).await.map_err(|why| format!("{name}: {why}"))
    });
    let customers = in_time(LOOK, customers(&clients.cloudwatch, watched, Span::of_gates(since, Timestamp::now())));
    let (targets, alarms, customers) =
        futures::join!(join_all(targets), in_time(LOOK, alarms(&clients.cloudwatch, &names)), customers);
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
async fn in_time<T>(limit: Duration, read: impl Future<Output = Result<T>>) -> std::result::Result<T, String> {
    match tokio::time::timeout(limit, read).await {
        Ok(read) => read.map_err(|error| format!("can't be read: {}", words::step_error(&error.into()))),
        Err(_) => Err(format!("can't be read: AWS didn't answer in {limit:?}")),
    }
}

/// The targets of one of green's groups.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html>
async fn targets(cloud: &Cloud, region: &str, group: &TargetGroupArn, name: &str) -> Result<Targets> {
    let clients = cloud.region(region);
    let answer = clients.elb.describe_target_health().target_group_arn(&**group).send().await?;
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
            targets.reason = health.and_then(describe);
            told = rank;
        }
    }
    targets
}

/// Why a target isn't healthy, in AWS's words, or by its code where there are none.
fn describe(health: &TargetHealth) -> Option<String> {
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

    /// As fine as CloudWatch keeps it and [`VALUES`] allow. CloudWatch keeps minutes for 15 days, fives of them for 63,
    /// hours for 455. It begins with a full period, which may hold a little too much, but leaves nothing out.
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

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput;
    use aws_sdk_cloudwatch::operation::get_metric_data::{GetMetricDataError, GetMetricDataOutput};
    use aws_sdk_cloudwatch::types::{CompositeAlarm, MessageData, MetricAlarm};
    use aws_sdk_elasticloadbalancingv2::types::TargetHealthReasonEnum as Reason;
    use aws_smithy_mocks::{Rule, mock};
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    const SPAN: Span = Span { start: 600, end: 1020, period: 60 };

    fn client(rules: &[&Rule]) -> Client {
        crate::aws::mocks::client!(aws_sdk_cloudwatch, rules)
    }

    fn metric(name: &str) -> Metric {
        Metric::new("AWS/ApplicationELB", name, [("TargetGroup", "targetgroup/green/1")])
    }

    fn signals() -> Signals {
        Signals {
            requests: vec![metric("RequestCount")],
            errors: vec![metric("HTTPCode_Target_5XX_Count"), metric("LambdaUserError")],
            latency: vec![metric("TargetResponseTime")],
            latency_unit_ms: 1000.0,
        }
    }

    fn watched() -> Watched {
        Watched {
            region: "us-east-1".to_owned(),
            alarms: Vec::new(),
            composite: None,
            blue: Signals::default(),
            green: signals(),
            green_targets: Vec::new(),
            green_writes: None,
        }
    }

    fn result(id: &str, status: Option<StatusCode>, values: &[(i64, f64)]) -> MetricDataResult {
        let times = values.iter().map(|(second, _)| DateTime::from_secs(*second)).collect();
        let values = values.iter().map(|(_, value)| *value).collect();
        let result = MetricDataResult::builder().id(id).set_status_code(status);
        result.set_timestamps(Some(times)).set_values(Some(values)).build()
    }

    fn complete(id: &str, values: &[(i64, f64)]) -> MetricDataResult {
        result(id, Some(StatusCode::Complete), values)
    }

    /// Requests, two kinds of errors, the number of times and their p99: with two minutes of requests.
    fn all(change: impl FnOnce(&mut Vec<MetricDataResult>)) -> GetMetricDataOutput {
        let mut results = vec![
            complete("m0", &[(660, 100.0), (600, 50.0)]),
            complete("m1", &[(600, 3.0)]),
            complete("m2", &[]),
            complete("m3", &[(660, 100.0), (600, 50.0)]),
            complete("m4", &[(660, 0.5), (600, 0.2)]),
        ];
        change(&mut results);
        GetMetricDataOutput::builder().set_metric_data_results(Some(results)).build()
    }

    /// What is read of green where CloudWatch answers this.
    async fn green(answer: GetMetricDataOutput) -> Customers {
        let rule = mock!(Client::get_metric_data).then_output(move || answer.clone());
        customers(&client(&[&rule]), &watched(), SPAN).await.unwrap().1
    }

    #[tokio::test]
    async fn counts_are_summed_and_times_weighed_by_requests() {
        let rule = mock!(Client::get_metric_data)
            .match_requests(|request| {
                let stats = request.metric_data_queries().iter().map(|query| query.metric_stat().unwrap());
                let stats: Vec<_> = stats.map(|stat| (stat.stat().unwrap(), stat.period().unwrap())).collect();
                stats == [("Sum", 60), ("Sum", 60), ("Sum", 60), ("SampleCount", 60), ("p99", 60)]
                    && request.start_time() == Some(&DateTime::from_secs(600))
                    && request.end_time() == Some(&DateTime::from_secs(1020))
            })
            .then_output(|| all(|_| {}));
        let (blue, green) = customers(&client(&[&rule]), &watched(), SPAN).await.unwrap();
        assert_eq!(green, Ok(Reading { requests: 150.0, errors: 3.0, p99_ms: Some(400.0) }));
        assert_eq!(blue.unwrap().requests, 0.0);
        assert_eq!(rule.num_calls(), 1);
    }

    #[tokio::test]
    async fn what_is_not_reported_is_no_requests_and_no_time() {
        let nothing = green(all(|results| {
            results.iter_mut().for_each(|result| {
                *result = complete(result.id().unwrap(), &[]);
            })
        }));
        assert_eq!(nothing.await, Ok(Reading { requests: 0.0, errors: 0.0, p99_ms: None }));
    }

    #[tokio::test]
    async fn counts_that_are_told_in_part_are_not_told() {
        for status in [StatusCode::PartialData, StatusCode::InternalError, StatusCode::Forbidden] {
            for id in ["m0", "m2"] {
                let status = Some(status.clone());
                let said = green(all(|results| {
                    let one = results.iter_mut().find(|result| result.id() == Some(id)).unwrap();
                    *one = result(id, status, &[(600, 1.0)]);
                }));
                let said = said.await.unwrap_err();
                assert!(said.starts_with("CloudWatch doesn't tell all of "), "{said}");
            }
        }
        let no_status = green(all(|results| results[0] = result("m0", None, &[])));
        assert!(no_status.await.unwrap_err().contains("RequestCount"));
        let no_answer = green(all(|results| drop(results.remove(1)))).await;
        assert_eq!(no_answer, Err("CloudWatch says nothing of HTTPCode_Target_5XX_Count".to_owned()));
    }

    #[tokio::test]
    async fn a_message_about_a_metric_makes_it_unknown() {
        let message = || MessageData::builder().code("Throttled").value("too much").build();
        let said = green(all(|results| {
            results[0] =
                MetricDataResult::builder().id("m0").status_code(StatusCode::Complete).messages(message()).build();
        }));
        assert_eq!(said.await, Err("CloudWatch says of RequestCount: too much".to_owned()));
        let answer = GetMetricDataOutput::builder().messages(message()).build();
        let rule = mock!(Client::get_metric_data).then_output(move || answer.clone());
        let error = customers(&client(&[&rule]), &watched(), SPAN).await.unwrap_err();
        assert!(error.message.contains("too much"), "{error}");
    }

    #[tokio::test]
    async fn a_latency_that_is_not_told_leaves_the_errors_to_be_judged() {
        for (index, values) in [(3, None), (4, None), (4, Some(vec![(600, 0.2)])), (3, Some(vec![(600, f64::NAN)]))] {
            let read = green(all(|results| {
                let id = format!("m{index}");
                results[index] = match values {
                    None => result(&id, Some(StatusCode::PartialData), &[]),
                    Some(values) => complete(&id, &values),
                };
            }));
            let read = read.await.unwrap();
            assert_eq!((read.requests, read.errors), (150.0, 3.0));
            assert!(read.p99_ms.is_some_and(f64::is_nan), "{index}: {:?}", read.p99_ms);
        }
        let unit = Signals { latency_unit_ms: 0.0, ..signals() };
        let series: Vec<Series> = vec![Ok(BTreeMap::new()); 5];
        assert!(reading(&unit, &series).unwrap().p99_ms.is_some_and(f64::is_nan));
    }

    #[tokio::test]
    async fn what_is_not_a_number_is_handed_on() {
        let read = green(all(|results| results[0] = complete("m0", &[(600, 1.0), (660, f64::NAN)]))).await.unwrap();
        assert!(read.requests.is_nan() && read.errors == 3.0);
    }

    #[tokio::test]
    async fn all_pages_are_read_and_the_last_one_says_whether_all_was_told() {
        let first = mock!(Client::get_metric_data).match_requests(|request| request.next_token().is_none());
        let first = first.then_output(|| {
            let part = result("m0", Some(StatusCode::PartialData), &[(600, 5.0)]);
            GetMetricDataOutput::builder().metric_data_results(part).next_token("more").build()
        });
        let last = mock!(Client::get_metric_data).match_requests(|request| request.next_token() == Some("more"));
        let last = last.then_output(|| all(|results| results[0] = complete("m0", &[(660, 7.0)])));
        let (_, green) = customers(&client(&[&first, &last]), &watched(), SPAN).await.unwrap();
        assert_eq!(green.unwrap().requests, 12.0);
        assert_eq!((first.num_calls(), last.num_calls()), (1, 1));
    }

    #[tokio::test]
    async fn a_refused_call_is_an_error_in_words() {
        let rule = mock!(Client::get_metric_data).then_error(|| {
            let denied = ErrorMetadata::builder().code("AccessDenied").message("not allowed").build();
            GetMetricDataError::generic(denied)
        });
        let read = in_time(LOOK, customers(&client(&[&rule]), &watched(), SPAN)).await;
        let said = read.unwrap_err();
        assert!(said.starts_with("can't be read: ") && said.contains("not allowed"), "{said}");
    }

    #[tokio::test]
    async fn a_look_does_not_wait_for_ever() {
        let read = in_time(Duration::from_millis(5), std::future::pending::<Result<()>>()).await;
        assert_eq!(read, Err("can't be read: AWS didn't answer in 5ms".to_owned()));
    }

    #[tokio::test]
    async fn writes_are_counted_or_not_told() {
        let of = async |values: &'static [(i64, f64)]| {
            let rule = mock!(Client::get_metric_data).then_output(move || {
                GetMetricDataOutput::builder().metric_data_results(complete("m0", values)).build()
            });
            sum_since(&client(&[&rule]), &metric("PaymentsProcessed"), SPAN).await
        };
        assert_eq!(of(&[]).await.unwrap(), 0);
        assert_eq!(of(&[(600, 17.0), (660, 25.0)]).await.unwrap(), 42);
        assert!(of(&[(600, f64::NAN)]).await.unwrap_err().message.contains("PaymentsProcessed"));
        assert!(of(&[(600, -1.0)]).await.is_err());
    }

    #[tokio::test]
    async fn alarms_of_both_types_are_read_in_hundreds_and_those_that_are_gone_are_missing() {
        let metric = |name: &str, state| MetricAlarm::builder().alarm_name(name).state_value(state).build();
        let rest = mock!(Client::describe_alarms).match_requests(|request| request.alarm_names().len() == 2);
        let rest = rest.then_output(|| {
            let all =
                CompositeAlarm::builder().alarm_name("all").state_value(StateValue::Alarm).state_reason("a0").build();
            DescribeAlarmsOutput::builder().composite_alarms(all).build()
        });
        let hundred = mock!(Client::describe_alarms).match_requests(|request| {
            request.alarm_names().len() == 100
                && request.alarm_types() == [AlarmType::MetricAlarm, AlarmType::CompositeAlarm]
        });
        let hundred = hundred.then_output(move || {
            let answer = DescribeAlarmsOutput::builder().metric_alarms(metric("a0", StateValue::Ok));
            let answer = answer.metric_alarms(metric("a1", StateValue::InsufficientData));
            answer.metric_alarms(metric("a2", "NEW_STATE".into())).build()
        });
        let names: Vec<String> = (0..101).map(|number| format!("a{number}")).chain(["all".to_owned()]).collect();
        let read = alarms(&client(&[&hundred, &rest]), &names).await.unwrap();
        let states: Vec<_> = read.iter().map(|alarm| alarm.state).collect();
        assert_eq!(states[..3], [AlarmState::Ok, AlarmState::InsufficientData, AlarmState::InsufficientData]);
        assert!(states[3..101].iter().all(|state| *state == AlarmState::Missing));
        let composite =
            AlarmReading { name: "all".to_owned(), state: AlarmState::Alarm, reason: Some("a0".to_owned()) };
        assert_eq!(read[101], composite);
        assert_eq!(alarms(&client(&[]), &[]).await.unwrap(), []);
    }

    #[test]
    fn targets_are_counted_by_their_state() {
        let target = |state: &str, reason: Option<Reason>, description: Option<&str>| {
            let health = TargetHealth::builder().state(state.into()).set_reason(reason);
            let health = health.set_description(description.map(str::to_owned)).build();
            TargetHealthDescription::builder().target_health(health).build()
        };
        let draining = target("draining", Some(Reason::DeregistrationInProgress), None);
        let group = counted(
            "blue edge",
            &[
                draining.clone(),
                target("healthy", None, None),
                target("unhealthy", Some(Reason::Timeout), Some("Request timed out")),
                target("initial", Some(Reason::RegistrationInProgress), None),
                target("unhealthy.draining", None, None),
                target("unused", Some(Reason::NotInUse), None),
                target("unavailable", Some(Reason::HealthCheckDisabled), None),
                target("levitating", None, None),
                TargetHealthDescription::builder().build(),
            ],
        );
        let reason = Some("Request timed out".to_owned());
        let expected =
            Targets { group: "blue edge".to_owned(), healthy: 1, unhealthy: 1, initial: 1, unavailable: 3, reason };
        assert_eq!(group, expected);
        let gone = counted("blue edge", &[draining]);
        assert_eq!((gone.unavailable, gone.reason.as_deref()), (0, Some("Target.DeregistrationInProgress")));
    }

    #[test]
    fn gates_look_at_full_minutes_and_not_far_back() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let now = at(100_030);
        assert_eq!(Span::of_gates(at(100_025), now), Span { start: 100_020, end: 100_140, period: 60 });
        assert_eq!(Span::of_gates(at(99_959), now).start, 99_900);
        assert_eq!(Span::of_gates(at(5), now).start, 99_720);
        // Somebody's clock.
        assert_eq!(Span::of_gates(at(200_000), now), Span::of_gates(now, now));
    }

    #[test]
    fn writes_are_read_as_finely_as_cloudwatch_keeps_them() {
        let now = Timestamp::from_second(1_800_000_030).unwrap();
        for (days, least) in [(0.0, 60), (0.5, 60), (13.0, 60), (16.0, 300), (62.5, 3600), (400.0, 3600)] {
            let since = now - Duration::from_secs_f64(days * DAY as f64);
            let span = Span::of_writes(since, now);
            assert_eq!(span.period % least, 0, "{days} days: {span:?}");
            assert!(span.start <= since.as_second() && span.start > since.as_second() - span.period);
            assert!((span.end - span.start) / span.period <= VALUES + 2, "{days} days: {span:?}");
        }
        assert_eq!(Span::of_writes(now - Duration::from_secs(600), now).period, 60);
    }
}
