//! The layout of the screen.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::frame::PanelStyle;
use super::keys::{Control, Overlay};
use super::scene::{Deployment, Scene};
use super::style::{DIM, ERROR, GREEN, STRONG, WARNING};
use super::text::{fit, fit_spans};
use super::{dialogs, panels, text};
use crate::engine::StepError;
use crate::report::words;
use crate::traffic::readings::Readings;
use crate::traffic::snapshot::Snapshot;

/// The smallest screen that all panels fit on.
const MIN_SIZE: (u16, u16) = (80, 24);
/// The smallest screen with frames, large digits and two columns.
const LARGE_SIZE: (u16, u16) = (100, 30);
/// More errors would leave no space for the panels.
const MAX_ERRORS: usize = 3;
/// How late a sample may be, in addition to two intervals.
const LATE: Duration = Duration::from_secs(3);

/// Draws the whole screen.
pub fn draw(scene: &Scene, frame: &mut Frame) {
    let area = frame.area();
    if area.width < MIN_SIZE.0 || area.height < MIN_SIZE.1 {
        draw_tiny(scene, frame, area);
    } else {
        draw_panels(scene, frame, area);
    }
    dialogs::draw(scene, frame, area);
}

fn draw_panels(scene: &Scene, frame: &mut Frame, area: Rect) {
    let large = area.width >= LARGE_SIZE.0 && area.height >= LARGE_SIZE.1;
    let style = PanelStyle { large };
    let warnings = warnings(scene, area.width);
    let inner = usize::from(area.width).saturating_sub(style.sides());
    let gates = panels::gates::lines(scene, inner, large);
    let shift = panels::shift::lines(scene, inner, large);
    let traffic = panels::traffic::height(scene, large);
    let fixed = [1, warnings.len(), style.height(traffic), style.height(gates.len()), style.height(shift.len()), 1];
    let customers = if large { 0 } else { style.height(panels::customers::HEIGHT) };
    let rest = usize::from(area.height).saturating_sub(fixed.iter().sum::<usize>() + customers);
    let command = scene.command.as_ref().map_or(0, |command| style.height(command.lines.len().clamp(1, 5)));
    // The timeline gets at least half of the rest.
    let command = command.min((rest / 2).max(style.height(1))).min(rest);
    let heights = [fixed[0], fixed[1], fixed[2], customers, fixed[3], fixed[4], rest - command, command, fixed[5]];
    let rows = heights.map(|height| Constraint::Length(u16::try_from(height).unwrap_or(u16::MAX)));
    let [top, warning_area, upper, second, gates_area, shift_area, timeline, command, bottom] =
        Layout::vertical(rows).areas(area);

    frame.render_widget(header(scene, area.width), top);
    frame.render_widget(Paragraph::new(warnings), warning_area);
    let (traffic_area, customers_area) = if large {
        let [left, right] = Layout::horizontal([Constraint::Percentage(50), Constraint::Fill(1)]).areas(upper);
        (left, right)
    } else {
        (upper, second)
    };
    panels::traffic::draw(scene, style, frame, traffic_area);
    panels::customers::draw(scene, style, frame, customers_area);
    let inside = style.draw(frame, gates_area, panels::gates::title(scene), None);
    frame.render_widget(Paragraph::new(gates), inside);
    let inside = style.draw(frame, shift_area, Line::from(" Shift ").style(STRONG), None);
    frame.render_widget(Paragraph::new(shift), inside);
    panels::timeline::draw(scene, style, frame, timeline);
    panels::command::draw(scene, style, frame, command);
    frame.render_widget(footer(scene, usize::from(bottom.width)), bottom);
}

/// A screen without panels.
fn draw_tiny(scene: &Scene, frame: &mut Frame, area: Rect) {
    let share = scene.green().map_or("green's share is unknown".to_owned(), |green| format!("green serves {green}"));
    let (width, height) = MIN_SIZE;
    let mut lines = vec![
        Line::styled(share, GREEN.patch(STRONG)),
        Line::from(format!("{}x{} is too small: needs {width}x{height}", area.width, area.height)),
        footer(scene, usize::from(area.width)),
    ];
    lines.extend(warnings(scene, area.width));
    frame.render_widget(Paragraph::new(lines), area);
}

fn header(scene: &Scene, width: u16) -> Line<'static> {
    let Deployment { system, suffix, account, place } = scene.deployment;
    let mut spans = vec![Span::styled(format!(" {system} {suffix} "), STRONG)];
    let label = if width < LARGE_SIZE.0 { "" } else { "account " };
    spans.push(Span::styled(format!("│ {label}{account} │ "), DIM));
    spans.push(Span::raw(place.clone()));
    spans.push(Span::styled(" │ ", DIM));
    match scene.sample {
        None => spans.push(Span::styled("no data yet", DIM)),
        Some(sample) => {
            let age = scene.now.duration_since(sample.at).unsigned_abs();
            let (time, calls) = (sample.at.strftime("%H:%M:%S UTC"), sample.calls);
            let read_at = if age > scene.interval * 2 + LATE {
                Span::styled(format!("read {time}, {} ago!", text::duration(age)), ERROR)
            } else {
                Span::raw(format!("read {time}"))
            };
            spans.push(read_at);
            if width >= LARGE_SIZE.0 {
                let interval = text::duration(scene.interval);
                spans.push(Span::styled(format!(", every {interval} │ {calls} calls"), DIM));
            }
        }
    }
    fit_spans(spans, usize::from(width))
}

/// Errors, external changes and a pending abort.
fn warnings(scene: &Scene, width: u16) -> Vec<Line<'static>> {
    let line = |text: String, style: Style| Line::styled(fit(&format!(" ! {text}"), usize::from(width)), style);
    let unreadable = scene.sample.map(|sample| unreadable(&sample.snapshot)).unwrap_or_default();
    let errors = scene.errors.iter().cloned().chain(unreadable).take(MAX_ERRORS);
    let mut lines: Vec<_> = errors.map(|text| line(text, ERROR)).collect();
    if scene.sample.is_some_and(|sample| sample.snapshot.changed_externally) {
        lines.push(line("external change: the weights differ from the end of the history".to_owned(), WARNING));
    }
    if scene.controls.abort_pending {
        let text = "abort pending until the shift holds; then all traffic moves to blue. f: now";
        lines.push(line(text.to_owned(), WARNING));
    }
    lines
}

/// The errors of a snapshot, without repetitions.
fn unreadable(snapshot: &Snapshot) -> Vec<String> {
    let levers = snapshot.levers.iter().filter_map(|(_, weights)| weights.as_ref().err());
    let levers = levers.map(|error| format!("can't be read: {}", words::step_error(&StepError::from(error.clone()))));
    let Readings { targets, alarms, blue, green } = &snapshot.readings;
    let targets = targets.iter().filter_map(|group| group.as_ref().err());
    let others = alarms.as_ref().err().into_iter().chain(blue.as_ref().err()).chain(green.as_ref().err());
    let mut errors: Vec<String> = Vec::new();
    for error in levers.chain(targets.chain(others).cloned()) {
        if !errors.contains(&error) {
            errors.push(error);
        }
    }
    errors
}

/// The available keys, or the response to the last one.
fn footer(scene: &Scene, width: usize) -> Line<'static> {
    if let Some(message) = scene.message {
        return Line::styled(fit(&format!(" {message}"), width), WARNING);
    }
    let mut keys: Vec<(char, &str)> = match scene.overlay {
        Overlay::Confirm(_) | Overlay::ConfirmQuit => vec![('y', "yes"), ('n', "no")],
        Overlay::Help => vec![('?', "close")],
        Overlay::None => {
            let available = Control::ALL.into_iter().filter(|control| scene.controls.check(*control).is_ok());
            available.map(|control| (control.key(), control.name())).collect()
        }
    };
    if scene.overlay == Overlay::None {
        keys.extend([('?', "help"), ('q', "quit")]);
    }
    let keys = keys.into_iter().flat_map(|(key, name)| {
        [Span::styled(format!(" {key} "), STRONG.add_modifier(Modifier::REVERSED)), Span::raw(format!(" {name}  "))]
    });
    let mut spans = vec![Span::raw(" ")];
    spans.extend(keys);
    Line::from(spans)
}
