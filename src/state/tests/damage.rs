//! Truncated files and flipped bits are detected, and nothing is lost.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::state::{StateError, Store};

/// A folder with a state of `dev1`.
struct Fixture {
    folder: TempDir,
    store: Store,
}

impl Fixture {
    fn new(state: &State) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fixture = Fixture { store: Store::folder(folder.path()), folder };
        fs::write(fixture.path("json"), state.to_text()).unwrap();
        fixture
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.folder.path().join(format!("dev1.{extension}"))
    }

    /// Opens the state with these bytes in a file, which an error must not change.
    fn open(&self, path: &Path, bytes: &[u8]) -> Result<State, StateError> {
        fs::write(path, bytes).unwrap();
        let fresh = || panic!("a state or journal exists");
        let opened = block_on(self.store.open("dev1", "provisioner apply", fresh));
        if opened.is_err() {
            assert!(fs::read(path).unwrap() == bytes, "{} was touched", path.display());
        }
        opened.map(|session| session.state())
    }
}

/// The text with each bit flipped, and the position of the bit.
fn flipped(text: &str) -> impl Iterator<Item = (String, Vec<u8>)> {
    (0..text.len() * 8).map(move |at| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at / 8] ^= 1 << (at % 8);
        (format!("bit {} of byte {} ({:?})", at % 8, at / 8, char::from(text.as_bytes()[at / 8])), bytes)
    })
}

/// The error says that the state is damaged, and names the file.
fn assert_damaged(error: &StateError, path: &Path) {
    let StateError::Damaged { .. } = error else { panic!("{error}") };
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
}

#[test]
fn state_truncated_at_any_byte_is_refused_and_kept() {
    let state = state();
    let fixture = Fixture::new(&state);
    let (path, text) = (fixture.path("json"), state.to_text());
    for length in 0..text.len() {
        let error = fixture.open(&path, &text.as_bytes()[..length]).expect_err(&format!("the first {length} bytes"));
        assert_damaged(&error, &path);
    }
    assert_eq!(fixture.open(&path, text.as_bytes()).unwrap(), state);
}

#[test]
fn state_with_any_flipped_bit_is_refused() {
    let state = state();
    let (path, text) = (Path::new("state/dev1.json"), state.to_text());
    for (which, bytes) in flipped(&text) {
        // Bytes that aren't UTF-8: see the next test.
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        assert_damaged(&State::from_text("state/dev1.json", &changed).expect_err(&which), path);
    }
}

#[test]
fn state_and_generation_with_invalid_utf8_are_refused() {
    let state = state();
    let fixture = Fixture::new(&state);
    let mut bytes = state.to_text().into_bytes();
    bytes[20] ^= 0x80;
    let error = fixture.open(&fixture.path("json"), &bytes).unwrap_err();
    assert_damaged(&error, &fixture.path("json"));

    // A replace keeps it as a generation, which is refused too.
    block_on(fixture.store.replace("dev1", "provisioner state push", state.clone())).unwrap();
    let generations = block_on(fixture.store.generations("dev1")).unwrap();
    let old = generations.iter().find(|generation| !generation.current).expect("a generation");
    let error = block_on(fixture.store.generation("dev1", &old.id)).unwrap_err();
    assert_damaged(&error, &fixture.path("json"));
    assert!(error.to_string().contains(&old.id), "{error}");
    assert_eq!(block_on(fixture.store.read("dev1")).unwrap().unwrap().steps, state.steps);
}

#[test]
fn journal_truncated_at_any_byte_keeps_all_complete_entries() {
    let state = state();
    let writes = writes(&state);
    let text = journal(writes.iter().flatten());
    // The length of the journal after each entry, and the entries that count then.
    let mut prefixes = vec![(0, Vec::new())];
    for write in &writes {
        for (at, entry) in write.iter().enumerate() {
            let (length, mut entries) = prefixes.last().cloned().unwrap();
            // `Deposed` counts together with the intent of the replacement only.
            entries.extend(match (entry, write.get(at.wrapping_sub(1))) {
                (Entry::Deposed { .. }, _) => vec![],
                (_, Some(deposed @ Entry::Deposed { .. })) => vec![deposed.clone(), entry.clone()],
                _ => vec![entry.clone()],
            });
            prefixes.push((length + entry.line().len(), entries));
        }
    }
    for length in 0..=text.len() {
        let (_, expected) = prefixes.iter().rfind(|(whole, _)| *whole <= length).unwrap();
        let entries = crate::state::journal::parse("journal", &text.as_bytes()[..length]).unwrap();
        assert_eq!(&entries, expected, "the first {length} bytes");
    }
    assert_eq!(prefixes.last().unwrap(), &(text.len(), writes.concat()));
}

#[test]
fn journal_with_any_flipped_bit_is_refused_with_its_line() {
    let state = state();
    let fixture = Fixture::new(&state);
    let (path, text) = (fixture.path("journal"), journal(writes(&state).iter().flatten()));
    for (which, bytes) in flipped(&text) {
        let error = crate::state::journal::parse("journal", &bytes).expect_err(&which);
        assert!(
            matches!(error, StateError::Journal { .. }) && error.to_string().contains(": line "),
            "{which}: {error}"
        );
    }
    // On disk: neither the journal nor the state is touched.
    let before = fs::read(fixture.path("json")).unwrap();
    for (which, bytes) in flipped(&text).step_by(101) {
        let error = fixture.open(&path, &bytes).expect_err(&which);
        assert!(matches!(error, StateError::Journal { .. }), "{which}: {error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    assert!(fs::read(fixture.path("json")).unwrap() == before);
    // A restore moves it aside.
    let damaged = fs::read(&path).unwrap();
    let aside = block_on(fixture.store.replace("dev1", "provisioner state restore", state.clone())).unwrap().unwrap();
    assert!(fs::read(&aside).unwrap() == damaged && !path.exists(), "{aside}");
    assert_eq!(block_on(fixture.store.suffixes()).unwrap(), ["dev1"]);
    fs::write(fixture.path("json"), before).unwrap();
    assert!(fixture.open(&path, text.as_bytes()).unwrap().steps.contains_key(&"blue/queues/payments".into()));
}

#[test]
fn journal_counts_without_its_state_or_with_an_older_one() {
    let state = state();
    let journalled = journal(writes(&state).iter().flatten());
    let open = |file: Option<State>| {
        let fixture = Fixture::new(&state);
        fs::write(fixture.path("journal"), &journalled).unwrap();
        match file {
            Some(older) => fs::write(fixture.path("json"), older.to_text()).unwrap(),
            None => fs::remove_file(fixture.path("json")).unwrap(),
        }
        // A read without a lock merges it too.
        let seen = block_on(fixture.store.read("dev1")).unwrap().unwrap().steps;
        let fresh = || panic!("the journal names its deployment");
        let opened = block_on(fixture.store.open("dev1", "provisioner apply", fresh)).unwrap().state();
        assert!(!fixture.path("journal").exists() && block_on(fixture.store.read("dev1")).unwrap().unwrap() == opened);
        assert!(opened.serial > state.serial && opened.steps == seen, "{opened:?}");
        let aside = fs::read_dir(fixture.folder.path()).unwrap().flatten();
        let aside = aside.filter(|entry| entry.file_name().to_str().unwrap().starts_with("dev1.journal."));
        (opened, aside.count())
    };
    let older = State { serial: state.serial - 1, ..state.clone() };
    for (opened, aside) in [open(None), open(Some(older))] {
        assert!(opened.steps.contains_key(&"blue/queues/payments".into()), "{opened:?}");
        assert_eq!((&opened.lineage, opened.format, aside), (&state.lineage, state.format, 0));
        assert_eq!((&opened.system, &opened.account, &opened.region), (&state.system, &state.account, &state.region));
    }
    // A merged journal is ignored, and so is one of another lineage, which is fixture.
    let newer = State { serial: state.serial + 1, ..state.clone() };
    let other = State { lineage: "other".to_owned(), ..state.clone() };
    for (file, kept) in [(newer, 0), (other, 1)] {
        let (opened, aside) = open(Some(file));
        assert!(!opened.steps.contains_key(&"blue/queues/payments".into()));
        assert_eq!(aside, kept);
    }
}

#[test]
fn replace_keeps_the_journal() {
    let state = state();
    let journalled = journal(writes(&state).iter().flatten());
    let payments = StepId::from("blue/queues/payments");
    let older = State { serial: state.serial - 1, ..state.clone() };
    let other = State { lineage: "other".to_owned(), ..state.clone() };
    // The old state, the new state, and whether the journal ends up in a generation, in the new state, or aside.
    for (old, new, found) in [
        (Some(&state), &older, (true, false, false)),
        // An older state was copied back by hand.
        (Some(&older), &older, (true, false, false)),
        (None, &older, (false, true, false)),
        (None, &other, (false, false, true)),
        (Some(&other), &other, (false, false, true)),
    ] {
        let fixture = Fixture::new(&state);
        fs::write(fixture.path("json"), old.map_or("{".to_owned(), State::to_text)).unwrap();
        fs::write(fixture.path("journal"), &journalled).unwrap();
        let aside = block_on(fixture.store.replace("dev1", "provisioner state push", new.clone())).unwrap();
        let generations = block_on(fixture.store.generations("dev1")).unwrap();
        let generations = generations.iter().filter(|one| !one.current);
        let mut generations =
            generations.filter_map(|one| block_on(fixture.store.generation("dev1", &one.id)).ok().flatten());
        let in_one = generations.any(|one| one.steps.contains_key(&payments));
        let current = block_on(fixture.store.read("dev1")).unwrap().unwrap();
        assert_eq!((in_one, current.steps.contains_key(&payments), aside.is_some()), found);
        assert!(current.serial > state.serial);
        assert!(aside.is_none_or(|aside| fs::read_to_string(aside).unwrap() == journalled));
    }
}

/// A journal of the first builds, without checksums.
const OLDER: &str = r#"{"event":"opened","lineage":"0f","serial":7}
{"event":"intent","step":"a","intent":{"kind":"ec2.vpc","region":"us-east-1","spec":{"checksum":"x"},"tags":{},"dependencies":[],"token":"t"}}
{"event":"deleted","step":"b","deposed":false}
"#;

#[test]
fn journal_of_an_earlier_build_without_checksums_is_read() {
    let read = |text: &str| crate::state::journal::parse("journal", text);
    let entries = read(OLDER).unwrap();
    let expected = Entry::Deleted { step: "b".into(), deposed: false };
    assert!(entries.len() == 3 && entries[2] == expected, "{entries:?}");
    // A later build appends to it.
    assert_eq!(read(&format!("{OLDER}{}", expected.line())).unwrap().len(), 4);
    assert_eq!(read(&OLDER[..OLDER.len() - 1]).unwrap().len(), 2, "a truncated line");
    for damaged in [
        OLDER.replacen("\"a\"", "\"a\",\"b\":1", 1),
        OLDER.replacen("}\n{", "}J{", 1),
        OLDER.replacen("}\n", "}\n\n", 1),
    ] {
        read(&damaged).expect_err(&damaged);
    }
    assert!(read(&format!("{}J", &OLDER[..OLDER.len() - 1])).is_err(), "a changed line end");
}

#[test]
fn journal_with_a_truncated_header_is_started_again() {
    let state = state();
    let fixture = Fixture::new(&state);
    fs::write(fixture.path("journal"), &journal(writes(&state).iter().flatten())[..30]).unwrap();
    let step = StepId::from("blue/queues/other");
    let session = block_on(fixture.store.open("dev1", "provisioner apply", || panic!("there is a state"))).unwrap();
    assert_eq!(session.state(), state, "the journal has no entry");
    let intended = Entry::Intent { step: step.clone(), intent: Box::new(intent(&step.0, "token")) };
    block_on(session.record([intended])).unwrap();
    // The run dies.
    drop(session);
    let read = block_on(fixture.store.read("dev1")).unwrap().unwrap();
    assert_eq!(read.intents[&step], intent(&step.0, "token"));
}

#[test]
fn generations_with_equal_timestamps_are_both_kept() {
    let mut state = state();
    let fixture = Fixture::new(&state);
    let moment = fs::metadata(fixture.path("json")).unwrap().modified().unwrap();
    for serial in 42..=44 {
        state.serial = serial - 1;
        block_on(fixture.store.replace("dev1", "provisioner state push", state.clone())).unwrap();
        fs::File::options().write(true).open(fixture.path("json")).unwrap().set_modified(moment).unwrap();
    }
    let generations = block_on(fixture.store.generations("dev1")).unwrap();
    assert!(generations.len() == 4 && generations[0].current, "{generations:?}");
    let serials =
        generations[1..].iter().map(|one| block_on(fixture.store.generation("dev1", &one.id)).unwrap().unwrap().serial);
    assert_eq!(serials.collect::<Vec<_>>(), [43, 42, 41]);
}
