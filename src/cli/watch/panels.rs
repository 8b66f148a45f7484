//! What is in each panel.

use std::collections::VecDeque;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::in_progress::{Phase, UnderWay, last_end};
use super::look::Series;
use super::screen::{Command, Pen, Scene, cut};
use super::strokes;
use super::strokes::{
    BLUE, DOUBT, GREEN, QUIET, STRONG, WELL, WRONG, bar, big, fit, mark, pad, pad_left, percents, sparkline, width,
    wrap,
};
use crate::report::traffic_events;
use crate::traffic::Share;
use crate::traffic::check::{Check, Verdict};
use crate::traffic::event::{Outcome, TrafficEvent};
use crate::traffic::history::{Actor, Entry};
use crate::traffic::readings::AlarmState;
use crate::traffic::share::Split;
use crate::traffic::weight::LeverKind;

/// A row of the weights: its lever, and its weights unless they can't be read.
type Row = (String, Option<Split>);

/// How many levers are shown at most.
const LEVERS: usize = 6;
/// How many lines the customers take: a title, requests, errors, latency.
pub const CUSTOMERS: usize = 4;
/// What is said beside them where there is room: a blank, how long a failback takes, and of what that is made.
const BOUND: usize = 3;

fn rows(scene: &Scene) -> Vec<Row> {
    let levers = scene.look.map(|look| look.picture.levers.as_slice()).unwrap_or_default();
    let mut rows = Vec::new();
    for (lever, weights) in levers {
        match weights {
            Ok(weights) => rows.extend(weights.iter().map(|weight| (weight.lever.clone(), Some(weight.split)))),
            Err(_) => rows.push((lever.clone(), None)),
        }
    }
    rows
}

/// How many lines the traffic takes.
pub fn traffic_lines(scene: &Scene, roomy: bool) -> usize {
    let levers = rows(scene).len().clamp(3, LEVERS);
    if roomy { (4 + levers).max(CUSTOMERS + BOUND) } else { levers.min(4) }
}

/// Who serves how much, by each lever.
pub fn draw_traffic(scene: &Scene, pen: Pen, frame: &mut Frame, area: Rect) {
    let green = scene.look.and_then(|look| look.picture.green);
    let said = match (scene.look, green) {
        (None, _) => "…".to_owned(),
        (_, Some(green)) => format!("green serves {green}"),
        (_, None) => "the levers don't agree".to_owned(),
    };
    let (title, bound) = match pen.roomy {
        true => (Line::from(" Traffic ").style(STRONG), None),
        false => (
            Line::from(vec![Span::styled(" Traffic: ", STRONG), Span::styled(format!("{said} "), GREEN.patch(STRONG))]),
            scene.bound.map(|bound| {
                Line::from(format!(" a failback by itself: {} s at worst ", bound.total().as_secs())).style(QUIET)
            }),
        ),
    };
    let inner = pen.panel(frame, area, title, bound);
    let (wide, high) = (usize::from(inner.width), usize::from(inner.height));
    let mut lines = Vec::new();
    if pen.roomy {
        let percent = green.map_or("?".to_owned(), |green| format!("{}%", green.percent()));
        let blue = green.map(|green| format!("blue serves {} %", 100 - green.percent())).unwrap_or_default();
        let beside =
            [Span::styled(said, GREEN.patch(STRONG)), Span::styled(blue, BLUE), Span::styled("of the requests", QUIET)];
        for (digits, beside) in big(&percent).into_iter().zip(beside) {
            lines.push(Line::from(vec![Span::raw(" "), Span::styled(digits, GREEN), Span::raw("   "), beside]));
        }
        lines.push(Line::raw(""));
    }
    let rows = rows(scene);
    let room = high.saturating_sub(lines.len()).max(1);
    let shown = if rows.len() > room { room - 1 } else { rows.len() };
    let name = rows.iter().map(|(lever, _)| width(lever)).max().unwrap_or(0).min(wide / 2);
    lines.extend(rows.iter().take(shown).map(|row| weights(row, name, wide)));
    if shown < rows.len() {
        lines.push(Line::styled(format!("and {} more", rows.len() - shown), QUIET));
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

fn weights((lever, split): &Row, name: usize, wide: usize) -> Line<'static> {
    let lever = Span::raw(pad(lever, name));
    let Some(split) = *split else { return cut(vec![lever, Span::styled("  ? can't be read", WRONG)], wide) };
    let Some((blue, green)) = percents(split) else {
        return cut(vec![lever, Span::styled("  both weights are zero", WRONG)], wide);
    };
    let left = wide.saturating_sub(name + 2 * PERCENT + 4);
    let mut spans = vec![lever, Span::styled(format!(" {} ", pad_left(&blue, PERCENT)), BLUE)];
    spans.extend(bar(split, left));
    spans.push(Span::styled(format!(" {}", pad_left(&green, PERCENT)), GREEN));
    cut(spans, wide)
}

/// The width of `99.9 %`.
const PERCENT: usize = 6;

/// A label, which values are drawn, and how one of them is said.
type Drawn = (&'static str, fn(&Series) -> &VecDeque<Option<f64>>, fn(f64) -> String);

/// What customers get, blue's next to green's.
pub fn draw_customers(scene: &Scene, pen: Pen, frame: &mut Frame, area: Rect) {
    let title = Line::from(vec![Span::styled(" Customers ", STRONG), Span::styled("in the last 5 minutes ", QUIET)]);
    let inner = pen.panel(frame, area, title, None);
    let wide = usize::from(inner.width);
    let half = wide.saturating_sub(LABEL) / 2;
    let head =
        |name: &str, style: Style| Span::styled(pad(&format!("{} {name}", " ".repeat(2)), half), style.patch(STRONG));
    let mut lines = vec![Line::from(vec![Span::raw(" ".repeat(LABEL)), head("blue", BLUE), head("green", GREEN)])];
    let rows: [Drawn; 3] = [
        (
            "requests/min",
            |series| &series.requests,
            |value| if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") },
        ),
        (
            "errors",
            |series| &series.errors,
            |value| if value < 10.0 { format!("{value:.2} %") } else { format!("{value:.1} %") },
        ),
        ("p99", |series| &series.p99, |value| format!("{value:.0} ms")),
    ];
    for (label, of, text) in rows {
        let mut spans = vec![Span::raw(pad(label, LABEL))];
        for (series, style) in [(&scene.trail.blue, BLUE), (&scene.trail.green, GREEN)] {
            let values = of(series);
            let last = values.back().copied().flatten().map_or("–".to_owned(), text);
            let line = sparkline(values.iter(), half.saturating_sub(VALUE + 2));
            spans.push(Span::raw(format!("{} ", pad_left(&last, VALUE))));
            spans.push(Span::styled(format!("{line} "), style));
        }
        lines.push(cut(spans, wide));
    }
    if let Some(bound) = scene.bound {
        let terms: Vec<_> = bound.terms.iter().map(|term| format!("{} {}", term.name, term.takes.as_secs())).collect();
        let total = format!("{} s at worst", bound.total().as_secs());
        lines.push(Line::raw(""));
        lines.push(cut(vec![Span::raw("a failback by itself takes "), Span::styled(total, STRONG)], wide));
        lines.push(Line::styled(fit(&format!("= {} s", terms.join(" + ")), wide), QUIET));
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

/// The width of `requests/min`, and a blank.
const LABEL: usize = 13;
/// The width of `100.0 %`, `12345 ms`.
const VALUE: usize = 8;

/// The gates' title: what they say together.
pub fn gates_title(scene: &Scene) -> Line<'static> {
    let Some(look) = scene.look else { return Line::from(" Gates ").style(STRONG) };
    let (verdict, word) = match look.picture.verdict {
        verdict @ Verdict::Pass => (verdict, "green is well"),
        verdict @ Verdict::Inconclusive => (verdict, "nothing can be said yet"),
        verdict @ Verdict::Fail => (verdict, "green isn't well"),
    };
    let (mark, style) = mark(verdict);
    Line::from(vec![Span::styled(" Gates ", STRONG), Span::styled(format!("{mark} {word} "), style)])
}

/// The gates, each with its mark and its reading.
pub fn gates(scene: &Scene, wide: usize, roomy: bool) -> Vec<Line<'static>> {
    let Some(look) = scene.look else { return vec![Line::styled("…", QUIET)] };
    let name = 16;
    let room = wide.saturating_sub(name + 2);
    let mut lines = Vec::new();
    for check in &look.picture.checks {
        // Who isn't well is worth another line.
        let most = if roomy && check.verdict != Verdict::Pass { 2 } else { 1 };
        let (mark, style) = mark(check.verdict);
        let text = if check.verdict == Verdict::Pass { Style::new() } else { style };
        for (at, reading) in wrap(&reading(scene, check), room, most).into_iter().enumerate() {
            let (mark, label) = if at == 0 { (mark, check.name.as_str()) } else { (" ", "") };
            let label = Span::raw(pad(label, name));
            lines.push(Line::from(vec![Span::styled(format!("{mark} "), style), label, Span::styled(reading, text)]));
        }
    }
    lines
}

/// Of alarms also how many are as they should be.
fn reading(scene: &Scene, check: &Check) -> String {
    let alarms = scene.look.and_then(|look| look.picture.readings.alarms.as_ref().ok());
    match alarms.filter(|_| check.name == "alarms" && check.verdict != Verdict::Pass) {
        Some(alarms) => {
            let ok = alarms.iter().filter(|alarm| alarm.state == AlarmState::Ok).count();
            format!("{ok} of {} OK; {}", alarms.len(), check.reading)
        }
        None => check.reading.clone(),
    }
}

/// The shift that isn't over, or how the last one went. Always the same number of lines.
pub fn shift(scene: &Scene, wide: usize, roomy: bool) -> Vec<Line<'static>> {
    let mut lines = match scene.shift() {
        Some(shift) => vec![steps(shift, wide), phase(shift, scene.now, wide), begun(shift, scene.now, wide)],
        None => {
            let last = last_end(scene.entries).map(|(at, text)| format!("last, {}: {text}", time(at, scene.now)));
            let last = last.map(|last| Line::styled(fit(&last, wide), QUIET));
            [Some(Line::from("no shift is under way")), last].into_iter().flatten().collect()
        }
    };
    lines.resize(if roomy { 3 } else { 2 }, Line::raw(""));
    lines
}

/// `from 0 % ── ✓ 10 % ── ▶ 50 % ── ○ 100 %`
fn steps(in_progress: &UnderWay, wide: usize) -> Line<'static> {
    let shift = &in_progress.shift;
    let mut spans = vec![Span::styled(format!("from {}", shift.from), QUIET)];
    for step in shift.steps.all() {
        let done = shift.done.is_some_and(|done| *step <= done) || *step < shift.at;
        let (mark, style) = match () {
            () if done => ("✓", WELL),
            () if *step == shift.at => ("▶", STRONG),
            () => ("○", QUIET),
        };
        spans.push(Span::styled(" ── ", QUIET));
        spans.push(Span::styled(format!("{mark} {step}"), style));
    }
    cut(spans, wide)
}

/// What it is at, and what it waits for.
fn phase(in_progress: &UnderWay, now: Timestamp, wide: usize) -> Line<'static> {
    let doubt = in_progress.doubt.as_deref();
    let text = |text: String, style| vec![Span::styled(text, style)];
    let spans = match &in_progress.phase {
        Phase::Looking => match doubt {
            Some(doubt) => text(format!("? waits until something can be said of green: {doubt}"), DOUBT),
            None => text("looking whether green is fit for it".to_owned(), Style::new()),
        },
        Phase::Writing(LeverKind::Listeners, to) => text(format!("writing listeners: {to} to green"), STRONG),
        Phase::Writing(LeverKind::Dns, to) => text(format!("writing DNS: {to} to green"), STRONG),
        Phase::Holding { green, since, until } => holding(*green, [*since, *until], now, doubt),
        Phase::Done(green) => text(format!("✓ step {green} done"), WELL),
        Phase::RollingBack(to, because) => text(format!("✗ going back to {to}: {because}"), WRONG),
        Phase::FailingBack => text("a failback takes all traffic to blue".to_owned(), WRONG),
        Phase::AskedToHold => text("asked to hold: it finds out at its next look".to_owned(), DOUBT),
        Phase::Left(outcome, because) => {
            let because = because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
            let style = if *outcome == Outcome::Failed { WRONG } else { DOUBT };
            text(format!("‖ {}{because}", traffic_events::outcome_name(*outcome)), style)
        }
        Phase::Died => text("✗ its process is gone; the weights stay where they are".to_owned(), WRONG),
    };
    cut(spans, wide)
}

fn holding(green: Share, [since, until]: [Timestamp; 2], now: Timestamp, doubt: Option<&str>) -> Vec<Span<'static>> {
    let all = until.duration_since(since).unsigned_abs();
    let held = now.duration_since(since).unsigned_abs().min(all);
    let since = since.strftime("%H:%M:%S UTC");
    let mut spans = vec![Span::styled(format!("holding {green}"), STRONG), Span::raw(format!(" since {since}  "))];
    if now < until {
        const WIDE: usize = 12;
        let part = if all.is_zero() { 1.0 } else { held.as_secs_f64() / all.as_secs_f64() };
        let full = ((part * WIDE as f64) as usize).min(WIDE);
        spans.push(Span::styled("━".repeat(full), WELL));
        spans.push(Span::styled("─".repeat(WIDE - full), QUIET));
        spans.push(Span::raw(format!("  {} left of {}", strokes::duration(all - held), strokes::duration(all))));
        if let Some(doubt) = doubt {
            spans.push(Span::styled(format!("; ? {doubt}"), DOUBT));
        }
    } else if let Some(doubt) = doubt {
        spans.push(Span::styled(format!("? waits until something can be said of green: {doubt}"), DOUBT));
    } else {
        spans.push(Span::raw(format!("for its {}", strokes::duration(all))));
    }
    spans
}

fn begun(in_progress: &UnderWay, now: Timestamp, wide: usize) -> Line<'static> {
    let (shift, by) = (&in_progress.shift, &in_progress.by);
    let why = in_progress.why.as_ref().map(|why| format!(", because: {why}")).unwrap_or_default();
    let text = format!("begun {} by {}, process {}{why}", time(shift.started, now), who(by), by.process);
    Line::styled(fit(&text, wide), QUIET)
}

fn who(by: &Actor) -> String {
    format!("{}@{}", by.user, by.host)
}

/// The time of day, and the day unless it is today.
fn time(at: Timestamp, now: Timestamp) -> String {
    let day = |time: Timestamp| time.to_zoned(TimeZone::UTC).date();
    at.strftime(if day(at) == day(now) { "%H:%M:%S" } else { "%m-%d %H:%M" }).to_string()
}

/// The last entries of the history, as many as there is room for; the newest at the bottom.
pub fn draw_timeline(scene: &Scene, pen: Pen, frame: &mut Frame, area: Rect) {
    if usize::from(area.height) < pen.high(1) {
        return;
    }
    let title = Line::from(vec![Span::styled(" Timeline ", STRONG), Span::styled("in UTC ", QUIET)]);
    let inner = pen.panel(frame, area, title, None);
    let (wide, high) = (usize::from(inner.width), usize::from(inner.height));
    let mut lines = Vec::new();
    let mut written = None;
    for entry in scene.entries.iter().rev() {
        if lines.len() >= high {
            break;
        }
        // What was written says so: that it was to be written is no news then.
        match &entry.event {
            TrafficEvent::Written { lever, to, .. } => written = Some((*lever, *to)),
            TrafficEvent::Writing { lever, to, .. } if written == Some((*lever, *to)) => continue,
            _ => {}
        }
        let mut told = event(entry, scene.now, wide, pen.roomy);
        told.reverse();
        lines.extend(told);
    }
    if lines.is_empty() {
        lines.push(Line::styled("the traffic was never moved", QUIET));
    }
    lines.truncate(high);
    lines.reverse();
    frame.render_widget(Paragraph::new(lines), inner);
}

fn event(entry: &Entry, now: Timestamp, wide: usize, roomy: bool) -> Vec<Line<'static>> {
    let (mark, style) = event_mark(&entry.event);
    let head = format!("{}  {}  ", time(entry.at, now), fit(&who(&entry.by), 24));
    let indent = width(&head) + 2;
    let text = traffic_events::sentence(&entry.event) + &why(entry);
    let told = wrap(&text, wide.saturating_sub(indent), if roomy { 2 } else { 1 });
    let line = |(at, text): (usize, String)| {
        let (head, mark) = if at == 0 { (head.clone(), mark) } else { (" ".repeat(indent - 2), " ") };
        Line::from(vec![Span::styled(head, QUIET), Span::styled(format!("{mark} "), style), Span::raw(text)])
    };
    told.into_iter().enumerate().map(line).collect()
}

/// Why it was done, where it begins: all that comes after has the same reason.
fn why(entry: &Entry) -> String {
    let begins = matches!(entry.event, TrafficEvent::ShiftStarted { .. } | TrafficEvent::FailbackStarted);
    let why = entry.reason.as_ref().filter(|_| begins);
    why.map(|why| format!("  because: {why}")).unwrap_or_default()
}

fn event_mark(what: &TrafficEvent) -> (&'static str, Style) {
    match what {
        TrafficEvent::ShiftStarted { .. } => ("▶", STRONG),
        TrafficEvent::Gates { verdict, .. } => mark(*verdict),
        TrafficEvent::Writing { .. } => ("·", QUIET),
        TrafficEvent::Written { .. } => ("•", Style::new()),
        TrafficEvent::StepDone { .. } | TrafficEvent::FailedBack { .. } => ("✓", WELL),
        TrafficEvent::RollingBack { .. } | TrafficEvent::FailbackStarted => ("◀", DOUBT),
        TrafficEvent::HoldRequested => ("‖", DOUBT),
        TrafficEvent::FailbackIncomplete { .. } => ("✗", WRONG),
        TrafficEvent::ExternalChange { .. } => ("!", DOUBT),
        TrafficEvent::ShiftEnded { outcome, .. } => match outcome {
            Outcome::Completed | Outcome::Aborted => ("■", WELL),
            Outcome::Held | Outcome::Interrupted => ("‖", DOUBT),
            Outcome::Refused | Outcome::RolledBack | Outcome::FailedBack | Outcome::Failed => ("■", WRONG),
        },
    }
}

/// The command that was started here last, and what it says.
pub fn draw_command(scene: &Scene, pen: Pen, frame: &mut Frame, area: Rect) {
    let Some(Command { command, took, ended, lines }) = &scene.command else { return };
    let state = match ended {
        None => Span::styled(format!("runs for {} ", strokes::duration(*took)), DOUBT),
        Some(Ok(())) => Span::styled(format!("✓ done in {} ", strokes::duration(*took)), WELL),
        Some(Err(how)) => Span::styled(format!("ended after {} {how} ", strokes::duration(*took)), WRONG),
    };
    let title = Line::from(vec![Span::styled(format!(" {command} "), STRONG), state]);
    let inner = pen.panel(frame, area, title, None);
    let (wide, high) = (usize::from(inner.width), usize::from(inner.height));
    let shown = lines.iter().skip(lines.len().saturating_sub(high));
    let shown: Vec<_> = shown.map(|line| Line::from(fit(line, wide))).collect();
    frame.render_widget(Paragraph::new(shown), inner);
}
