//! How long it takes at worst until all customers are back at blue although nobody does anything.

use std::fmt;
use std::time::Duration;

/// What a failback may take, by the requirement.
pub const LIMIT: Duration = Duration::from_secs(300);

/// One part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// `detect`, `act`, `verify`, `DNS`.
    pub name: &'static str,
    /// At worst.
    pub takes: Duration,
    /// What takes it.
    pub by: String,
}

/// The worst case of a failback by itself, part by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// One after the other.
    pub terms: Vec<Term>,
}

impl Bound {
    /// Of a system whose load balancers split the traffic, and whose alarms on customers go off after so many bad minutes.
    pub fn of_listeners(alarm_minutes: u32) -> Self {
        Bound {
            terms: vec![
                detect(alarm_minutes),
                term(
                    "act",
                    EVENT + LISTENERS - READ_BACK,
                    format!(
                        "EventBridge calls the failback function within {EVENT} s, which writes to both edges at once"
                    ),
                ),
                term("verify", READ_BACK, "it reads back every rule, and writes again what isn't blue".to_owned()),
                term(
                    "DNS",
                    0,
                    format!(
                        "the listeners decide: a client of either load balancer is at blue by then; new ones come in \
                         by blue's within {} s more",
                        RECORDS + EVERYWHERE + ALIAS_TTL
                    ),
                ),
            ],
        }
    }

    /// Of a system whose traffic a name alone splits: its answers live for so many seconds.
    pub fn of_dns(alarm_minutes: u32, ttl_seconds: u32) -> Self {
        Bound {
            terms: vec![
                detect(alarm_minutes),
                term(
                    "act",
                    EVENT + RECORDS,
                    format!("EventBridge calls the failback function within {EVENT} s, which writes the weights"),
                ),
                term("verify", EVERYWHERE, "all of Route 53's servers know them".to_owned()),
                term(
                    "DNS",
                    ttl_seconds.into(),
                    format!(
                        "clients ask again once their answer is too old; who keeps a connection open stays for {KEEP_ALIVE} s \
                         more at most. An edge that is dead falls out of the answers by its health check, without any write"
                    ),
                ),
            ],
        }
    }

    /// All of it.
    pub fn total(&self) -> Duration {
        self.terms.iter().map(|term| term.takes).sum()
    }

    /// True if it takes no longer than it may.
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
    let bad = if minutes == 1 { "1 bad minute makes".to_owned() } else { format!("{minutes} bad minutes make") };
    let by =
        format!("{bad} an alarm, after one that was bad only at its end; metrics come up to {METRICS_LATE} s late");
    term("detect", FIRST_MINUTE + minutes * 60 + METRICS_LATE, by)
}

/// What begins late in a minute may not make that minute a bad one.
const FIRST_MINUTE: u64 = 60;
/// CloudWatch has a minute's metrics, and evaluates alarms on them, within another one.
const METRICS_LATE: u64 = 60;
/// EventBridge delivers in seconds, and a function that was idle starts in seconds.
const EVENT: u64 = 10;
/// What `lambda/failback` gives itself for the listeners, and for the records.
const LISTENERS: u64 = 25;
const RECORDS: u64 = 15;
/// How much of that reading back may take.
const READ_BACK: u64 = 10;
/// All of Route 53's servers know a change.
const EVERYWHERE: u64 = 60;
/// How long load balancers let a client use one connection.
const KEEP_ALIVE: u64 = 60;
/// Of Route 53's answers for load balancers.
const ALIAS_TTL: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bad_minutes_are_in_time_and_three_are_not() {
        assert_eq!(Bound::of_listeners(2).total(), Duration::from_secs(275));
        let holds = |minutes| Bound::of_listeners(minutes).holds();
        assert!(holds(1) && holds(2) && !holds(3));
    }

    #[test]
    fn a_name_alone_is_in_time_after_one_bad_minute_and_with_short_lived_answers() {
        assert_eq!(Bound::of_dns(1, 20).total(), Duration::from_secs(285));
        assert!(Bound::of_dns(1, 35).holds() && !Bound::of_dns(1, 36).holds() && !Bound::of_dns(2, 1).holds());
    }

    #[test]
    fn the_function_keeps_to_what_is_counted_here() {
        let function = include_str!("../../lambda/failback/failback.mjs");
        assert!(function.contains("LISTENERS_MS = 25_000") && function.contains("DNS_MS = 15_000"));
    }
}
