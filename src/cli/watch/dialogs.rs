//! What lies over the screen: questions, and the help.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Padding, Paragraph};

use super::keys::{Open, Wish};
use super::screen::Scene;
use super::strokes::{BLUE, DOUBT, GREEN, QUIET, STRONG, WELL, WRONG, pad, wrap};
use crate::traffic::Share;

/// Draws what is open, over what is there.
pub fn draw(scene: &Scene, frame: &mut Frame, area: Rect) {
    match scene.open {
        Open::Nothing => {}
        Open::Help => over(frame, area, 78, " Help ", STRONG, help()),
        Open::Asking(wish) => {
            let (question, means) = asked(scene, wish);
            let style = if wish == Wish::FailBack { WRONG } else { DOUBT };
            over(frame, area, WIDE, "", style, question_lines(&question, &means));
        }
        Open::Leaving => {
            let means = "The shift has been asked to hold, and stays where it is then. Nothing aborts it once this screen is left.";
            let question = "Leave, although the abort hasn't begun? y/n";
            over(frame, area, WIDE, "", DOUBT, question_lines(question, means));
        }
    }
}

/// How wide a question is.
const WIDE: u16 = 66;
/// Its frame on both sides, with a blank next to each.
const SIDES: u16 = 4;

fn question_lines(question: &str, means: &str) -> Vec<Line<'static>> {
    let wrapped = |text: &str, style: Style| {
        let lines = wrap(text, usize::from(WIDE - SIDES), usize::MAX);
        lines.into_iter().map(move |line| Line::styled(line, style))
    };
    let blank = || std::iter::once(Line::raw(""));
    let all = blank().chain(wrapped(question, STRONG)).chain(blank()).chain(wrapped(means, QUIET)).chain(blank());
    all.collect()
}

/// The question, and what a yes leads to.
fn asked(scene: &Scene, wish: Wish) -> (String, String) {
    let now = scene.look.and_then(|look| look.picture.green);
    let keeps = now.map(|green| format!(" Green keeps {green}.")).unwrap_or_default();
    match wish {
        Wish::Hold => (
            "Hold the shift where it is? y/n".to_owned(),
            format!("It finds out at its next look, a few seconds at most, and ends as held.{keeps}"),
        ),
        Wish::Continue => {
            let steps = scene.shift().map(|shift| {
                let left =
                    shift.shift.steps.all().iter().filter(|step| shift.shift.done.is_none_or(|done| **step > done));
                left.map(Share::to_string).collect::<Vec<_>>().join(", then ")
            });
            let to = steps
                .filter(|steps| !steps.is_empty())
                .map(|steps| format!(": give green {steps}"))
                .unwrap_or_default();
            (
                format!("Continue the shift{to}? y/n"),
                "`provisioner shift --resume`, with its gates and holds.".to_owned(),
            )
        }
        Wish::Abort => {
            let runs = scene.shift().is_some_and(|shift| shift.runs());
            let first = if runs { "The shift is asked to hold first. " } else { "" };
            (
                "Abort the shift: all traffic to blue, in order? y/n".to_owned(),
                format!("{first}`provisioner shift --abort`: listeners first, DNS after."),
            )
        }
        Wish::FailBack => (
            "Fail back: all traffic to blue, now? y/n".to_owned(),
            "`provisioner failback`: no gates, no lock; a shift that is under way gives up.".to_owned(),
        ),
    }
}

/// What keys and marks mean.
pub fn help() -> Vec<Line<'static>> {
    let explained = |sign: &'static str, style: Style, text: &'static str| {
        Line::from(vec![Span::styled(pad(sign, SIGN), style), Span::raw(text)])
    };
    let key = |key: &'static str, text: &'static str| explained(key, STRONG, text);
    vec![
        key("h", "hold: the shift, wherever it runs, stays where it is"),
        key("c", "continue: the shift that was held goes on, with gates and holds"),
        key("a", "abort: the shift is called off, all traffic to blue in order"),
        key("f", "fail back: all traffic to blue at once, whatever is under way"),
        key("q Esc ^C", "leave: what was started here goes on by itself"),
        Line::raw(""),
        explained("░░░", BLUE, "blue's part of a weight"),
        explained("███", GREEN, "green's part of a weight"),
        explained("✓", WELL, "a gate passes, a step is done"),
        explained("?", DOUBT, "nothing can be said: the shift stays, and looks again"),
        explained("✗", WRONG, "a gate fails: the shift goes back, unless told otherwise"),
        Line::raw(""),
        Line::styled("Gates are judged by provisioner.toml; a shift may have flags of its own.", QUIET),
        Line::styled("Requests, errors and p99 are CloudWatch's: on AWS a minute or two late.", QUIET),
    ]
}

/// The width of `q Esc ^C`, and two blanks.
const SIGN: usize = 10;

fn over(frame: &mut Frame, area: Rect, wide: u16, title: &'static str, style: Style, lines: Vec<Line<'static>>) {
    let high = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let middle = |length| [Constraint::Fill(1), Constraint::Length(length), Constraint::Fill(1)];
    let [_, row, _] = Layout::vertical(middle(high.min(area.height))).areas(area);
    let [_, place, _] = Layout::horizontal(middle(wide.min(area.width))).areas(row);
    let block = Block::bordered().border_type(BorderType::Rounded).border_style(style).title(title);
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(block.padding(Padding::horizontal(1))), place);
}
