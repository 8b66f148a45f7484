//! Gates: whether green is fit for the customers that it has, and for more of them.
//!
//! What was read is judged, not trusted: a metric can be missing, late, or not a number. A check passes only where that
//! is shown, so all comparisons ask whether a value is within its limit, which not-a-number never is.

use serde::{Deserialize, Serialize};

use super::event::{Check, ERRORS, LATENCY, REQUESTS, Verdict};
use super::share::Share;

/// What green is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Requests that green has to have served before it is judged. Zero: a green without any is fine.
    pub least_requests: u64,
    /// The most of green's requests that may fail, percent.
    pub max_error_percent: f64,
    /// How much more of them may fail than of blue's, in percent of the requests.
    pub error_margin_percent: f64,
    /// The longest that green's p99 may be, ms.
    pub max_latency_ms: f64,
    /// How many times blue's p99 green's may be ...
    pub latency_factor: f64,
    /// ... and how much more on top of that, ms.
    pub latency_slack_ms: f64,
    /// Healthy ones of the targets in each group of green's, percent. One has to be healthy in any case.
    pub least_healthy_percent: u8,
}

/// What was read of AWS; `Err` says why something couldn't be.
#[derive(Clone, Debug, PartialEq)]
pub struct Readings {
    /// Green's target groups; none where there is no load balancer.
    pub targets: Vec<Result<Targets, String>>,
    /// The alarms that say that green's customers suffer.
    pub alarms: Result<Vec<AlarmReading>, String>,
    /// What blue's customers get.
    pub blue: Result<Reading, String>,
    /// What green's customers get.
    pub green: Result<Reading, String>,
}

/// A target group. Targets that are on their way out, or that no request can reach, aren't counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// Which: `blue edge` for green's group on blue's load balancer.
    pub group: String,
    /// They pass their health checks.
    pub healthy: u32,
    /// They don't.
    pub unhealthy: u32,
    /// They haven't been checked often enough.
    pub initial: u32,
    /// Nobody knows how they are, for example as nobody checks.
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
    /// Why it is in that state.
    pub reason: Option<String>,
}

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmState {
    /// Nothing is wrong.
    Ok,
    /// It goes off.
    Alarm,
    /// It has too little to tell by.
    InsufficientData,
    /// There is no such alarm.
    Missing,
}

/// What the customers of an environment got over some minutes, as the metrics say it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Requests.
    pub requests: f64,
    /// Those of them that failed.
    pub errors: f64,
    /// The time within which 99 % of the requests were answered, ms; `None` where there was none to time, not a number
    /// where CloudWatch doesn't tell.
    pub p99_ms: Option<f64>,
}

/// Too few requests to judge by are enough to see that green is broken, from this number on: customers shouldn't suffer
/// until there are enough of them.
const FEW: f64 = 10.0;
/// Green is broken if so many percent of its requests fail, or so many times what may.
const BROKEN_PERCENT: f64 = 50.0;
const BROKEN_TIMES: f64 = 10.0;
/// Of an alarm's reason, characters.
const LONGEST_REASON: usize = 120;
/// By how much sums of counts may be off.
const ROUNDING: f64 = 1e-9;

/// Looks at green by all that was read. Where green has no customers, there is nothing that they could get.
pub fn judge(readings: &Readings, limits: &Limits, green: Share) -> Vec<Check> {
    let mut checks = Vec::new();
    if !readings.targets.is_empty() {
        checks.push(healthy_targets(&readings.targets, limits));
    }
    checks.push(alarms(&readings.alarms));
    if green > Share::BLUE {
        checks.extend(customers(&readings.blue, &readings.green, limits));
    }
    checks
}

/// What all checks say together: the worst of them.
pub fn verdict(checks: &[Check]) -> Verdict {
    checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Pass)
}

/// What a check found: a verdict, and the reading that led to it.
type Found = (Verdict, String);

fn check(name: &str, (verdict, reading): Found) -> Check {
    Check { name: name.to_owned(), verdict, reading }
}

fn healthy_targets(groups: &[Result<Targets, String>], limits: &Limits) -> Check {
    let found: Vec<Found> = groups
        .iter()
        .map(|group| match group {
            Ok(targets) => targets.judge(limits),
            Err(why) => inconclusive(why.clone()),
        })
        .collect();
    let worst = found.iter().map(|(verdict, _)| *verdict).max().unwrap_or(Verdict::Pass);
    let readings: Vec<_> = found.into_iter().map(|(_, reading)| reading).collect();
    check("healthy targets", (worst, readings.join("; ")))
}

impl Targets {
    fn judge(&self, limits: &Limits) -> Found {
        let (healthy, unhealthy) = (u64::from(self.healthy), u64::from(self.unhealthy));
        let known = healthy + unhealthy;
        let all = known + u64::from(self.initial) + u64::from(self.unavailable);
        let enough = |of: u64| healthy > 0 && healthy * 100 >= u64::from(limits.least_healthy_percent) * of;
        let because = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        if all == 0 {
            return (Verdict::Fail, format!("{}: no targets{because}", self.group));
        }
        let said = format!("{}: {healthy} of {all} healthy", self.group);
        if enough(all) {
            (Verdict::Pass, said)
        } else if known > 0 && !enough(known) {
            let least = limits.least_healthy_percent;
            (Verdict::Fail, format!("{said}, {unhealthy} unhealthy (at least {least} % healthy){because}"))
        } else {
            inconclusive(format!("{said}, {} not known yet{because}", all - known))
        }
    }
}

fn alarms(alarms: &Result<Vec<AlarmReading>, String>) -> Check {
    let found = match alarms {
        Err(why) => inconclusive(why.clone()),
        Ok(alarms) if alarms.is_empty() => (Verdict::Pass, "there are none".to_owned()),
        Ok(alarms) => {
            let describe = |wanted: fn(&AlarmReading) -> bool| {
                let words: Vec<_> = alarms.iter().filter(|alarm| wanted(alarm)).map(AlarmReading::describe).collect();
                (!words.is_empty()).then(|| words.join("; "))
            };
            let off = describe(|alarm| alarm.state == AlarmState::Alarm);
            let unknown = describe(|alarm| alarm.state != AlarmState::Ok);
            match (off, unknown) {
                (Some(off), _) => (Verdict::Fail, off),
                (None, Some(unknown)) => inconclusive(unknown),
                (None, None) => (Verdict::Pass, format!("{} in OK", alarms.len())),
            }
        }
    };
    check("alarms", found)
}

impl AlarmReading {
    fn describe(&self) -> String {
        let state = match self.state {
            AlarmState::Ok => "is in OK",
            AlarmState::Alarm => "is in ALARM",
            AlarmState::InsufficientData => "is in INSUFFICIENT_DATA",
            AlarmState::Missing => "isn't there",
        };
        let because = self.reason.as_ref().map(|reason| format!(": {}", short(reason))).unwrap_or_default();
        format!("{} {state}{because}", self.name)
    }
}

/// The beginning of what CloudWatch says at length: all of it is in the console.
fn short(reason: &str) -> String {
    match reason.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}…", reason[..end].trim_end()),
        None => reason.to_owned(),
    }
}

/// What green's customers get, next to what blue's do.
fn customers(blue: &Result<Reading, String>, green: &Result<Reading, String>, limits: &Limits) -> [Check; 3] {
    let (requests, errors, latency) = match known(green).and_then(|green| Ok((green, green.count()?))) {
        Ok((green, requests)) => (
            judge_requests(requests, limits),
            judge_errors(blue, green, requests, limits).unwrap_or_else(inconclusive),
            judge_latency(blue, green, requests, limits).unwrap_or_else(inconclusive),
        ),
        // Said once.
        Err(why) => (inconclusive(why), inconclusive("not known".to_owned()), inconclusive("not known".to_owned())),
    };
    [check(REQUESTS, requests), check(ERRORS, errors), check(LATENCY, latency)]
}

fn judge_requests(requests: f64, limits: &Limits) -> Found {
    if enough(requests, limits) {
        (Verdict::Pass, format!("{} in green", number(requests)))
    } else {
        inconclusive(format!("{} of the {} that it takes to judge", number(requests), limits.least_requests))
    }
}

fn judge_errors(
    blue: &Result<Reading, String>,
    green: &Reading,
    requests: f64,
    limits: &Limits,
) -> Result<Found, String> {
    let percent = green.error_percent()?;
    let said = format!("{} of {} failed in green", percents(percent), number(requests));
    let most = limits.max_error_percent;
    let alone = format!("{said} (most {most} %)");
    let within = percent <= most;
    if !enough(requests, limits) {
        let broken = percent >= BROKEN_PERCENT || percent > BROKEN_TIMES * most;
        let few = format!("{said}: too few to judge");
        return Ok(if !within && broken && requests >= FEW { (Verdict::Fail, alone) } else { inconclusive(few) });
    }
    if !within {
        return Ok((Verdict::Fail, alone));
    }
    let blue = known(blue).and_then(|blue| Ok((blue.count()?, blue.error_percent()?)));
    let (of, in_blue) = blue.map_err(|why| format!("{said}; of blue: {why}"))?;
    if of == 0.0 || !enough(of, limits) {
        return Ok((Verdict::Pass, alone));
    }
    let most = in_blue + limits.error_margin_percent;
    let beside = format!("{said}, {} in blue (most {})", percents(in_blue), percents(most));
    Ok((pass_if(percent <= most), beside))
}

fn judge_latency(
    blue: &Result<Reading, String>,
    green: &Reading,
    requests: f64,
    limits: &Limits,
) -> Result<Found, String> {
    let Some(p99) = green.p99()? else {
        // Only where people say that green needs no customers to be judged.
        let idle = requests == 0.0 && enough(requests, limits);
        let none = "no p99 is known of green".to_owned();
        return Ok(if idle { (Verdict::Pass, "nothing to time in green".to_owned()) } else { inconclusive(none) });
    };
    let said = format!("p99 {p99:.0} ms in green");
    if !enough(requests, limits) {
        return Ok(inconclusive(format!("{said}, of {}: too few to judge", number(requests))));
    }
    let alone = format!("{said} (most {} ms)", limits.max_latency_ms);
    let within = p99 <= limits.max_latency_ms;
    if !within {
        return Ok((Verdict::Fail, alone));
    }
    let blue = known(blue).and_then(|blue| Ok((blue.count()?, blue.p99()?)));
    let (of, in_blue) = blue.map_err(|why| format!("{said}; of blue: {why}"))?;
    let Some(in_blue) = in_blue.filter(|_| enough(of, limits)) else { return Ok((Verdict::Pass, alone)) };
    let most = in_blue * limits.latency_factor + limits.latency_slack_ms;
    Ok((pass_if(p99 <= most), format!("{said}, {in_blue:.0} ms in blue (most {most:.0} ms)")))
}

impl Reading {
    /// The requests, if they can be a count.
    fn count(&self) -> Result<f64, String> {
        let counts = self.requests.is_finite() && self.requests >= 0.0;
        if counts { Ok(self.requests) } else { Err(nonsense(&format!("{} requests", self.requests))) }
    }

    /// How many percent of the requests failed, if that can be. Of none, none did.
    fn error_percent(&self) -> Result<f64, String> {
        let requests = self.count()?;
        if !(0.0..=requests * (1.0 + ROUNDING)).contains(&self.errors) {
            return Err(nonsense(&format!("{} failed of {}", self.errors, number(requests))));
        }
        Ok(if requests > 0.0 { 100.0 * self.errors / requests } else { 0.0 })
    }

    /// The p99, if it can be a time.
    fn p99(&self) -> Result<Option<f64>, String> {
        match self.p99_ms {
            Some(p99) if p99.is_nan() => Err("CloudWatch doesn't tell the p99".to_owned()),
            Some(p99) if p99.is_infinite() || p99 < 0.0 => Err(nonsense(&format!("a p99 of {p99} ms"))),
            p99 => Ok(p99),
        }
    }
}

/// Without what could not be read.
fn known(reading: &Result<Reading, String>) -> Result<&Reading, String> {
    reading.as_ref().map_err(Clone::clone)
}

fn enough(requests: f64, limits: &Limits) -> bool {
    requests >= limits.least_requests as f64
}

fn pass_if(within: bool) -> Verdict {
    if within { Verdict::Pass } else { Verdict::Fail }
}

fn inconclusive(why: String) -> Found {
    (Verdict::Inconclusive, why)
}

fn nonsense(what: &str) -> String {
    format!("the metrics make no sense: {what}")
}

fn number(requests: f64) -> String {
    format!("{requests:.0} request{}", if requests.round() == 1.0 { "" } else { "s" })
}

/// With as many digits as it takes to see a difference.
fn percents(percent: f64) -> String {
    if percent < 10.0 { format!("{percent:.2} %") } else { format!("{percent:.1} %") }
}

#[cfg(test)]
pub(crate) mod tests;
