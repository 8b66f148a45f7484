//! Bars, sparklines and large digits.

use ratatui::text::Span;

use super::style::{BLUE, ERROR, GREEN};
use super::text::pad_left;
use crate::traffic::share::Split;

/// The split as a bar: blue's part shaded, green's part solid. A weight above zero is always visible.
pub fn split_bar(split: Split, columns: usize) -> [Span<'static>; 2] {
    let (blue, green) = (u64::from(split.blue), u64::from(split.green));
    let total = blue + green;
    if total == 0 {
        return [Span::styled("·".repeat(columns), ERROR), Span::raw("")];
    }
    let exact = green as f64 * columns as f64 / total as f64;
    let min = usize::from(green > 0);
    let max = columns.saturating_sub(usize::from(blue > 0));
    let solid = (exact.round() as usize).max(min).min(max);
    [Span::styled("░".repeat(columns - solid), BLUE), Span::styled("█".repeat(solid), GREEN)]
}

/// Both weights in percent; `None` if both are zero.
pub fn percentages(split: Split) -> Option<(String, String)> {
    let total = f64::from(split.blue) + f64::from(split.green);
    let percent = |weight: u32| (f64::from(weight) * 1000.0 / total).round() / 10.0;
    (total > 0.0).then(|| (format!("{} %", percent(split.blue)), format!("{} %", percent(split.green))))
}

/// The latest values that fit, the newest on the right. The lowest level is zero.
pub fn sparkline<'a>(values: impl DoubleEndedIterator<Item = &'a Option<f64>> + Clone, columns: usize) -> String {
    // Without the full block, so that lines above each other stay apart.
    const LEVELS: [char; 7] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇'];
    let shown: Vec<_> = values.rev().take(columns).collect();
    let top = shown.iter().filter_map(|value| **value).fold(0.0, f64::max);
    let level = |value: &f64| {
        let part = if top > 0.0 { value / top } else { 0.0 };
        LEVELS[((part * 6.0).round() as usize).min(6)]
    };
    let line: String = shown.iter().rev().map(|value| value.as_ref().map_or(' ', level)).collect();
    pad_left(&line, columns)
}

/// Three lines of large digits.
pub fn large(text: &str) -> [String; 3] {
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

    use super::super::text::width;
    use super::*;

    proptest! {
        #[test]
        fn bars_fill_their_width_and_show_each_weight(blue in 0u32..=999, green in 0u32..=999, columns in 2usize..60) {
            let [shaded, solid] = split_bar(Split { blue, green }, columns);
            prop_assert_eq!(shaded.width() + solid.width(), columns);
            if blue + green > 0 {
                prop_assert_eq!((shaded.width() > 0, solid.width() > 0), (blue > 0, green > 0));
            }
        }
    }

    #[test]
    fn sparklines_start_at_zero_and_skip_unknown_values() {
        let values = [Some(1.0), None, Some(0.0), Some(3.0), Some(6.0)];
        assert_eq!(sparkline(values.iter(), 4), " ▁▄▇");
        assert_eq!(sparkline(values.iter(), 7), "  ▂ ▁▄▇");
        assert_eq!(sparkline([Some(0.0)].iter(), 2), " ▁");
    }

    #[test]
    fn large_digits_have_equal_line_widths() {
        for text in ["0", "1 %", "2345 %", "6789?", "100 %"] {
            let widths = large(text).map(|line| width(&line));
            assert!(widths[0] > 0 && widths.iter().all(|wide| *wide == widths[0]), "{text}: {widths:?}");
        }
    }
}
