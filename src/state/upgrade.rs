//! From each format of the state file to the next: one function a version. `golden/` holds a file of each format, as it was
//! written; none of them is ever changed.

use serde_json::{Map, Value};

use super::file::FORMAT;

/// A format's fields, checksum aside.
type Fields = Map<String, Value>;

/// The first leads from format 1 to format 2, and so on.
const UPGRADES: [fn(&mut Fields); FORMAT as usize - 1] = [from_1];

/// Brings the fields of an older format to today's. False if there never was such a format.
pub fn upgrade(fields: &mut Fields, from: u64) -> bool {
    let Some(passed) = usize::try_from(from).ok().and_then(|from| from.checked_sub(1)) else { return false };
    let Some(left) = UPGRADES.get(passed..) else { return false };
    left.iter().for_each(|upgrade| upgrade(fields));
    fields.insert("format".to_owned(), FORMAT.into());
    true
}

/// Format 2 says which provisioner wrote it, and each line of its journal carries a checksum.
fn from_1(fields: &mut Fields) {
    fields.insert("written_by".to_owned(), "0.1.0".into());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::file::{State, StateError, text_of};
    use super::*;

    const GOLDEN: [&str; FORMAT as usize] =
        [include_str!("golden/format-1.json"), include_str!("golden/format-2.json")];

    #[test]
    fn a_file_of_every_format_is_read_and_says_the_same() {
        let newest = State::from_text("newest", GOLDEN[GOLDEN.len() - 1]).unwrap();
        assert_eq!(newest.to_text(), GOLDEN[GOLDEN.len() - 1], "today's format is not what its golden file says");
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
    fn damage_in_an_older_format_is_no_upgrade() {
        for text in GOLDEN {
            for damaged in [text.replacen("vpc-0a", "vpc-0b", 1), text[..text.len() - 1].to_owned(), format!("{text} ")]
            {
                let error = State::from_text("golden", &damaged).unwrap_err();
                assert!(matches!(error, StateError::Damaged { .. }), "{error}");
            }
        }
    }

    #[test]
    fn formats_that_never_were_are_refused() {
        assert!(!upgrade(&mut Fields::new(), 0));
        let newer = text_of(json!({"format": FORMAT + 1}));
        assert!(
            matches!(State::from_text("newer", &newer), Err(StateError::Newer { found, .. }) if found == FORMAT + 1)
        );
        let zero = text_of(json!({"format": 0}));
        let error = State::from_text("zero", &zero).unwrap_err();
        assert!(error.to_string().contains("of no format that ever was"), "{error}");
    }
}
