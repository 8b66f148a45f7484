//! The gates.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::cli::watch::scene::Scene;
use crate::cli::watch::style::{DIM, STRONG, mark};
use crate::cli::watch::text::{pad, wrap};
use crate::traffic::check::{ALARMS, Check, Verdict};
use crate::traffic::readings::AlarmState;

/// The width of the longest name.
const NAME: usize = 16;

/// The title, with the worst verdict.
pub fn title(scene: &Scene) -> Line<'static> {
    let Some(sample) = scene.sample else { return Line::from(" Gates ").style(STRONG) };
    let verdict = sample.snapshot.verdict;
    let text = match verdict {
        Verdict::Pass => "green is healthy",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Fail => "green is unhealthy",
    };
    let (mark, style) = mark(verdict);
    Line::from(vec![Span::styled(" Gates ", STRONG), Span::styled(format!("{mark} {text} "), style)])
}

/// The checks, each with its mark and reading.
pub fn lines(scene: &Scene, columns: usize, large: bool) -> Vec<Line<'static>> {
    let Some(sample) = scene.sample else { return vec![Line::styled("…", DIM)] };
    let space = columns.saturating_sub(NAME + 2);
    let mut lines = Vec::new();
    for check in &sample.snapshot.checks {
        // A check that doesn't pass may take two lines.
        let max = if large && check.verdict != Verdict::Pass { 2 } else { 1 };
        let (mark, style) = mark(check.verdict);
        let text = if check.verdict == Verdict::Pass { Style::new() } else { style };
        for (at, reading) in wrap(&reading(scene, check), space, max).into_iter().enumerate() {
            let (mark, label) = if at == 0 { (mark, check.name.as_str()) } else { (" ", "") };
            let label = Span::raw(pad(label, NAME));
            lines.push(Line::from(vec![Span::styled(format!("{mark} "), style), label, Span::styled(reading, text)]));
        }
    }
    lines
}

/// The reading of a check; for alarms also how many are OK.
fn reading(scene: &Scene, check: &Check) -> String {
    let alarms = scene.sample.and_then(|sample| sample.snapshot.readings.alarms.as_ref().ok());
    match alarms.filter(|_| check.name == ALARMS && check.verdict != Verdict::Pass) {
        Some(alarms) => {
            let ok = alarms.iter().filter(|alarm| alarm.state == AlarmState::Ok).count();
            format!("{ok} of {} OK; {}", alarms.len(), check.reading)
        }
        None => check.reading.clone(),
    }
}
