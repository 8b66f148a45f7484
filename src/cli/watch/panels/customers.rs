//! The metrics of customers, blue's next to green's, and the failback bound.

use std::collections::VecDeque;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::cli::watch::charts::sparkline;
use crate::cli::watch::frame::PanelStyle;
use crate::cli::watch::poll::Series;
use crate::cli::watch::scene::Scene;
use crate::cli::watch::style::{BLUE, DIM, GREEN, STRONG};
use crate::cli::watch::text::{fit, fit_spans, pad, pad_left};

/// The height of the metrics: a title, requests, errors, latency.
pub const HEIGHT: usize = 4;
/// The height of the failback bound below them: a blank line, the bound, its terms.
pub const BOUND_HEIGHT: usize = 3;
/// The width of `requests/min` and a blank.
const LABEL: usize = 13;
/// The width of `100.0 %` and `12345 ms`.
const VALUE: usize = 8;

/// A row: its label, its values, and the format of a value.
type Row = (&'static str, fn(&Series) -> &VecDeque<Option<f64>>, fn(f64) -> String);

const ROWS: [Row; 3] = [
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

/// Draws the panel.
pub fn draw(scene: &Scene, style: PanelStyle, frame: &mut Frame, area: Rect) {
    let title = Line::from(vec![Span::styled(" Customers ", STRONG), Span::styled("over the last 5 minutes ", DIM)]);
    let inner = style.draw(frame, area, title, None);
    let columns = usize::from(inner.width);
    let half = columns.saturating_sub(LABEL) / 2;
    let head = |name: &str, style: Style| Span::styled(pad(&format!("   {name}"), half), style.patch(STRONG));
    let mut lines = vec![Line::from(vec![Span::raw(" ".repeat(LABEL)), head("blue", BLUE), head("green", GREEN)])];
    for (label, values, format) in ROWS {
        let mut spans = vec![Span::raw(pad(label, LABEL))];
        for (series, style) in [(&scene.trends.blue, BLUE), (&scene.trends.green, GREEN)] {
            let values = values(series);
            let last = values.back().copied().flatten().map_or("–".to_owned(), format);
            let line = sparkline(values.iter(), half.saturating_sub(VALUE + 2));
            spans.push(Span::raw(format!("{} ", pad_left(&last, VALUE))));
            spans.push(Span::styled(format!("{line} "), style));
        }
        lines.push(fit_spans(spans, columns));
    }
    if let Some(bound) = scene.bound {
        let terms: Vec<_> = bound.terms.iter().map(|term| format!("{} {}", term.name, term.takes.as_secs())).collect();
        let total = format!("at most {} s", bound.total().as_secs());
        lines.push(Line::raw(""));
        lines.push(fit_spans(vec![Span::raw("automatic failback: "), Span::styled(total, STRONG)], columns));
        lines.push(Line::styled(fit(&format!("= {} s", terms.join(" + ")), columns), DIM));
    }
    frame.render_widget(Paragraph::new(lines), inner);
}
