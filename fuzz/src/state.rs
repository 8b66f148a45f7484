//! The state file: it is refused, or it is what a build of its format would write; and what this build writes it can read.

use provisioner::state::{FORMAT, State};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Holds a state's text against the promises.
pub fn holds(text: &[u8]) -> bool {
    // What is no UTF-8 is refused before it comes to the state.
    let Ok(text) = str::from_utf8(text) else { return false };
    let accepted = is_refused_or_the_same(text);
    if let Ok(fields) = serde_json::from_str::<Value>(text) {
        // Nobody guesses a checksum: past it only comes what is given one.
        is_refused_or_the_same(&sealed(fields.clone()));
        if let Ok(state) = serde_json::from_value::<State>(fields) {
            can_be_kept(&state);
        }
    }
    accepted
}

/// What is written can be read, and is the same then.
pub fn can_be_kept(state: &State) {
    if state.format == FORMAT {
        let read = State::from_text("kept", &state.to_text());
        assert_eq!(&read.unwrap_or_else(|error| panic!("what was written can't be read: {error}")), state);
    }
}

fn is_refused_or_the_same(text: &str) -> bool {
    let Ok(state) = State::from_text("fuzzed", text) else { return false };
    let format = serde_json::from_str::<Value>(text).expect("it was accepted")["format"].as_u64();
    if format == Some(FORMAT.into()) {
        assert_eq!(state.to_text(), text, "accepted, and written otherwise");
    }
    can_be_kept(&state);
    true
}

/// As a state file is written, with the right checksum, whatever is in it.
fn sealed(mut fields: Value) -> String {
    if let Some(fields) = fields.as_object_mut() {
        fields.shift_remove("checksum");
        let checksum = Sha256::digest(serde_json::to_string(fields).expect("plain data"));
        let checksum: String = checksum.iter().map(|byte| format!("{byte:02x}")).collect();
        fields.insert("checksum".to_owned(), Value::String(checksum));
    }
    format!("{fields:#}\n")
}
