//! Text formats that several layers share: durations, counts, errors in one line.

use std::time::Duration;

use crate::engine::StepError;

/// `3.2 s`, `45 s`, `8 min`, `1 h 5 min`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..90 => format!("{seconds} s"),
        90..3600 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `1 step`, `3 steps`.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// A step error in one line: operation, message, code, request id.
pub fn step_error(error: &StepError) -> String {
    let mut text = String::new();
    if let Some(operation) = &error.operation {
        text += operation;
        text += ": ";
    }
    text += &error.message;
    let details = [("code", &error.code), ("request id", &error.request_id)];
    let details: Vec<_> =
        details.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?))).collect();
    if !details.is_empty() {
        text += &format!(" ({})", details.join(", "));
    }
    text
}
