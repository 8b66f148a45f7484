//! The journal: a crash may cut it anywhere, and costs the cut line only; what it says can be taken into a state.

use provisioner::state::State;
use provisioner::state::journal::{Entry, parse};
use serde_json::Value;

use super::state::can_be_kept;

/// Holds a journal against the promises.
pub fn holds(text: &[u8]) -> bool {
    let Ok(entries) = parse("fuzzed", text) else { return false };
    for cut in cuts(text.len()) {
        let lines = text[..cut].iter().filter(|byte| **byte == b'\n').count();
        let left = parse("cut", &text[..cut]).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        assert_eq!(left, begun(&entries[..lines.min(entries.len())]), "cut at {cut}");
    }
    let lines: String = entries.iter().map(Entry::line).collect();
    let again = parse("written", lines.as_bytes());
    assert_eq!(again.unwrap_or_else(|error| panic!("what was written can't be read: {error}")), begun(&entries));
    if entries.iter().all(|entry| depth(&serde_json::to_value(entry).expect("plain data")) <= DEEPEST) {
        can_be_taken_in(entries.iter());
        can_be_taken_in(entries.iter().rev());
        can_be_taken_in(entries.iter().step_by(2).chain(&entries));
    }
    true
}

/// Without a last entry that only counts with the one behind it.
fn begun(entries: &[Entry]) -> &[Entry] {
    match entries {
        [begun @ .., Entry::Deposed { .. }] => begun,
        all => all,
    }
}

/// serde_json reads 127 levels, and a record lies one deeper in a state than in a journal. No spec comes near that.
const DEEPEST: usize = 126;

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Some places to cut at; others for every length.
fn cuts(length: usize) -> impl Iterator<Item = usize> {
    let step = length / 16 + 1;
    (length % step..length).step_by(step)
}

fn can_be_taken_in<'a>(entries: impl Iterator<Item = &'a Entry>) {
    let mut state = State::new("lambda-mysql", "dev1", "111122223333", "us-east-1");
    entries.for_each(|entry| state.apply(entry.clone()));
    can_be_kept(&state);
}
