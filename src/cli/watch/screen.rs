//! The screen: what lies where. It is drawn from plain data, and asks nothing.

use std::time::Duration;

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Borders, Paragraph};

use super::in_progress::UnderWay;
use super::keys::{Open, Situation, Wish};
use super::look::{Look, Trail};
use super::strokes::{DOUBT, FRAME, GREEN, QUIET, STRONG, WRONG, fit, width};
use super::{dialogs, panels, strokes};
use crate::engine::StepError;
use crate::report::words;
use crate::traffic::bound::Bound;
use crate::traffic::history::Entry;
use crate::traffic::readings::Readings;
use crate::traffic::snapshot::Snapshot;

/// The least that all panels fit into.
const LEAST: (u16, u16) = (80, 24);
/// What it takes for frames, big digits and two columns.
const ROOMY: (u16, u16) = (100, 30);
/// More lines of what doesn't work would leave no room for the rest.
const TROUBLES: usize = 3;

/// All that the screen shows.
#[derive(Clone, Debug)]
pub struct Scene<'a> {
    /// The system, its suffix, the account, and which AWS it is in.
    pub place: &'a Place,
    /// The time.
    pub now: Timestamp,
    /// From one look to the next.
    pub every: Duration,
    /// What was seen last.
    pub look: Option<&'a Look>,
    /// What customers got, look by look.
    pub trail: &'a Trail,
    /// How long a failback by itself takes at worst, if there is one.
    pub bound: Option<&'a Bound>,
    /// The history.
    pub entries: &'a [Entry],
    /// What keys depend on; the shift that isn't over among it.
    pub situation: Situation<'a>,
    /// What doesn't work.
    pub troubles: Vec<String>,
    /// The answer to a key.
    pub said: Option<&'a str>,
    /// The command that was started here last.
    pub command: Option<Command<'a>>,
    /// What lies over it.
    pub open: Open,
}

/// What is watched.
#[derive(Clone, Debug)]
pub struct Place {
    /// `lambda-mysql`
    pub system: String,
    /// `prod`
    pub suffix: String,
    /// The AWS account.
    pub account: String,
    /// `AWS us-east-1`, `sandbox`.
    pub aws: String,
}

/// A command that was started here.
#[derive(Clone, Debug)]
pub struct Command<'a> {
    /// `provisioner failback`
    pub command: &'a str,
    /// For how long it runs or ran.
    pub took: Duration,
    /// Its exit code, or the signal, if it has ended.
    pub ended: Option<Result<(), String>>,
    /// What it wrote.
    pub lines: &'a [String],
}

impl<'a> Scene<'a> {
    /// The shift that isn't over.
    pub fn shift(&self) -> Option<&'a UnderWay> {
        self.situation.shift
    }

    /// Draws all of it.
    pub fn draw(&self, frame: &mut Frame) {
        let area = frame.area();
        if area.width < LEAST.0 || area.height < LEAST.1 {
            self.draw_tiny(frame, area);
        } else {
            self.draw_whole(frame, area);
        }
        dialogs::draw(self, frame, area);
    }

    fn draw_whole(&self, frame: &mut Frame, area: Rect) {
        let roomy = area.width >= ROOMY.0 && area.height >= ROOMY.1;
        let pen = Pen { roomy };
        let troubles = self.troubles(area.width);
        let inner = usize::from(area.width).saturating_sub(pen.sides());
        let gates = panels::gates(self, inner, roomy);
        let shift = panels::shift(self, inner, roomy);
        let traffic = panels::traffic_lines(self, roomy);
        let fixed = [1, troubles.len(), pen.high(traffic), pen.high(gates.len()), pen.high(shift.len()), 1];
        let customers = if roomy { 0 } else { pen.high(panels::CUSTOMERS) };
        let rest = usize::from(area.height).saturating_sub(fixed.iter().sum::<usize>() + customers);
        let command = self.command.as_ref().map_or(0, |command| pen.high(command.lines.len().clamp(1, 5)));
        // The history keeps half of what is left.
        let command = command.min((rest / 2).max(pen.high(1))).min(rest);
        let heights = [fixed[0], fixed[1], fixed[2], customers, fixed[3], fixed[4], rest - command, command, fixed[5]];
        let rows = heights.map(|height| Constraint::Length(u16::try_from(height).unwrap_or(u16::MAX)));
        let [header, trouble, top, below, middle, steps, timeline, bottom, footer] = Layout::vertical(rows).areas(area);

        frame.render_widget(self.header(area.width), header);
        frame.render_widget(Paragraph::new(troubles), trouble);
        if roomy {
            let [left, right] = Layout::horizontal([Constraint::Percentage(50), Constraint::Fill(1)]).areas(top);
            panels::draw_traffic(self, pen, frame, left);
            panels::draw_customers(self, pen, frame, right);
        } else {
            panels::draw_traffic(self, pen, frame, top);
            panels::draw_customers(self, pen, frame, below);
        }
        let gates_area = pen.panel(frame, middle, panels::gates_title(self), None);
        frame.render_widget(Paragraph::new(gates), gates_area);
        let shift_area = pen.panel(frame, steps, Line::from(" Shift ").style(STRONG), None);
        frame.render_widget(Paragraph::new(shift), shift_area);
        panels::draw_timeline(self, pen, frame, timeline);
        panels::draw_command(self, pen, frame, bottom);
        frame.render_widget(self.footer(usize::from(footer.width)), footer);
    }

    /// Where there is no room, what matters most.
    fn draw_tiny(&self, frame: &mut Frame, area: Rect) {
        let share = self.look.and_then(|look| look.picture.green);
        let share = share.map_or("green's share isn't known".to_owned(), |green| format!("green serves {green}"));
        let (wide, high) = LEAST;
        let mut lines = vec![
            Line::styled(share, GREEN.patch(STRONG)),
            Line::from(format!("{}x{} is too small: it takes {wide}x{high}", area.width, area.height)),
            self.footer(usize::from(area.width)),
        ];
        lines.extend(self.troubles(area.width));
        frame.render_widget(Paragraph::new(lines), area);
    }

    fn header(&self, wide: u16) -> Line<'static> {
        let Place { system, suffix, account, aws } = self.place;
        let mut spans = vec![Span::styled(format!(" {system} {suffix} "), STRONG)];
        let word = if wide < ROOMY.0 { "" } else { "account " };
        spans.push(Span::styled(format!("│ {word}{account} │ "), QUIET));
        spans.push(Span::raw(aws.clone()));
        spans.push(Span::styled(" │ ", QUIET));
        match self.look {
            None => spans.push(Span::styled("not seen yet", QUIET)),
            Some(look) => {
                let late = self.now.duration_since(look.at).unsigned_abs();
                let (time, calls) = (look.at.strftime("%H:%M:%S UTC"), look.calls);
                let text = if late > self.every * 2 + LATE {
                    Span::styled(format!("seen {time}, {} ago!", strokes::duration(late)), WRONG)
                } else {
                    Span::raw(format!("seen {time}"))
                };
                spans.push(text);
                if wide >= ROOMY.0 {
                    let every = strokes::duration(self.every);
                    spans.push(Span::styled(format!(", every {every} │ {calls} calls"), QUIET));
                }
            }
        }
        cut(spans, usize::from(wide))
    }

    fn troubles(&self, wide: u16) -> Vec<Line<'static>> {
        let line = |text: String, style: Style| Line::styled(fit(&format!(" ! {text}"), usize::from(wide)), style);
        let unreadable = self.look.map(|look| unreadable(&look.picture)).unwrap_or_default();
        let wrong = self.troubles.iter().cloned().chain(unreadable).take(TROUBLES);
        let mut lines: Vec<_> = wrong.map(|text| line(text, WRONG)).collect();
        if self.look.is_some_and(|look| look.picture.changed_externally) {
            let text = "somebody else has changed weights: they aren't what the history ends with";
            lines.push(line(text.to_owned(), DOUBT));
        }
        if self.situation.abort_waits {
            let text = "the abort waits for the shift to hold; then all goes to blue in order. f: at once";
            lines.push(line(text.to_owned(), DOUBT));
        }
        lines
    }

    /// The keys that make sense at the moment, or the answer to the last one.
    fn footer(&self, wide: usize) -> Line<'static> {
        if let Some(said) = self.said {
            return Line::styled(fit(&format!(" {said}"), wide), DOUBT);
        }
        let mut keys: Vec<(char, &str)> = match self.open {
            Open::Asking(_) | Open::Leaving => vec![('y', "yes"), ('n', "no")],
            Open::Help => Vec::new(),
            Open::Nothing => {
                let sensible = Wish::ALL.into_iter().filter(|wish| self.situation.allows(*wish).is_ok());
                sensible.map(|wish| (wish.key(), wish.name())).collect()
            }
        };
        keys.extend(match self.open {
            Open::Nothing => vec![('?', "help"), ('q', "leave")],
            Open::Help => vec![('?', "close")],
            _ => Vec::new(),
        });
        let keys = keys.into_iter().flat_map(|(key, name)| {
            [
                Span::styled(format!(" {key} "), STRONG.add_modifier(ratatui::style::Modifier::REVERSED)),
                Span::raw(format!(" {name}  ")),
            ]
        });
        let mut spans = vec![Span::raw(" ")];
        spans.extend(keys);
        Line::from(spans)
    }
}

/// What couldn't be read of AWS, each reason once.
fn unreadable(picture: &Snapshot) -> Vec<String> {
    let levers = picture.levers.iter().filter_map(|(_, weights)| weights.as_ref().err());
    let levers = levers.map(|error| format!("can't be read: {}", words::step_error(&StepError::from(error.clone()))));
    let Readings { targets, alarms, blue, green } = &picture.readings;
    let targets = targets.iter().filter_map(|group| group.as_ref().err());
    let rest = alarms.as_ref().err().into_iter().chain(blue.as_ref().err()).chain(green.as_ref().err());
    let mut all: Vec<String> = Vec::new();
    for reason in levers.chain(targets.chain(rest).cloned()) {
        if !all.contains(&reason) {
            all.push(reason);
        }
    }
    all
}

/// How late a look may be, beyond the time between two.
const LATE: Duration = Duration::from_secs(3);

/// Draws panels: with a frame around where there is room, with a line above where there isn't.
#[derive(Clone, Copy, Debug)]
pub struct Pen {
    /// There is room.
    pub roomy: bool,
}

impl Pen {
    /// How wide both sides of a frame are, with a blank next to each.
    pub fn sides(self) -> usize {
        if self.roomy { 4 } else { 2 }
    }

    /// How high a panel with so many lines is.
    pub fn high(self, lines: usize) -> usize {
        lines + if self.roomy { 2 } else { 1 }
    }

    /// Draws a panel's frame, and gives the room inside.
    pub fn panel(self, frame: &mut Frame, area: Rect, title: Line<'static>, right: Option<Line<'static>>) -> Rect {
        let left = title.width();
        // A title lies on the frame, and would be as faint.
        let mut block = Block::new().border_style(FRAME).title_style(Color::Reset).title_top(title);
        if let Some(right) = right.filter(|right| left + right.width() + 4 < usize::from(area.width)) {
            block = block.title_top(right.right_aligned());
        }
        block = match self.roomy {
            true => block.borders(Borders::ALL).border_type(BorderType::Rounded),
            false => block.borders(Borders::TOP),
        };
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let margin = 1.min(inner.width);
        Rect { x: inner.x + margin, width: inner.width.saturating_sub(2 * margin), ..inner }
    }
}

/// Texts one after the other, as far as they fit.
pub fn cut(spans: Vec<Span<'static>>, wide: usize) -> Line<'static> {
    let mut left = wide;
    let mut fitting = Vec::new();
    for span in spans {
        let text = fit(&span.content, left);
        left -= width(&text);
        fitting.push(Span::styled(text, span.style));
    }
    Line::from(fitting)
}
