//! What panels are drawn of: colours, bars, sparklines, big digits, lines of a width.
//!
//! No colour says anything alone: blue and green have shades of their own in bars, and verdicts have marks.

use std::time::Duration;

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

use crate::report::words;
use crate::traffic::check::Verdict;
use crate::traffic::share::Split;

/// Of blue.
pub const BLUE: Style = Style::new().fg(Color::Indexed(39));
/// Of green.
pub const GREEN: Style = Style::new().fg(Color::Indexed(42));
/// Of what is well.
pub const WELL: Style = Style::new().fg(Color::Indexed(42));
/// Of what nobody knows, or that people should see.
pub const DOUBT: Style = Style::new().fg(Color::Indexed(214));
/// Of what is wrong.
pub const WRONG: Style = Style::new().fg(Color::Indexed(203));
/// Of what is there if it is needed.
pub const QUIET: Style = Style::new().fg(Color::Indexed(245));
/// Of frames.
pub const FRAME: Style = Style::new().fg(Color::Indexed(240));
/// Of what is read first.
pub const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);

/// The mark of a verdict, and its style.
pub fn mark(verdict: Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Pass => ("✓", WELL),
        Verdict::Inconclusive => ("?", DOUBT),
        Verdict::Fail => ("✗", WRONG.add_modifier(Modifier::BOLD)),
    }
}

/// How wide a text is on the screen.
pub fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// The text, or as much of it as fits.
pub fn fit(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut cut = String::new();
    for letter in text.chars() {
        if width(&cut) + width(letter.encode_utf8(&mut [0; 4])) >= most {
            break;
        }
        cut.push(letter);
    }
    if most > 0 {
        cut.push('…');
    }
    cut
}

/// The text in lines of at most this width, at most so many; the last one says by its end if there is more.
pub fn wrap(text: &str, most: usize, lines: usize) -> Vec<String> {
    let mut wrapped: Vec<String> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if wrapped.len() + 1 >= lines {
            wrapped.push(fit(rest, most));
            break;
        }
        let (line, after) = split(rest, most.max(1));
        wrapped.push(line.to_owned());
        rest = after;
    }
    wrapped
}

/// As many words as fit, and what comes after them. A word that is too long is broken.
fn split(text: &str, most: usize) -> (&str, &str) {
    let (mut used, mut space) = (0, None);
    for (at, letter) in text.char_indices() {
        if letter == ' ' {
            space = Some(at);
        }
        used += width(letter.encode_utf8(&mut [0; 4]));
        if used > most {
            // A first letter that is too wide is taken all the same: something has to be.
            let end = space.unwrap_or(if at == 0 { letter.len_utf8() } else { at });
            return (text[..end].trim_end(), text[end..].trim_start());
        }
    }
    (text, "")
}

/// The text, and blanks up to this width.
pub fn pad(text: &str, to: usize) -> String {
    let text = fit(text, to);
    let missing = to - width(&text);
    text + &" ".repeat(missing)
}

/// Blanks up to this width, and the text.
pub fn pad_left(text: &str, to: usize) -> String {
    let text = fit(text, to);
    " ".repeat(to - width(&text)) + &text
}

/// `8 s`, `2 min`: no parts of a second, which nobody reads while they change.
pub fn duration(time: Duration) -> String {
    let whole = Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0));
    if whole < Duration::from_secs(10) { format!("{} s", whole.as_secs()) } else { words::duration(whole) }
}

/// How two weights share the traffic: blue's part shaded, green's part full. Whoever serves anything is seen.
pub fn bar(split: Split, wide: usize) -> [Span<'static>; 2] {
    let (blue, green) = (u64::from(split.blue), u64::from(split.green));
    let total = blue + green;
    if total == 0 {
        return [Span::styled("·".repeat(wide), WRONG), Span::raw("")];
    }
    let exact = green as f64 * wide as f64 / total as f64;
    let least = usize::from(green > 0);
    let most = wide.saturating_sub(usize::from(blue > 0));
    let full = (exact.round() as usize).max(least).min(most);
    [Span::styled("░".repeat(wide - full), BLUE), Span::styled("█".repeat(full), GREEN)]
}

/// The percents of two weights; `None` if both are zero.
pub fn percents(split: Split) -> Option<(String, String)> {
    let total = f64::from(split.blue) + f64::from(split.green);
    let percent = |weight: u32| (f64::from(weight) * 1000.0 / total).round() / 10.0;
    (total > 0.0).then(|| (format!("{} %", percent(split.blue)), format!("{} %", percent(split.green))))
}

/// The latest values, as many as there is room for, the newest on the right. The lowest line is zero.
pub fn sparkline<'a>(values: impl DoubleEndedIterator<Item = &'a Option<f64>> + Clone, wide: usize) -> String {
    // None is as high as its line: what stands above stays apart.
    const LEVELS: [char; 7] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇'];
    let shown: Vec<_> = values.rev().take(wide).collect();
    let top = shown.iter().filter_map(|value| **value).fold(0.0, f64::max);
    let level = |value: &f64| {
        let part = if top > 0.0 { value / top } else { 0.0 };
        LEVELS[((part * 6.0).round() as usize).min(6)]
    };
    let drawn: String = shown.iter().rev().map(|value| value.as_ref().map_or(' ', level)).collect();
    pad_left(&drawn, wide)
}

/// Three lines of big digits.
pub fn big(text: &str) -> [String; 3] {
    let mut lines: [String; 3] = Default::default();
    for (at, letter) in text.chars().enumerate() {
        let gap = if at == 0 { "" } else { " " };
        for (line, part) in lines.iter_mut().zip(glyph(letter)) {
            line.push_str(gap);
            line.push_str(part);
        }
    }
    lines
}

fn glyph(letter: char) -> [&'static str; 3] {
    match letter {
        '0' => ["█▀▀█", "█  █", "█▄▄█"],
        '1' => ["▄█ ", " █ ", "▄█▄"],
        '2' => ["▀▀▀█", "█▀▀▀", "█▄▄▄"],
        '3' => ["▀▀▀█", " ▀▀█", "▄▄▄█"],
        '4' => ["█  █", "▀▀▀█", "   █"],
        '5' => ["█▀▀▀", "▀▀▀█", "▄▄▄█"],
        '6' => ["█▀▀▀", "█▀▀█", "█▄▄█"],
        '7' => ["▀▀▀█", "   █", "   █"],
        '8' => ["█▀▀█", "█▀▀█", "█▄▄█"],
        '9' => ["█▀▀█", "▀▀▀█", "▄▄▄█"],
        '%' => ["██ ▄▀", " ▄▀  ", "▀  ██"],
        '?' => ["▀▀▀█", "  █▀", "  ▄ "],
        _ => ["  ", "  ", "  "],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bar_is_as_wide_as_it_should_be_and_shows_whoever_serves(blue in 0u32..=999, green in 0u32..=999, wide in 2usize..60) {
            let [shaded, full] = bar(Split { blue, green }, wide);
            prop_assert_eq!(shaded.width() + full.width(), wide);
            if blue + green > 0 {
                prop_assert_eq!((shaded.width() > 0, full.width() > 0), (blue > 0, green > 0));
            }
        }

        #[test]
        fn wrapped_text_fits_and_loses_no_letter(text in "[a-zé日 ]{0,60}", most in 2usize..20) {
            let lines = wrap(&text, most, usize::MAX);
            prop_assert!(lines.iter().all(|line| width(line) <= most && !line.is_empty()), "{:?}", lines);
            let letters = |text: &str| text.replace(' ', "");
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }

        #[test]
        fn cut_text_fits(text in "[a-zé日]{0,30}", most in 0usize..20) {
            let cut = fit(&text, most);
            prop_assert!(width(&cut) <= most);
            prop_assert!(cut == text || most == 0 || cut.ends_with('…'));
            prop_assert_eq!(width(&pad(&text, most)), most);
            prop_assert_eq!(width(&pad_left(&text, most)), most);
        }
    }

    #[test]
    fn what_does_not_fit_into_the_last_line_is_cut_there() {
        assert_eq!(wrap("one two three four", 9, 2), ["one two", "three fo…"]);
        assert_eq!(wrap("", 9, 2), [""; 0]);
    }

    #[test]
    fn sparklines_begin_at_zero_and_leave_out_what_is_not_known() {
        let values = [Some(1.0), None, Some(0.0), Some(3.0), Some(6.0)];
        assert_eq!(sparkline(values.iter(), 4), " ▁▄▇");
        assert_eq!(sparkline(values.iter(), 7), "  ▂ ▁▄▇");
        assert_eq!(sparkline([Some(0.0)].iter(), 2), " ▁");
    }

    #[test]
    fn all_digits_stand_in_columns() {
        for text in ["0", "1 %", "2345 %", "6789?", "100 %"] {
            let widths = big(text).map(|line| width(&line));
            assert!(widths[0] > 0 && widths.iter().all(|wide| *wide == widths[0]), "{text}: {widths:?}");
        }
    }
}
