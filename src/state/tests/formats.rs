//! State files of every format and of earlier builds are read.

use serde_json::{Map, Value, json};

use super::*;
use crate::state::file::text_of;
use crate::state::upgrade::upgrade;
use crate::state::{FORMAT, StateError};

const GOLDEN: [&str; FORMAT as usize] =
    [include_str!("../golden/format-1.json"), include_str!("../golden/format-2.json")];

/// States that an earlier build wrote after an apply, trimmed to one step for each kind of value.
const WRITTEN: [&str; 2] =
    [include_str!("../golden/lambda-mysql.json"), include_str!("../golden/fargate-postgres.json")];

#[test]
fn states_of_an_earlier_build_are_written_back_unchanged() {
    for text in WRITTEN {
        let state = State::from_text("written", text).unwrap();
        assert_eq!(state.to_text(), text);
        assert!(state.steps.len() >= 20 && state.steps.values().any(|record| record.shared), "{}", state.system);
        assert!(state.levers.is_some() && !state.outputs.is_empty());
    }
}

#[test]
fn every_format_is_upgraded_to_the_same_state() {
    let newest = State::from_text("newest", GOLDEN[GOLDEN.len() - 1]).unwrap();
    assert_eq!(newest.to_text(), GOLDEN[GOLDEN.len() - 1], "the current format differs from its golden file");
    for (index, text) in GOLDEN.iter().enumerate() {
        let format = index as u64 + 1;
        assert_eq!(serde_json::from_str::<Value>(text).unwrap()["format"], format);
        let state = State::from_text("golden", text).unwrap_or_else(|error| panic!("format {format}: {error}"));
        assert_eq!(state, newest, "format {format}");
        let again = State::from_text("again", &state.to_text()).unwrap();
        assert_eq!(again, state, "format {format}, written as format {FORMAT}");
    }
}

#[test]
fn damage_in_an_older_format_is_detected() {
    for text in GOLDEN {
        for damaged in [text.replacen("vpc-0a", "vpc-0b", 1), text[..text.len() - 1].to_owned(), format!("{text} ")] {
            let error = State::from_text("golden", &damaged).unwrap_err();
            assert!(matches!(error, StateError::Damaged { .. }), "{error}");
        }
    }
}

#[test]
fn unknown_formats_are_refused() {
    assert!(!upgrade(&mut Map::new(), 0));
    let newer = text_of(json!({"format": FORMAT + 1}));
    assert!(matches!(State::from_text("newer", &newer), Err(StateError::Newer { found, .. }) if found == FORMAT + 1));
    let zero = text_of(json!({"format": 0}));
    let error = State::from_text("zero", &zero).unwrap_err();
    assert!(error.to_string().contains("its format is unknown"), "{error}");
}
