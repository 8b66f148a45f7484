//! Upgrades of the state file from each format to the next. `golden/` has a file of each format as it was written; they are never
//! changed.

use serde_json::{Map, Value};

/// The version of the format that this build writes.
pub const FORMAT: u32 = 2;

/// The fields of a state file without the checksum.
type Fields = Map<String, Value>;

/// The first entry upgrades format 1 to format 2, and so on.
const UPGRADES: [fn(&mut Fields); FORMAT as usize - 1] = [from_1];

/// Upgrades the fields to [`FORMAT`]. False if there is no such format.
pub fn upgrade(fields: &mut Fields, from: u64) -> bool {
    let Some(done) = usize::try_from(from).ok().and_then(|from| from.checked_sub(1)) else { return false };
    let Some(pending) = UPGRADES.get(done..) else { return false };
    pending.iter().for_each(|upgrade| upgrade(fields));
    fields.insert("format".to_owned(), FORMAT.into());
    true
}

/// Format 2 names the version of provisioner that wrote the file; its journal has a checksum in each line.
fn from_1(fields: &mut Fields) {
    fields.insert("written_by".to_owned(), "0.1.0".into());
}
