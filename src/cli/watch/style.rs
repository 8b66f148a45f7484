//! Colours and marks.
//!
//! No colour carries information alone: blue and green have different shades in bars, and verdicts have marks.

use ratatui::style::{Color, Modifier, Style};

use crate::traffic::check::Verdict;

/// Blue's values.
pub const BLUE: Style = Style::new().fg(Color::Indexed(39));
/// Green's values.
pub const GREEN: Style = Style::new().fg(Color::Indexed(42));
/// Success.
pub const OK: Style = Style::new().fg(Color::Indexed(42));
/// Something unknown, or that needs attention.
pub const WARNING: Style = Style::new().fg(Color::Indexed(214));
/// A failure.
pub const ERROR: Style = Style::new().fg(Color::Indexed(203));
/// Secondary information.
pub const DIM: Style = Style::new().fg(Color::Indexed(245));
/// Frames.
pub const FRAME: Style = Style::new().fg(Color::Indexed(240));
/// Titles and the most important values.
pub const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);

/// The mark of a verdict, and its style.
pub fn mark(verdict: Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Pass => ("✓", OK),
        Verdict::Inconclusive => ("?", WARNING),
        Verdict::Fail => ("✗", ERROR.add_modifier(Modifier::BOLD)),
    }
}
