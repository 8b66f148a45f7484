//! The unfinished shift, or how the last one ended.

use jiff::Timestamp;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::cli::watch::scene::Scene;
use crate::cli::watch::shift_progress::{Phase, ShiftProgress, last_end};
use crate::cli::watch::style::{DIM, ERROR, OK, STRONG, WARNING};
use crate::cli::watch::text::{self, fit, fit_spans};
use crate::report::traffic_events;
use crate::traffic::Share;
use crate::traffic::event::Outcome;
use crate::traffic::weight::LeverKind;

/// The lines of the panel. Their number depends only on the size of the screen.
pub fn lines(scene: &Scene, columns: usize, large: bool) -> Vec<Line<'static>> {
    let mut lines = match scene.shift() {
        Some(shift) => vec![steps(shift, columns), phase(shift, scene.now, columns), start(shift, scene.now, columns)],
        None => {
            let last = last_end(scene.entries).map(|(at, text)| format!("last, {}: {text}", text::time(at, scene.now)));
            let last = last.map(|last| Line::styled(fit(&last, columns), DIM));
            [Some(Line::from("no shift in progress")), last].into_iter().flatten().collect()
        }
    };
    lines.resize(if large { 3 } else { 2 }, Line::raw(""));
    lines
}

/// `from 0 % ── ✓ 10 % ── ▶ 50 % ── ○ 100 %`
fn steps(progress: &ShiftProgress, columns: usize) -> Line<'static> {
    let shift = &progress.shift;
    let mut spans = vec![Span::styled(format!("from {}", shift.from), DIM)];
    for step in shift.steps.all() {
        let done = shift.done.is_some_and(|done| *step <= done) || *step < shift.at;
        let (mark, style) = match () {
            () if done => ("✓", OK),
            () if *step == shift.at => ("▶", STRONG),
            () => ("○", DIM),
        };
        spans.push(Span::styled(" ── ", DIM));
        spans.push(Span::styled(format!("{mark} {step}"), style));
    }
    fit_spans(spans, columns)
}

/// The current activity, and what it waits for.
fn phase(progress: &ShiftProgress, now: Timestamp, columns: usize) -> Line<'static> {
    let failing = progress.failing_checks.as_deref();
    let text = |text: String, style| vec![Span::styled(text, style)];
    let spans = match &progress.phase {
        Phase::CheckingGates => match failing {
            Some(failing) => text(format!("? waiting for gates: {failing}"), WARNING),
            None => text("checking gates".to_owned(), Style::new()),
        },
        Phase::Writing(LeverKind::Listeners, to) => text(format!("writing listeners: green {to}"), STRONG),
        Phase::Writing(LeverKind::Dns, to) => text(format!("writing DNS: green {to}"), STRONG),
        Phase::Holding { green, since, until } => holding(*green, [*since, *until], now, failing),
        Phase::StepDone(green) => text(format!("✓ step {green} completed"), OK),
        Phase::RollingBack(to, because) => text(format!("✗ rolling back to {to}: {because}"), ERROR),
        Phase::FailingBack => text("failing back: all traffic to blue".to_owned(), ERROR),
        Phase::HoldRequested => text("hold requested: takes effect at the next check".to_owned(), WARNING),
        Phase::Stopped(outcome, because) => {
            let because = because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
            let style = if *outcome == Outcome::Failed { ERROR } else { WARNING };
            text(format!("‖ {}{because}", traffic_events::outcome_name(*outcome)), style)
        }
        Phase::Died => text("✗ interrupted: its process has died; the weights stay".to_owned(), ERROR),
    };
    fit_spans(spans, columns)
}

fn holding(green: Share, [since, until]: [Timestamp; 2], now: Timestamp, failing: Option<&str>) -> Vec<Span<'static>> {
    let total = until.duration_since(since).unsigned_abs();
    let elapsed = now.duration_since(since).unsigned_abs().min(total);
    let since = since.strftime("%H:%M:%S UTC");
    let mut spans = vec![Span::styled(format!("holding {green}"), STRONG), Span::raw(format!(" since {since}  "))];
    if now < until {
        const BAR: usize = 12;
        let part = if total.is_zero() { 1.0 } else { elapsed.as_secs_f64() / total.as_secs_f64() };
        let full = ((part * BAR as f64) as usize).min(BAR);
        spans.push(Span::styled("━".repeat(full), OK));
        spans.push(Span::styled("─".repeat(BAR - full), DIM));
        spans.push(Span::raw(format!("  {} left of {}", text::duration(total - elapsed), text::duration(total))));
        if let Some(failing) = failing {
            spans.push(Span::styled(format!("; ? {failing}"), WARNING));
        }
    } else if let Some(failing) = failing {
        spans.push(Span::styled(format!("? waiting for gates: {failing}"), WARNING));
    } else {
        spans.push(Span::raw(format!("for {}", text::duration(total))));
    }
    spans
}

fn start(progress: &ShiftProgress, now: Timestamp, columns: usize) -> Line<'static> {
    let shift = &progress.shift;
    let reason = shift.reason.as_ref().map(|reason| format!(", reason: {reason}")).unwrap_or_default();
    let (user, host, process) = (&shift.by.user, &shift.by.host, shift.by.process);
    let text = format!("started {} by {user}@{host}, process {process}{reason}", text::time(shift.started, now));
    Line::styled(fit(&text, columns), DIM)
}
