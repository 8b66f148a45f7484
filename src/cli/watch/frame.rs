//! The frames of panels.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::text::Line;
use ratatui::widgets::{Block, BorderType, Borders};

use super::style::FRAME;

/// Draws panels: with a full frame on a large screen, with a line above on a small one.
#[derive(Clone, Copy, Debug)]
pub struct PanelStyle {
    /// The screen is large.
    pub large: bool,
}

impl PanelStyle {
    /// The width of both sides of a frame, with their margins.
    pub fn sides(self) -> usize {
        if self.large { 4 } else { 2 }
    }

    /// The height of a panel with this many lines.
    pub fn height(self, lines: usize) -> usize {
        lines + if self.large { 2 } else { 1 }
    }

    /// Draws a panel's frame, and returns the area inside.
    pub fn draw(self, frame: &mut Frame, area: Rect, title: Line<'static>, right: Option<Line<'static>>) -> Rect {
        let left = title.width();
        // Without its own colour, a title would have the frame's.
        let mut block = Block::new().border_style(FRAME).title_style(Color::Reset).title_top(title);
        if let Some(right) = right.filter(|right| left + right.width() + 4 < usize::from(area.width)) {
            block = block.title_top(right.right_aligned());
        }
        block = match self.large {
            true => block.borders(Borders::ALL).border_type(BorderType::Rounded),
            false => block.borders(Borders::TOP),
        };
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let margin = 1.min(inner.width);
        Rect { x: inner.x + margin, width: inner.width.saturating_sub(2 * margin), ..inner }
    }
}
