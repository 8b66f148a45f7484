//! The state file: it is rejected, or is exactly what a build with its format would write. A written state can be read.

use provisioner::state::{FORMAT, State};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Checks the invariants of a state's text.
pub fn check(text: &[u8]) -> bool {
    // Invalid UTF-8 is rejected before.
    let Ok(text) = str::from_utf8(text) else { return false };
    let accepted = is_accepted(text);
    if let Ok(fields) = serde_json::from_str::<Value>(text) {
        // No random text has a valid checksum, so this adds one.
        is_accepted(&with_checksum(fields.clone()));
        if let Ok(state) = serde_json::from_value::<State>(fields) {
            assert_round_trip(&state);
        }
    }
    accepted
}

/// Asserts that a written state reads back unchanged.
pub fn assert_round_trip(state: &State) {
    if state.format == FORMAT {
        let read = State::from_text("written", &state.to_text());
        assert_eq!(&read.unwrap_or_else(|error| panic!("a written state can't be read: {error}")), state);
    }
}

fn is_accepted(text: &str) -> bool {
    let Ok(state) = State::from_text("fuzzed", text) else { return false };
    let format = serde_json::from_str::<Value>(text).expect("it was accepted")["format"].as_u64();
    if format == Some(FORMAT.into()) {
        assert_eq!(state.to_text(), text, "accepted, but written differently");
    }
    assert_round_trip(&state);
    true
}

/// The text of a state file with these fields and a valid checksum.
fn with_checksum(mut fields: Value) -> String {
    if let Some(fields) = fields.as_object_mut() {
        fields.shift_remove("checksum");
        let checksum = Sha256::digest(serde_json::to_string(fields).expect("plain data"));
        let checksum: String = checksum.iter().map(|byte| format!("{byte:02x}")).collect();
        fields.insert("checksum".to_owned(), Value::String(checksum));
    }
    format!("{fields:#}\n")
}
