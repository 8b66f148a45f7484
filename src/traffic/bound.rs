//! The failback bound: the longest time until an automatic failback has moved all customers to blue.

use std::fmt;
use std::time::Duration;

/// The longest time that a failback may take, by the requirement.
pub const LIMIT: Duration = Duration::from_secs(300);

/// One phase of a failback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// `detect`, `act`, `verify`, `DNS`.
    pub name: &'static str,
    /// Its longest duration.
    pub takes: Duration,
    /// What happens in it.
    pub by: String,
}

/// The longest duration of an automatic failback, by phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The phases, in order.
    pub terms: Vec<Term>,
}

impl Bound {
    /// The bound of a system whose load balancers split the traffic, and whose customer alarms go off after this many bad
    /// minutes.
    pub fn of_listeners(alarm_minutes: u32) -> Self {
        let dns = RECORDS + PROPAGATION + ALIAS_TTL;
        Bound {
            terms: vec![
                detect(alarm_minutes),
                term(
                    "act",
                    EVENT + LISTENERS - READ_BACK,
                    format!(
                        "EventBridge calls the failback function within {EVENT} s; it writes both edges at the same time"
                    ),
                ),
                term(
                    "verify",
                    READ_BACK,
                    "the function reads back every rule and rewrites those not at blue".to_owned(),
                ),
                term(
                    "DNS",
                    0,
                    format!(
                        "not waited for: both load balancers send all requests to blue by then; new clients connect \
                         through blue's load balancer within {dns} s more"
                    ),
                ),
            ],
        }
    }

    /// The bound of a system whose traffic is split by DNS alone, with this TTL.
    pub fn of_dns(alarm_minutes: u32, ttl_seconds: u32) -> Self {
        Bound {
            terms: vec![
                detect(alarm_minutes),
                term(
                    "act",
                    EVENT + RECORDS,
                    format!("EventBridge calls the failback function within {EVENT} s; it writes the weights"),
                ),
                term("verify", PROPAGATION, "all Route 53 servers have the new weights".to_owned()),
                term(
                    "DNS",
                    ttl_seconds.into(),
                    format!(
                        "cached answers expire; open connections last up to {KEEP_ALIVE} s more. Health checks remove a \
                         dead edge from DNS without any write"
                    ),
                ),
            ],
        }
    }

    /// The sum of all phases.
    pub fn total(&self) -> Duration {
        self.terms.iter().map(|term| term.takes).sum()
    }

    /// True if it is within [`LIMIT`].
    pub fn holds(&self) -> bool {
        self.total() <= LIMIT
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms: Vec<_> = self.terms.iter().map(|term| format!("{} {}", term.name, term.takes.as_secs())).collect();
        write!(f, "{} s ({})", self.total().as_secs(), terms.join(" + "))
    }
}

fn term(name: &'static str, seconds: u64, by: String) -> Term {
    Term { name, takes: Duration::from_secs(seconds), by }
}

fn detect(alarm_minutes: u32) -> Term {
    let minutes = u64::from(alarm_minutes);
    let bad = if minutes == 1 { "1 bad minute".to_owned() } else { format!("{minutes} bad minutes") };
    let by = format!(
        "the alarm needs {bad}, after one that was bad only at its end; metrics arrive up to {METRICS_DELAY} s late"
    );
    term("detect", PARTIAL_MINUTE + minutes * 60 + METRICS_DELAY, by)
}

/// A failure that starts late in a minute may not exceed that minute's threshold.
const PARTIAL_MINUTE: u64 = 60;
/// CloudWatch receives a minute's metrics and evaluates alarms within another minute.
const METRICS_DELAY: u64 = 60;
/// EventBridge delivers within seconds, and a cold start of the function takes seconds.
const EVENT: u64 = 10;
/// The timeouts of `lambda/failback` for the listeners and for the records.
const LISTENERS: u64 = 25;
const RECORDS: u64 = 15;
/// The part of `LISTENERS` that reading back may take.
const READ_BACK: u64 = 10;
/// The time until all Route 53 servers have a change.
const PROPAGATION: u64 = 60;
/// How long load balancers let a client use one connection.
const KEEP_ALIVE: u64 = 60;
/// The TTL of Route 53's alias answers for load balancers.
const ALIAS_TTL: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_allow_two_bad_minutes() {
        assert_eq!(Bound::of_listeners(2).total(), Duration::from_secs(275));
        let holds = |minutes| Bound::of_listeners(minutes).holds();
        assert!(holds(1) && holds(2) && !holds(3));
    }

    #[test]
    fn dns_allows_one_bad_minute_and_a_short_ttl() {
        assert_eq!(Bound::of_dns(1, 20).total(), Duration::from_secs(285));
        assert!(Bound::of_dns(1, 35).holds() && !Bound::of_dns(1, 36).holds() && !Bound::of_dns(2, 1).holds());
    }

    #[test]
    fn failback_function_has_the_same_timeouts() {
        let function = include_str!("../../lambda/failback/failback.mjs");
        assert!(function.contains("LISTENERS_MS = 25_000") && function.contains("DNS_MS = 15_000"));
    }
}
