//! The last entries of the history.

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::cli::watch::frame::PanelStyle;
use crate::cli::watch::scene::Scene;
use crate::cli::watch::style::{DIM, ERROR, OK, STRONG, WARNING, mark};
use crate::cli::watch::text::{fit, time, width, wrap};
use crate::report::traffic_events;
use crate::traffic::event::{Outcome, TrafficEvent};
use crate::traffic::history::Entry;

/// The longest user and host that are displayed.
const MAX_AUTHOR: usize = 24;

/// Draws as many entries as fit, the newest at the bottom.
pub fn draw(scene: &Scene, style: PanelStyle, frame: &mut Frame, area: Rect) {
    if usize::from(area.height) < style.height(1) {
        return;
    }
    let title = Line::from(vec![Span::styled(" Timeline ", STRONG), Span::styled("UTC ", DIM)]);
    let inner = style.draw(frame, area, title, None);
    let (columns, height) = (usize::from(inner.width), usize::from(inner.height));
    let mut lines = Vec::new();
    let mut written = None;
    for entry in scene.entries.iter().rev() {
        if lines.len() >= height {
            break;
        }
        // A completed write makes its start redundant.
        match &entry.event {
            TrafficEvent::Written { lever, to, .. } => written = Some((*lever, *to)),
            TrafficEvent::Writing { lever, to, .. } if written == Some((*lever, *to)) => continue,
            _ => {}
        }
        let mut entry_lines = event_lines(entry, scene.now, columns, style.large);
        entry_lines.reverse();
        lines.extend(entry_lines);
    }
    if lines.is_empty() {
        lines.push(Line::styled("the history is empty", DIM));
    }
    lines.truncate(height);
    lines.reverse();
    frame.render_widget(Paragraph::new(lines), inner);
}

fn event_lines(entry: &Entry, now: Timestamp, columns: usize, large: bool) -> Vec<Line<'static>> {
    let (mark, style) = event_mark(&entry.event);
    let author = format!("{}@{}", entry.by.user, entry.by.host);
    let head = format!("{}  {}  ", time(entry.at, now), fit(&author, MAX_AUTHOR));
    let indent = width(&head) + 2;
    let text = traffic_events::sentence(&entry.event) + &reason(entry);
    let wrapped = wrap(&text, columns.saturating_sub(indent), if large { 2 } else { 1 });
    let line = |(at, text): (usize, String)| {
        let (head, mark) = if at == 0 { (head.clone(), mark) } else { (" ".repeat(indent - 2), " ") };
        Line::from(vec![Span::styled(head, DIM), Span::styled(format!("{mark} "), style), Span::raw(text)])
    };
    wrapped.into_iter().enumerate().map(line).collect()
}

/// The operator's reason, with the first entry of a shift or failback only: the others repeat it.
fn reason(entry: &Entry) -> String {
    let is_start = matches!(entry.event, TrafficEvent::ShiftStarted { .. } | TrafficEvent::FailbackStarted);
    let reason = entry.reason.as_ref().filter(|_| is_start);
    reason.map(|reason| format!("  reason: {reason}")).unwrap_or_default()
}

fn event_mark(event: &TrafficEvent) -> (&'static str, Style) {
    match event {
        TrafficEvent::ShiftStarted { .. } => ("▶", STRONG),
        TrafficEvent::Gates { verdict, .. } => mark(*verdict),
        TrafficEvent::Writing { .. } => ("·", DIM),
        TrafficEvent::Written { .. } => ("•", Style::new()),
        TrafficEvent::StepDone { .. } | TrafficEvent::FailedBack { .. } => ("✓", OK),
        TrafficEvent::RollingBack { .. } | TrafficEvent::FailbackStarted => ("◀", WARNING),
        TrafficEvent::HoldRequested => ("‖", WARNING),
        TrafficEvent::FailbackIncomplete { .. } => ("✗", ERROR),
        TrafficEvent::ExternalChange { .. } => ("!", WARNING),
        TrafficEvent::ShiftEnded { outcome, .. } => match outcome {
            Outcome::Completed | Outcome::Aborted => ("■", OK),
            Outcome::Held | Outcome::Interrupted => ("‖", WARNING),
            Outcome::Refused | Outcome::RolledBack | Outcome::FailedBack | Outcome::Failed => ("■", ERROR),
        },
    }
}
