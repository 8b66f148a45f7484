//! Text of a given width: cut, wrapped, padded.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::text::{Line, Span};

use crate::report::words;

/// The width of a text on the screen.
pub fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// The text, cut to this width with `…`.
pub fn fit(text: &str, max: usize) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let mut cut = String::new();
    for letter in text.chars() {
        if width(&cut) + width(letter.encode_utf8(&mut [0; 4])) >= max {
            break;
        }
        cut.push(letter);
    }
    if max > 0 {
        cut.push('…');
    }
    cut
}

/// The spans, cut to this width.
pub fn fit_spans(spans: Vec<Span<'static>>, max: usize) -> Line<'static> {
    let mut left = max;
    let mut fitting = Vec::new();
    for span in spans {
        let text = fit(&span.content, left);
        left -= width(&text);
        fitting.push(Span::styled(text, span.style));
    }
    Line::from(fitting)
}

/// The text in lines of at most this width, and at most this many lines; the last one is cut with `…`.
pub fn wrap(text: &str, max: usize, lines: usize) -> Vec<String> {
    let mut wrapped: Vec<String> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if wrapped.len() + 1 >= lines {
            wrapped.push(fit(rest, max));
            break;
        }
        let (line, after) = split_line(rest, max.max(1));
        wrapped.push(line.to_owned());
        rest = after;
    }
    wrapped
}

/// The words that fit, and the rest. A word that is too long is broken.
fn split_line(text: &str, max: usize) -> (&str, &str) {
    let (mut used, mut space) = (0, None);
    for (at, letter) in text.char_indices() {
        if letter == ' ' {
            space = Some(at);
        }
        used += width(letter.encode_utf8(&mut [0; 4]));
        if used > max {
            // A first letter that is too wide is taken anyway, so that the rest gets shorter.
            let end = space.unwrap_or(if at == 0 { letter.len_utf8() } else { at });
            return (text[..end].trim_end(), text[end..].trim_start());
        }
    }
    (text, "")
}

/// The text, padded with blanks on the right.
pub fn pad(text: &str, to: usize) -> String {
    let text = fit(text, to);
    let missing = to - width(&text);
    text + &" ".repeat(missing)
}

/// The text, padded with blanks on the left.
pub fn pad_left(text: &str, to: usize) -> String {
    let text = fit(text, to);
    " ".repeat(to - width(&text)) + &text
}

/// `8 s`, `2 min`: without fractions of a second, which change too fast to read.
pub fn duration(time: Duration) -> String {
    let whole = Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0));
    if whole < Duration::from_secs(10) { format!("{} s", whole.as_secs()) } else { words::duration(whole) }
}

/// The time of day, and the day unless it is today.
pub fn time(at: Timestamp, now: Timestamp) -> String {
    let day = |time: Timestamp| time.to_zoned(TimeZone::UTC).date();
    at.strftime(if day(at) == day(now) { "%H:%M:%S" } else { "%m-%d %H:%M" }).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn wrapped_text_fits_and_keeps_all_letters(text in "[a-zé日 ]{0,60}", max in 2usize..20) {
            let lines = wrap(&text, max, usize::MAX);
            prop_assert!(lines.iter().all(|line| width(line) <= max && !line.is_empty()), "{:?}", lines);
            let letters = |text: &str| text.replace(' ', "");
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }

        #[test]
        fn cut_text_fits(text in "[a-zé日]{0,30}", max in 0usize..20) {
            let cut = fit(&text, max);
            prop_assert!(width(&cut) <= max);
            prop_assert!(cut == text || max == 0 || cut.ends_with('…'));
            prop_assert_eq!(width(&pad(&text, max)), max);
            prop_assert_eq!(width(&pad_left(&text, max)), max);
        }
    }

    #[test]
    fn last_line_is_cut() {
        assert_eq!(wrap("one two three four", 9, 2), ["one two", "three fo…"]);
        assert_eq!(wrap("", 9, 2), [""; 0]);
    }
}
