//! Words for actions and times.

use std::time::Duration;

use console::{StyledObject, style};

use crate::engine::{Action, StepError};

/// `creating`, `updating` ...
pub fn doing(action: Action) -> &'static str {
    match action {
        Action::Unchanged => "checking",
        Action::Create => "creating",
        Action::Adopt => "adopting",
        Action::Update => "updating",
        Action::Replace => "replacing",
        Action::Delete => "deleting",
        Action::Leave => "leaving",
        Action::Forget => "forgetting",
    }
}

/// `created`, `updated` ...
pub fn done(action: Action) -> &'static str {
    match action {
        Action::Unchanged => "unchanged",
        Action::Create => "created",
        Action::Adopt => "adopted",
        Action::Update => "updated",
        Action::Replace => "replaced",
        Action::Delete => "deleted",
        Action::Leave => "left",
        Action::Forget => "forgotten",
    }
}

/// [`done`] in the action's colour.
pub fn coloured(action: Action) -> StyledObject<&'static str> {
    let word = style(done(action)).for_stderr();
    match action {
        Action::Create | Action::Adopt => word.green(),
        Action::Update => word.yellow(),
        Action::Replace => word.magenta(),
        Action::Delete => word.red(),
        Action::Unchanged | Action::Leave | Action::Forget => word.dim(),
    }
}

/// The sign of an action in a plan: `+`, `~`, `±`, `-`.
pub fn sign(action: Action) -> &'static str {
    match action {
        Action::Unchanged => " ",
        Action::Create => "+",
        Action::Adopt => "=",
        Action::Update => "~",
        Action::Replace => "±",
        Action::Delete => "-",
        Action::Leave | Action::Forget => "·",
    }
}

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
pub fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// The step error in one line: message, operation, code, request id.
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
