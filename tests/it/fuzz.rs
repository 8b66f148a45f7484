//! Checks the invariants of the fuzz targets on all seeds, which include former findings.

use std::path::Path;

/// The invariants that the fuzz targets check.
#[path = "../../fuzz/src/lib.rs"]
mod invariants;

/// Checks all seeds of a target. Seeds named `bad-…` must be rejected, all others accepted: a seed of an outdated format is of no
/// use to the fuzzer.
fn check(target: &str, accepts: fn(&[u8]) -> bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        let is_bad = path.file_name().unwrap().to_string_lossy().starts_with("bad-");
        assert_eq!(accepts(&std::fs::read(&path).unwrap()), !is_bad, "{}", path.display());
        seen += 1;
    }
    assert!(seen > 0, "no seeds in {}", folder.display());
}

#[test]
fn configurations_are_rejected_or_can_be_composed() {
    check("config", invariants::config::check);
}

#[test]
fn states_are_rejected_or_read_back_unchanged() {
    check("state", invariants::state::check);
}

#[test]
fn journals_are_rejected_or_can_be_cut_and_applied() {
    check("journal", invariants::journal::check);
}
