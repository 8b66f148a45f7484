//! The seeds of the fuzz targets, and what has broken a promise once: this build keeps its promises for all of them.

use std::path::Path;

/// What the fuzz targets hold a text against.
#[path = "../../fuzz/src/lib.rs"]
mod promises;

/// Holds all seeds of a target. What is called `bad-…` is to be refused, and all else to be accepted: a seed that the format
/// has left behind leads a fuzzer nowhere.
fn hold(target: &str, holds: fn(&[u8]) -> bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        let is_bad = path.file_name().unwrap().to_string_lossy().starts_with("bad-");
        assert_eq!(holds(&std::fs::read(&path).unwrap()), !is_bad, "{}", path.display());
        seen += 1;
    }
    assert!(seen > 0, "nothing in {}", folder.display());
}

#[test]
fn configurations_are_refused_with_their_place_or_can_be_composed() {
    hold("config", promises::config::holds);
}

#[test]
fn states_are_refused_or_are_written_just_as_they_are_read() {
    hold("state", promises::state::holds);
}

#[test]
fn journals_are_refused_or_can_be_cut_and_taken_in() {
    hold("journal", promises::journal::holds);
}
