//! The journal: a crash may cut it anywhere and loses only the cut line; its entries can be applied to a state.

use provisioner::state::State;
use provisioner::state::journal::{Entry, parse};
use serde_json::Value;

use super::state::assert_round_trip;

/// Checks the invariants of a journal.
pub fn check(text: &[u8]) -> bool {
    let Ok(entries) = parse("fuzzed", text) else { return false };
    for cut in cuts(text.len()) {
        let lines = text[..cut].iter().filter(|byte| **byte == b'\n').count();
        let read = parse("cut", &text[..cut]).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        assert_eq!(read, complete(&entries[..lines.min(entries.len())]), "cut at {cut}");
    }
    let lines: String = entries.iter().map(Entry::line).collect();
    let again = parse("written", lines.as_bytes());
    assert_eq!(again.unwrap_or_else(|error| panic!("a written journal can't be read: {error}")), complete(&entries));
    if entries.iter().all(|entry| depth(&serde_json::to_value(entry).expect("plain data")) <= MAX_DEPTH) {
        assert_applies(entries.iter());
        assert_applies(entries.iter().rev());
        assert_applies(entries.iter().step_by(2).chain(&entries));
    }
    true
}

/// The entries without a last one that needs a following entry.
fn complete(entries: &[Entry]) -> &[Entry] {
    match entries {
        [complete @ .., Entry::Deposed { .. }] => complete,
        all => all,
    }
}

/// serde_json reads 127 levels, and a record is one level deeper in a state than in a journal. No spec is nearly as deep.
const MAX_DEPTH: usize = 126;

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Positions to cut at; they depend on the length.
fn cuts(length: usize) -> impl Iterator<Item = usize> {
    let step = length / 16 + 1;
    (length % step..length).step_by(step)
}

fn assert_applies<'a>(entries: impl Iterator<Item = &'a Entry>) {
    let mut state = State::new("lambda-mysql", "dev1", "111122223333", "us-east-1");
    entries.for_each(|entry| state.apply(entry.clone()));
    assert_round_trip(&state);
}
