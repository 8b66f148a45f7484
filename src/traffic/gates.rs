//! Gates: whether green is healthy enough for its customers, and for more of them.
//!
//! Metrics can be missing, late, or NaN. A check passes only if a value is shown to be within its limit, so all comparisons
//! ask for that; they are false for NaN.

use super::check::{ALARMS, Check, ERRORS, LATENCY, REQUESTS, TARGETS, Verdict};
pub use super::limits::Limits;
use super::readings::{AlarmReading, AlarmState, Readings, RequestMetrics, TargetCounts};
use super::share::Share;

/// With fewer requests than `least_requests`, green fails if it is clearly broken: from this number of requests on, so that
/// customers don't suffer until there are enough of them.
const MIN_REQUESTS_TO_FAIL: f64 = 10.0;
/// Clearly broken: this error rate, percent ...
const BROKEN_PERCENT: f64 = 50.0;
/// ... or this many times the limit.
const BROKEN_FACTOR: f64 = 10.0;
/// How many characters of an alarm's reason are shown.
const MAX_REASON: usize = 120;
/// The relative error of summed counts.
const ROUNDING: f64 = 1e-9;

/// Evaluates all gates. Without customers, green isn't judged by their metrics.
pub fn evaluate(readings: &Readings, limits: &Limits, green: Share) -> Vec<Check> {
    let mut checks = Vec::new();
    if !readings.targets.is_empty() {
        checks.push(check_targets(&readings.targets, limits));
    }
    checks.push(check_alarms(&readings.alarms));
    if green > Share::BLUE {
        checks.extend(check_customers(&readings.blue, &readings.green, limits));
    }
    checks
}

/// A verdict, and the reading that led to it.
type Finding = (Verdict, String);

fn check(name: &str, (verdict, reading): Finding) -> Check {
    Check { name: name.to_owned(), verdict, reading }
}

fn check_targets(groups: &[Result<TargetCounts, String>], limits: &Limits) -> Check {
    let findings: Vec<Finding> = groups
        .iter()
        .map(|group| match group {
            Ok(targets) => judge_targets(targets, limits),
            Err(why) => inconclusive(why.clone()),
        })
        .collect();
    let worst = findings.iter().map(|(verdict, _)| *verdict).max().unwrap_or(Verdict::Pass);
    let readings: Vec<_> = findings.into_iter().map(|(_, reading)| reading).collect();
    check(TARGETS, (worst, readings.join("; ")))
}

fn judge_targets(targets: &TargetCounts, limits: &Limits) -> Finding {
    let (healthy, unhealthy) = (u64::from(targets.healthy), u64::from(targets.unhealthy));
    let known = healthy + unhealthy;
    let total = known + u64::from(targets.initial) + u64::from(targets.unavailable);
    let enough = |of: u64| healthy > 0 && healthy * 100 >= u64::from(limits.least_healthy_percent) * of;
    let reason = targets.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    if total == 0 {
        return (Verdict::Fail, format!("{}: no targets{reason}", targets.group));
    }
    let reading = format!("{}: {healthy} of {total} healthy", targets.group);
    if enough(total) {
        (Verdict::Pass, reading)
    } else if known > 0 && !enough(known) {
        let min = limits.least_healthy_percent;
        (Verdict::Fail, format!("{reading}, {unhealthy} unhealthy (min {min} % healthy){reason}"))
    } else {
        inconclusive(format!("{reading}, {} unknown{reason}", total - known))
    }
}

fn check_alarms(alarms: &Result<Vec<AlarmReading>, String>) -> Check {
    let finding = match alarms {
        Err(why) => inconclusive(why.clone()),
        Ok(alarms) if alarms.is_empty() => (Verdict::Pass, "none defined".to_owned()),
        Ok(alarms) => {
            let describe_those = |matches: fn(&AlarmReading) -> bool| {
                let texts: Vec<_> = alarms.iter().filter(|alarm| matches(alarm)).map(describe_alarm).collect();
                (!texts.is_empty()).then(|| texts.join("; "))
            };
            let in_alarm = describe_those(|alarm| alarm.state == AlarmState::Alarm);
            let not_ok = describe_those(|alarm| alarm.state != AlarmState::Ok);
            match (in_alarm, not_ok) {
                (Some(in_alarm), _) => (Verdict::Fail, in_alarm),
                (None, Some(not_ok)) => inconclusive(not_ok),
                (None, None) => (Verdict::Pass, format!("{} OK", alarms.len())),
            }
        }
    };
    check(ALARMS, finding)
}

fn describe_alarm(alarm: &AlarmReading) -> String {
    let state = match alarm.state {
        AlarmState::Ok => "is OK",
        AlarmState::Alarm => "is in ALARM",
        AlarmState::InsufficientData => "is in INSUFFICIENT_DATA",
        AlarmState::Missing => "doesn't exist",
    };
    let reason = alarm.reason.as_ref().map(|reason| format!(": {}", shortened(reason))).unwrap_or_default();
    format!("{} {state}{reason}", alarm.name)
}

/// The start of an alarm's reason: the console shows all of it.
fn shortened(reason: &str) -> String {
    match reason.char_indices().nth(MAX_REASON) {
        Some((end, _)) => format!("{}…", reason[..end].trim_end()),
        None => reason.to_owned(),
    }
}

/// Compares the metrics of green's customers with the limits and with blue's.
fn check_customers(
    blue: &Result<RequestMetrics, String>,
    green: &Result<RequestMetrics, String>,
    limits: &Limits,
) -> [Check; 3] {
    let (requests, errors, latency) = match known(green).and_then(|green| Ok((green, request_count(green)?))) {
        Ok((green, requests)) => (
            judge_requests(requests, limits),
            judge_errors(blue, green, requests, limits).unwrap_or_else(inconclusive),
            judge_latency(blue, green, requests, limits).unwrap_or_else(inconclusive),
        ),
        // The first check says why.
        Err(why) => (inconclusive(why), inconclusive("unknown".to_owned()), inconclusive("unknown".to_owned())),
    };
    [check(REQUESTS, requests), check(ERRORS, errors), check(LATENCY, latency)]
}

fn judge_requests(requests: f64, limits: &Limits) -> Finding {
    if enough(requests, limits) {
        (Verdict::Pass, format!("{} in green", count(requests)))
    } else {
        inconclusive(format!("{} in green (min {})", count(requests), limits.least_requests))
    }
}

fn judge_errors(
    blue: &Result<RequestMetrics, String>,
    green: &RequestMetrics,
    requests: f64,
    limits: &Limits,
) -> Result<Finding, String> {
    let percent = error_percent(green)?;
    let reading = format!("{} of {} failed in green", percentage(percent), count(requests));
    let max = limits.max_error_percent;
    let with_limit = format!("{reading} (max {max} %)");
    let within = percent <= max;
    if !enough(requests, limits) {
        let is_broken = percent >= BROKEN_PERCENT || percent > BROKEN_FACTOR * max;
        return Ok(match !within && is_broken && requests >= MIN_REQUESTS_TO_FAIL {
            true => (Verdict::Fail, with_limit),
            false => inconclusive(format!("{reading}: too few requests")),
        });
    }
    if !within {
        return Ok((Verdict::Fail, with_limit));
    }
    let blue = known(blue).and_then(|blue| Ok((request_count(blue)?, error_percent(blue)?)));
    let (blue_requests, blue_percent) = blue.map_err(|why| format!("{reading}; blue: {why}"))?;
    if blue_requests == 0.0 || !enough(blue_requests, limits) {
        return Ok((Verdict::Pass, with_limit));
    }
    let max = blue_percent + limits.error_margin_percent;
    let compared = format!("{reading}, {} in blue (max {})", percentage(blue_percent), percentage(max));
    Ok((pass_if(percent <= max), compared))
}

fn judge_latency(
    blue: &Result<RequestMetrics, String>,
    green: &RequestMetrics,
    requests: f64,
    limits: &Limits,
) -> Result<Finding, String> {
    let Some(green_p99) = p99(green)? else {
        // Only if `least_requests` is 0.
        let is_idle = requests == 0.0 && enough(requests, limits);
        let finding = (Verdict::Pass, "no requests in green".to_owned());
        return Ok(if is_idle { finding } else { inconclusive("no p99 for green".to_owned()) });
    };
    let reading = format!("p99 {green_p99:.0} ms in green");
    if !enough(requests, limits) {
        return Ok(inconclusive(format!("{reading}, of {}: too few requests", count(requests))));
    }
    let with_limit = format!("{reading} (max {} ms)", limits.max_latency_ms);
    let within = green_p99 <= limits.max_latency_ms;
    if !within {
        return Ok((Verdict::Fail, with_limit));
    }
    let blue = known(blue).and_then(|blue| Ok((request_count(blue)?, p99(blue)?)));
    let (blue_requests, blue_p99) = blue.map_err(|why| format!("{reading}; blue: {why}"))?;
    let Some(blue_p99) = blue_p99.filter(|_| enough(blue_requests, limits)) else {
        return Ok((Verdict::Pass, with_limit));
    };
    let max = blue_p99 * limits.latency_factor + limits.latency_slack_ms;
    Ok((pass_if(green_p99 <= max), format!("{reading}, {blue_p99:.0} ms in blue (max {max:.0} ms)")))
}

/// The number of requests, if it is a valid count.
fn request_count(metrics: &RequestMetrics) -> Result<f64, String> {
    let is_valid = metrics.requests.is_finite() && metrics.requests >= 0.0;
    if is_valid { Ok(metrics.requests) } else { Err(invalid(&format!("{} requests", metrics.requests))) }
}

/// The error rate in percent, if it is valid; 0 without requests.
fn error_percent(metrics: &RequestMetrics) -> Result<f64, String> {
    let requests = request_count(metrics)?;
    if !(0.0..=requests * (1.0 + ROUNDING)).contains(&metrics.errors) {
        return Err(invalid(&format!("{} failed of {}", metrics.errors, count(requests))));
    }
    Ok(if requests > 0.0 { 100.0 * metrics.errors / requests } else { 0.0 })
}

/// The p99 latency, if it is a valid time.
fn p99(metrics: &RequestMetrics) -> Result<Option<f64>, String> {
    match metrics.p99_ms {
        Some(p99) if p99.is_nan() => Err("CloudWatch doesn't report the p99".to_owned()),
        Some(p99) if p99.is_infinite() || p99 < 0.0 => Err(invalid(&format!("a p99 of {p99} ms"))),
        p99 => Ok(p99),
    }
}

fn known(metrics: &Result<RequestMetrics, String>) -> Result<&RequestMetrics, String> {
    metrics.as_ref().map_err(Clone::clone)
}

fn enough(requests: f64, limits: &Limits) -> bool {
    requests >= limits.least_requests as f64
}

fn pass_if(within: bool) -> Verdict {
    if within { Verdict::Pass } else { Verdict::Fail }
}

fn inconclusive(why: String) -> Finding {
    (Verdict::Inconclusive, why)
}

fn invalid(what: &str) -> String {
    format!("invalid metrics: {what}")
}

fn count(requests: f64) -> String {
    format!("{requests:.0} request{}", if requests.round() == 1.0 { "" } else { "s" })
}

/// Two decimals below 10 %, so that small differences are visible.
fn percentage(percent: f64) -> String {
    if percent < 10.0 { format!("{percent:.2} %") } else { format!("{percent:.1} %") }
}

#[cfg(test)]
pub(crate) mod tests;
