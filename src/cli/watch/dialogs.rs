//! Overlays: confirmations and the help.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Padding, Paragraph};

use super::keys::{Control, Overlay};
use super::scene::Scene;
use super::style::{BLUE, DIM, ERROR, GREEN, OK, STRONG, WARNING};
use super::text::{pad, wrap};
use crate::traffic::Share;

/// Draws the overlay.
pub fn draw(scene: &Scene, frame: &mut Frame, area: Rect) {
    match scene.overlay {
        Overlay::None => {}
        Overlay::Help => draw_box(frame, area, 78, " Help ", STRONG, help()),
        Overlay::Confirm(control) => {
            let (question, explanation) = confirmation(scene, control);
            let style = if control == Control::FailBack { ERROR } else { WARNING };
            draw_box(frame, area, WIDTH, "", style, question_lines(&question, &explanation));
        }
        Overlay::ConfirmQuit => {
            let question = "Quit although the abort hasn't started? y/n";
            let explanation = "The shift will hold as requested, but the abort is cancelled.";
            draw_box(frame, area, WIDTH, "", WARNING, question_lines(question, explanation));
        }
    }
}

/// The width of a confirmation.
const WIDTH: u16 = 66;
/// The width of both sides of its frame, with their margins.
const SIDES: u16 = 4;

fn question_lines(question: &str, explanation: &str) -> Vec<Line<'static>> {
    let wrapped = |text: &str, style: Style| {
        let lines = wrap(text, usize::from(WIDTH - SIDES), usize::MAX);
        lines.into_iter().map(move |line| Line::styled(line, style))
    };
    let blank = || std::iter::once(Line::raw(""));
    let lines = blank().chain(wrapped(question, STRONG)).chain(blank());
    lines.chain(wrapped(explanation, DIM)).chain(blank()).collect()
}

/// The question, and an explanation of what will happen.
fn confirmation(scene: &Scene, control: Control) -> (String, String) {
    match control {
        Control::Hold => {
            let keeps = scene.green().map(|green| format!(" Green keeps {green}.")).unwrap_or_default();
            (
                "Hold the shift at its current step? y/n".to_owned(),
                format!("It stops at its next check, within seconds.{keeps}"),
            )
        }
        Control::Continue => {
            let steps = scene.shift().map(|progress| {
                let shift = &progress.shift;
                let remaining = shift.steps.all().iter().filter(|step| shift.done.is_none_or(|done| **step > done));
                remaining.map(Share::to_string).collect::<Vec<_>>().join(", then ")
            });
            let to = steps
                .filter(|steps| !steps.is_empty())
                .map(|steps| format!(": give green {steps}"))
                .unwrap_or_default();
            (
                format!("Continue the shift{to}? y/n"),
                "Runs `provisioner shift --resume`, with gates and holds.".to_owned(),
            )
        }
        Control::Abort => {
            let is_running = scene.shift().is_some_and(|shift| shift.is_running());
            let first = if is_running { "The shift is held first. " } else { "" };
            (
                "Abort the shift: all traffic to blue? y/n".to_owned(),
                format!("{first}Runs `provisioner shift --abort`: listeners first, DNS after."),
            )
        }
        Control::FailBack => (
            "Fail back: all traffic to blue, now? y/n".to_owned(),
            "Runs `provisioner failback`: no gates, no lock. A running shift ends.".to_owned(),
        ),
    }
}

/// The explanation of keys and marks.
pub fn help() -> Vec<Line<'static>> {
    let explained = |sign: &'static str, style: Style, text: &'static str| {
        Line::from(vec![Span::styled(pad(sign, SIGN), style), Span::raw(text)])
    };
    let key = |key: &'static str, text: &'static str| explained(key, STRONG, text);
    vec![
        key("h", "hold: the shift stops at its current step, on any machine"),
        key("c", "continue: resumes the shift, with gates and holds"),
        key("a", "abort: moves all traffic to blue, listeners first, DNS after"),
        key("f", "fail back: moves all traffic to blue now, even during a shift"),
        key("q Esc ^C", "quit: commands that were started here continue"),
        Line::raw(""),
        explained("░░░", BLUE, "blue's part of a weight"),
        explained("███", GREEN, "green's part of a weight"),
        explained("✓", OK, "a gate passes, a step is completed"),
        explained("?", WARNING, "a gate is inconclusive: the shift waits and checks again"),
        explained("✗", ERROR, "a gate fails: the shift rolls back, unless --on-fail differs"),
        Line::raw(""),
        Line::styled("Limits are those of provisioner.toml; flags of a shift may override them.", DIM),
        Line::styled("Requests, errors and p99 are from CloudWatch, a minute or two late.", DIM),
    ]
}

/// The width of `q Esc ^C` and two blanks.
const SIGN: usize = 10;

fn draw_box(frame: &mut Frame, area: Rect, width: u16, title: &'static str, style: Style, lines: Vec<Line<'static>>) {
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let middle = |length| [Constraint::Fill(1), Constraint::Length(length), Constraint::Fill(1)];
    let [_, row, _] = Layout::vertical(middle(height.min(area.height))).areas(area);
    let [_, place, _] = Layout::horizontal(middle(width.min(area.width))).areas(row);
    let block = Block::bordered().border_type(BorderType::Rounded).border_style(style).title(title);
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(block.padding(Padding::horizontal(1))), place);
}
