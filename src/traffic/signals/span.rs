//! The time spans and periods of metric queries.

use jiff::Timestamp;

use super::WINDOW;

/// The period of the metrics that load balancers and Lambda report.
const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;
/// About how many values of a metric are read.
const MAX_VALUES: i64 = 1000;

/// The time span of a query, and its period. All in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it starts.
    pub start: i64,
    /// Where it ends.
    pub end: i64,
    /// The length of a period.
    pub period: i64,
}

impl Span {
    /// One value per minute, from the full minute of `since`, at most [`WINDOW`] ago.
    pub fn of_gates(since: Timestamp, now: Timestamp) -> Self {
        let since = since.min(now).max(now - WINDOW);
        Span { start: floor(since, MINUTE), end: end(now), period: MINUTE }
    }

    /// The shortest period that CloudWatch still stores and that gives at most [`MAX_VALUES`]. CloudWatch stores 1-minute
    /// values for 15 days, 5-minute values for 63 and hours for 455. The span starts with a full period, so it may count a
    /// little too much, but misses nothing.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
    pub fn of_writes(since: Timestamp, now: Timestamp) -> Self {
        let age = now.as_second().saturating_sub(since.as_second()).max(0);
        // One day less than CloudWatch stores: the first period starts before `since`.
        let stored = match age {
            _ if age < 14 * DAY => MINUTE,
            _ if age < 62 * DAY => 5 * MINUTE,
            _ => 60 * MINUTE,
        };
        let period = (age / MAX_VALUES / stored + 1) * stored;
        Span { start: floor(since.min(now), period), end: end(now), period }
    }
}

fn floor(time: Timestamp, to: i64) -> i64 {
    time.as_second() - time.as_second().rem_euclid(to)
}

/// Includes the current minute, and another one in case this clock is slow.
fn end(now: Timestamp) -> i64 {
    floor(now, MINUTE) + 2 * MINUTE
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn gates_read_full_minutes_within_the_window() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let now = at(100_030);
        assert_eq!(Span::of_gates(at(100_025), now), Span { start: 100_020, end: 100_140, period: 60 });
        assert_eq!(Span::of_gates(at(99_959), now).start, 99_900);
        assert_eq!(Span::of_gates(at(5), now).start, 99_720);
        // Another machine's clock may be ahead.
        assert_eq!(Span::of_gates(at(200_000), now), Span::of_gates(now, now));
    }

    #[test]
    fn writes_use_the_shortest_stored_period() {
        let now = Timestamp::from_second(1_800_000_030).unwrap();
        for (days, min) in [(0.0, 60), (0.5, 60), (13.0, 60), (16.0, 300), (62.5, 3600), (400.0, 3600)] {
            let since = now - Duration::from_secs_f64(days * DAY as f64);
            let span = Span::of_writes(since, now);
            assert_eq!(span.period % min, 0, "{days} days: {span:?}");
            assert!(span.start <= since.as_second() && span.start > since.as_second() - span.period);
            assert!((span.end - span.start) / span.period <= MAX_VALUES + 2, "{days} days: {span:?}");
        }
        assert_eq!(Span::of_writes(now - Duration::from_secs(600), now).period, 60);
    }
}
