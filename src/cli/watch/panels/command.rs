//! The last command that was started here, and its output.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::cli::watch::frame::PanelStyle;
use crate::cli::watch::scene::{Command, Scene};
use crate::cli::watch::style::{ERROR, OK, STRONG, WARNING};
use crate::cli::watch::text::{duration, fit};

/// Draws the panel if there is a command.
pub fn draw(scene: &Scene, style: PanelStyle, frame: &mut Frame, area: Rect) {
    let Some(Command { command, took, ended, lines }) = &scene.command else { return };
    let state = match ended {
        None => Span::styled(format!("running for {} ", duration(*took)), WARNING),
        Some(Ok(())) => Span::styled(format!("✓ done in {} ", duration(*took)), OK),
        Some(Err(how)) => Span::styled(format!("ended after {}: {how} ", duration(*took)), ERROR),
    };
    let title = Line::from(vec![Span::styled(format!(" {command} "), STRONG), state]);
    let inner = style.draw(frame, area, title, None);
    let (columns, height) = (usize::from(inner.width), usize::from(inner.height));
    let shown = lines.iter().skip(lines.len().saturating_sub(height));
    let shown: Vec<_> = shown.map(|line| Line::from(fit(line, columns))).collect();
    frame.render_widget(Paragraph::new(shown), inner);
}
