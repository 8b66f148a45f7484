//! The metrics of customers, by CloudWatch's GetMetricData.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDataQuery, MetricDataResult, MetricStat, StatusCode};

use super::span::Span;
use crate::aws::{Error, Result};
use crate::resources::cloudwatch::Metric;
use crate::traffic::levers::{Signals, Watched};
use crate::traffic::readings::RequestMetrics;

const SUM: &str = "Sum";
const P99: &str = "p99";
const SAMPLES: &str = "SampleCount";

/// The values of a metric by the start of their period; `Err` says why they are unknown.
type Series = std::result::Result<BTreeMap<i64, f64>, String>;

type Reading = std::result::Result<RequestMetrics, String>;

/// Reads the metrics of blue's and green's customers by one call.
pub async fn customers(client: &Client, watched: &Watched, span: Span) -> Result<(Reading, Reading)> {
    let blue = queries(&watched.blue);
    let all: Vec<_> = blue.iter().copied().chain(queries(&watched.green)).collect();
    let series = series(client, &all, span).await?;
    let (of_blue, of_green) = series.split_at(blue.len());
    Ok((reading(&watched.blue, of_blue), reading(&watched.green, of_green)))
}

/// The sum of a counter.
pub async fn total(client: &Client, metric: &Metric, span: Span) -> Result<u64> {
    let series = series(client, &[(metric, SUM)], span).await?;
    let sum = sum(&series).map_err(Error::local)?;
    if sum.is_finite() && sum >= 0.0 {
        // Counts are far below the limit up to which a float is exact.
        Ok(sum.round() as u64)
    } else {
        Err(Error::local(format!("CloudWatch reports a sum of {sum} for {}", metric.name)))
    }
}

/// In the order that [`reading`] expects.
fn queries(signals: &Signals) -> Vec<(&Metric, &'static str)> {
    let counts = signals.requests.iter().chain(&signals.errors).map(|metric| (metric, SUM));
    let times = [SAMPLES, P99].into_iter().flat_map(|stat| signals.latency.iter().map(move |metric| (metric, stat)));
    counts.chain(times).collect()
}

fn reading(signals: &Signals, series: &[Series]) -> Reading {
    let (requests, rest) = series.split_at(signals.requests.len());
    let (errors, times) = rest.split_at(signals.errors.len());
    let (samples, p99s) = times.split_at(signals.latency.len());
    let has_unit = signals.latency_unit_ms > 0.0;
    Ok(RequestMetrics {
        requests: sum(requests)?,
        errors: sum(errors)?,
        // An unknown latency doesn't keep errors from being judged.
        p99_ms: if has_unit { p99(samples, p99s).map(|p99| p99 * signals.latency_unit_ms) } else { Some(f64::NAN) },
    })
}

/// Load balancers and functions report only values other than zero, so a missing value is zero.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
fn sum(series: &[Series]) -> std::result::Result<f64, String> {
    series.iter().try_fold(0.0, |sum, values| Ok(sum + values.as_ref()?.values().sum::<f64>())).map_err(String::clone)
}

/// The mean of the minutes' p99s, weighted by their requests; NaN if one is unknown. Metrics that are published as statistics
/// have counts, but no percentiles.
fn p99(samples: &[Series], p99s: &[Series]) -> Option<f64> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for (samples, p99s) in samples.iter().zip(p99s) {
        let (Ok(samples), Ok(p99s)) = (samples, p99s) else { return Some(f64::NAN) };
        for (second, count) in samples {
            sum += p99s.get(second).unwrap_or(&f64::NAN) * count;
            weight += count;
        }
    }
    // Not `weight > 0.0`, which would hide NaN.
    if weight == 0.0 { None } else { Some(sum / weight) }
}

/// Reads the values of several metrics, each with a statistic.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
async fn series(client: &Client, queries: &[(&Metric, &str)], span: Span) -> Result<Vec<Series>> {
    let requested = queries.iter().enumerate().map(|(index, (metric, stat))| query(index, metric, stat, span.period));
    let requested: Vec<MetricDataQuery> = requested.collect();
    if requested.is_empty() {
        return Ok(Vec::new());
    }
    let request = client.get_metric_data().set_metric_data_queries(Some(requested));
    let request = request.start_time(DateTime::from_secs(span.start)).end_time(DateTime::from_secs(span.end));
    let mut pages = request.into_paginator().send();
    let mut answers: BTreeMap<String, Answer> = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let page = page?;
        if let Some(message) = page.messages().first() {
            let text = message.value().or(message.code()).unwrap_or_default();
            return Err(Error::local(format!("CloudWatch didn't return all metrics: {text}")));
        }
        for result in page.metric_data_results() {
            answers.entry(result.id().unwrap_or_default().to_owned()).or_default().add(result);
        }
    }
    let answer = |(index, (metric, _)): (usize, &(&Metric, &str))| match answers.remove(&id(index)) {
        Some(answer) => answer.finish(&metric.name),
        None => Err(format!("CloudWatch returned nothing for {}", metric.name)),
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

/// The answer to one query, over all pages.
#[derive(Default)]
struct Answer {
    values: BTreeMap<i64, f64>,
    status: Option<StatusCode>,
    message: Option<String>,
    has_unpaired_values: bool,
}

impl Answer {
    fn add(&mut self, result: &MetricDataResult) {
        let (times, values) = (result.timestamps(), result.values());
        self.has_unpaired_values |= times.len() != values.len();
        self.values.extend(times.iter().map(DateTime::secs).zip(values.iter().copied()));
        // PartialData is normal while more pages follow: the last page decides.
        self.status = result.status_code().cloned();
        let message = result.messages().first().and_then(|message| message.value().or(message.code()));
        self.message = self.message.take().or(message.map(str::to_owned));
    }

    fn finish(self, metric: &str) -> Series {
        if let Some(message) = self.message {
            return Err(format!("CloudWatch on {metric}: {message}"));
        }
        match self.status {
            Some(StatusCode::Complete) if !self.has_unpaired_values => Ok(self.values),
            Some(StatusCode::Complete) => Err(format!("CloudWatch's values of {metric} don't match their timestamps")),
            Some(status) => Err(format!("CloudWatch didn't return all values of {metric}: {status}")),
            None => Err(format!("CloudWatch returned no status for {metric}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::operation::get_metric_data::{GetMetricDataError, GetMetricDataOutput};
    use aws_sdk_cloudwatch::types::MessageData;
    use aws_smithy_mocks::{Rule, mock};
    use aws_smithy_types::error::ErrorMetadata;

    use super::super::{TIMEOUT, with_timeout};
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

    /// Two minutes of requests, two kinds of errors, latency samples and p99.
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

    /// Green's metrics for this answer of CloudWatch.
    async fn green(answer: GetMetricDataOutput) -> Reading {
        let rule = mock!(Client::get_metric_data).then_output(move || answer.clone());
        customers(&client(&[&rule]), &watched(), SPAN).await.unwrap().1
    }

    #[tokio::test]
    async fn counts_are_summed_and_latency_weighted_by_requests() {
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
        assert_eq!(green, Ok(RequestMetrics { requests: 150.0, errors: 3.0, p99_ms: Some(400.0) }));
        assert_eq!(blue.unwrap().requests, 0.0);
        assert_eq!(rule.num_calls(), 1);
    }

    #[tokio::test]
    async fn missing_values_are_no_requests_and_no_latency() {
        let nothing = green(all(|results| {
            results.iter_mut().for_each(|result| {
                *result = complete(result.id().unwrap(), &[]);
            })
        }));
        assert_eq!(nothing.await, Ok(RequestMetrics { requests: 0.0, errors: 0.0, p99_ms: None }));
    }

    #[tokio::test]
    async fn partial_counts_are_unknown() {
        for status in [StatusCode::PartialData, StatusCode::InternalError, StatusCode::Forbidden] {
            for id in ["m0", "m2"] {
                let status = Some(status.clone());
                let text = green(all(|results| {
                    let one = results.iter_mut().find(|result| result.id() == Some(id)).unwrap();
                    *one = result(id, status, &[(600, 1.0)]);
                }));
                let text = text.await.unwrap_err();
                assert!(text.starts_with("CloudWatch didn't return all values of "), "{text}");
            }
        }
        let no_status = green(all(|results| results[0] = result("m0", None, &[])));
        assert!(no_status.await.unwrap_err().contains("RequestCount"));
        let no_answer = green(all(|results| drop(results.remove(1)))).await;
        assert_eq!(no_answer, Err("CloudWatch returned nothing for HTTPCode_Target_5XX_Count".to_owned()));
    }

    #[tokio::test]
    async fn message_about_a_metric_makes_it_unknown() {
        let message = || MessageData::builder().code("Throttled").value("too much").build();
        let text = green(all(|results| {
            results[0] =
                MetricDataResult::builder().id("m0").status_code(StatusCode::Complete).messages(message()).build();
        }));
        assert_eq!(text.await, Err("CloudWatch on RequestCount: too much".to_owned()));
        let answer = GetMetricDataOutput::builder().messages(message()).build();
        let rule = mock!(Client::get_metric_data).then_output(move || answer.clone());
        let error = customers(&client(&[&rule]), &watched(), SPAN).await.unwrap_err();
        assert!(error.message.contains("too much"), "{error}");
    }

    #[tokio::test]
    async fn unknown_latency_keeps_error_counts() {
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
    async fn nan_is_passed_on() {
        let read = green(all(|results| results[0] = complete("m0", &[(600, 1.0), (660, f64::NAN)]))).await.unwrap();
        assert!(read.requests.is_nan() && read.errors == 3.0);
    }

    #[tokio::test]
    async fn all_pages_are_read_and_the_last_status_decides() {
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
    async fn denied_call_reports_the_aws_message() {
        let rule = mock!(Client::get_metric_data).then_error(|| {
            let denied = ErrorMetadata::builder().code("AccessDenied").message("not allowed").build();
            GetMetricDataError::generic(denied)
        });
        let read = with_timeout(TIMEOUT, customers(&client(&[&rule]), &watched(), SPAN)).await;
        let text = read.unwrap_err();
        assert!(text.starts_with("can't be read: ") && text.contains("not allowed"), "{text}");
    }

    #[tokio::test]
    async fn writes_are_counted_unless_invalid() {
        let of = async |values: &'static [(i64, f64)]| {
            let rule = mock!(Client::get_metric_data).then_output(move || {
                GetMetricDataOutput::builder().metric_data_results(complete("m0", values)).build()
            });
            total(&client(&[&rule]), &metric("PaymentsProcessed"), SPAN).await
        };
        assert_eq!(of(&[]).await.unwrap(), 0);
        assert_eq!(of(&[(600, 17.0), (660, 25.0)]).await.unwrap(), 42);
        assert!(of(&[(600, f64::NAN)]).await.unwrap_err().message.contains("PaymentsProcessed"));
        assert!(of(&[(600, -1.0)]).await.is_err());
    }
}
