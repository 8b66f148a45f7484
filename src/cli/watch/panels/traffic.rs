//! Green's share, and the weights of each lever.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::customers;
use crate::cli::watch::charts::{large, percentages, split_bar};
use crate::cli::watch::frame::PanelStyle;
use crate::cli::watch::scene::Scene;
use crate::cli::watch::style::{BLUE, DIM, ERROR, GREEN, STRONG};
use crate::cli::watch::text::{fit_spans, pad, pad_left, width};
use crate::report::traffic_events::LEVERS_DIFFER;
use crate::traffic::share::Split;

/// A lever and its weights; `None` if they can't be read.
type Row = (String, Option<Split>);

/// The most levers that are displayed.
const MAX_LEVERS: usize = 6;
/// The width of `99.9 %`.
const PERCENT: usize = 6;

fn rows(scene: &Scene) -> Vec<Row> {
    let levers = scene.sample.map(|sample| sample.snapshot.levers.as_slice()).unwrap_or_default();
    let mut rows = Vec::new();
    for (lever, weights) in levers {
        match weights {
            Ok(weights) => rows.extend(weights.iter().map(|weight| (weight.lever.clone(), Some(weight.split)))),
            Err(_) => rows.push((lever.clone(), None)),
        }
    }
    rows
}

/// The height of the panel's content.
pub fn height(scene: &Scene, large: bool) -> usize {
    let levers = rows(scene).len().clamp(3, MAX_LEVERS);
    if large { (4 + levers).max(customers::HEIGHT + customers::BOUND_HEIGHT) } else { levers.min(4) }
}

/// Draws the panel.
pub fn draw(scene: &Scene, style: PanelStyle, frame: &mut Frame, area: Rect) {
    let green = scene.green();
    let summary = match (scene.sample, green) {
        (None, _) => "…".to_owned(),
        (_, Some(green)) => format!("green serves {green}"),
        (_, None) => LEVERS_DIFFER.to_owned(),
    };
    let (title, bound) = match style.large {
        true => (Line::from(" Traffic ").style(STRONG), None),
        false => (
            Line::from(vec![
                Span::styled(" Traffic: ", STRONG),
                Span::styled(format!("{summary} "), GREEN.patch(STRONG)),
            ]),
            scene.bound.map(|bound| {
                Line::from(format!(" automatic failback: at most {} s ", bound.total().as_secs())).style(DIM)
            }),
        ),
    };
    let inner = style.draw(frame, area, title, bound);
    let (columns, height) = (usize::from(inner.width), usize::from(inner.height));
    let mut lines = Vec::new();
    if style.large {
        let percent = green.map_or("?".to_owned(), |green| format!("{}%", green.percent()));
        let blue = green.map(|green| format!("blue serves {} %", 100 - green.percent())).unwrap_or_default();
        let beside = [
            Span::styled(summary, GREEN.patch(STRONG)),
            Span::styled(blue, BLUE),
            Span::styled("of the requests", DIM),
        ];
        for (digits, beside) in large(&percent).into_iter().zip(beside) {
            lines.push(Line::from(vec![Span::raw(" "), Span::styled(digits, GREEN), Span::raw("   "), beside]));
        }
        lines.push(Line::raw(""));
    }
    let rows = rows(scene);
    let space = height.saturating_sub(lines.len()).max(1);
    let shown = if rows.len() > space { space - 1 } else { rows.len() };
    let name = rows.iter().map(|(lever, _)| width(lever)).max().unwrap_or(0).min(columns / 2);
    lines.extend(rows.iter().take(shown).map(|row| line(row, name, columns)));
    if shown < rows.len() {
        lines.push(Line::styled(format!("and {} more", rows.len() - shown), DIM));
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

fn line((lever, split): &Row, name: usize, columns: usize) -> Line<'static> {
    let lever = Span::raw(pad(lever, name));
    let Some(split) = *split else { return fit_spans(vec![lever, Span::styled("  ? can't be read", ERROR)], columns) };
    let Some((blue, green)) = percentages(split) else {
        return fit_spans(vec![lever, Span::styled("  both weights are zero", ERROR)], columns);
    };
    let bar_columns = columns.saturating_sub(name + 2 * PERCENT + 4);
    let mut spans = vec![lever, Span::styled(format!(" {} ", pad_left(&blue, PERCENT)), BLUE)];
    spans.extend(split_bar(split, bar_columns));
    spans.push(Span::styled(format!(" {}", pad_left(&green, PERCENT)), GREEN));
    fit_spans(spans, columns)
}
