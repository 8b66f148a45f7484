//! Files that are cut off, bits that are flipped: refused, and nothing is lost over it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::state::{StateError, Store};

/// A folder with a state of `dev1`.
struct Kept {
    folder: TempDir,
    store: Store,
}

impl Kept {
    fn new(state: &State) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept { store: Store::folder(folder.path()), folder };
        fs::write(kept.path("json"), state.to_text()).unwrap();
        kept
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.folder.path().join(format!("dev1.{extension}"))
    }

    /// What a run is told that opens the state; it finds and leaves these bytes.
    fn open(&self, path: &Path, bytes: &[u8]) -> Result<State, StateError> {
        fs::write(path, bytes).unwrap();
        let fresh = || panic!("nothing is made anew where something is");
        let opened = now(self.store.open("dev1", "provisioner apply", fresh));
        if opened.is_err() {
            assert!(fs::read(path).unwrap() == bytes, "{} was touched", path.display());
        }
        opened.map(|session| session.state())
    }
}

/// Every way to flip one bit: where, and what comes of it.
fn flipped(text: &str) -> impl Iterator<Item = (String, Vec<u8>)> {
    (0..text.len() * 8).map(move |at| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at / 8] ^= 1 << (at % 8);
        (format!("bit {} of byte {} ({:?})", at % 8, at / 8, char::from(text.as_bytes()[at / 8])), bytes)
    })
}

/// The text names the file and the way back.
fn assert_explained(error: &StateError, path: &Path) {
    let said = error.to_string();
    let StateError::Damaged { .. } = error else { panic!("{said}") };
    assert!(said.contains(path.to_str().unwrap()) && said.contains("provisioner state restore"), "{said}");
}

#[test]
fn a_state_that_is_cut_off_after_any_byte_is_refused_and_left_as_it_is() {
    let state = state();
    let kept = Kept::new(&state);
    let (path, text) = (kept.path("json"), state.to_text());
    for length in 0..text.len() {
        let error = kept.open(&path, &text.as_bytes()[..length]).expect_err(&format!("the first {length} bytes"));
        assert_explained(&error, &path);
    }
    assert_eq!(kept.open(&path, text.as_bytes()).unwrap(), state);
}

#[test]
fn a_state_with_any_bit_flipped_is_refused() {
    let state = state();
    let (path, text) = (Path::new("state/dev1.json"), state.to_text());
    for (which, bytes) in flipped(&text) {
        // What is no text isn't read at all: see below.
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        assert_explained(&State::from_text("state/dev1.json", &changed).expect_err(&which), path);
    }
}

#[test]
fn a_state_or_a_generation_that_is_no_text_is_refused_with_its_name() {
    let state = state();
    let kept = Kept::new(&state);
    let mut bytes = state.to_text().into_bytes();
    bytes[20] ^= 0x80;
    let error = kept.open(&kept.path("json"), &bytes).unwrap_err();
    assert_explained(&error, &kept.path("json"));

    // It is kept like any other that is replaced, and is no better for that.
    now(kept.store.replace("dev1", "provisioner state push", state.clone())).unwrap();
    let generations = now(kept.store.generations("dev1")).unwrap();
    let old = generations.iter().find(|generation| !generation.current).expect("a generation");
    let error = now(kept.store.generation("dev1", &old.id)).unwrap_err();
    assert_explained(&error, &kept.path("json"));
    assert!(error.to_string().contains(&old.id), "{error}");
    assert_eq!(now(kept.store.read("dev1")).unwrap().unwrap().steps, state.steps);
}

#[test]
fn a_journal_that_is_cut_off_after_any_byte_tells_all_that_was_kept_before() {
    let state = state();
    let calls = calls(&state);
    let text = journal(calls.iter().flatten());
    // How long the journal is after so many entries, and what it tells then.
    let mut told = vec![(0, Vec::new())];
    for call in &calls {
        for (at, entry) in call.iter().enumerate() {
            let (length, mut entries) = told.last().cloned().unwrap();
            // What is deposed is so together with the announcement of what replaces it.
            entries.extend(match (entry, call.get(at.wrapping_sub(1))) {
                (Entry::Deposed { .. }, _) => vec![],
                (_, Some(deposed @ Entry::Deposed { .. })) => vec![deposed.clone(), entry.clone()],
                _ => vec![entry.clone()],
            });
            told.push((length + entry.line().len(), entries));
        }
    }
    for length in 0..=text.len() {
        let (_, expected) = told.iter().rfind(|(whole, _)| *whole <= length).unwrap();
        let entries = crate::state::journal::parse("journal", &text.as_bytes()[..length]).unwrap();
        assert_eq!(&entries, expected, "the first {length} bytes");
    }
    assert_eq!(told.last().unwrap(), &(text.len(), calls.concat()));
}

#[test]
fn a_journal_with_any_bit_flipped_is_refused_with_its_line() {
    let state = state();
    let kept = Kept::new(&state);
    let (path, text) = (kept.path("journal"), journal(calls(&state).iter().flatten()));
    for (which, bytes) in flipped(&text) {
        let error = crate::state::journal::parse("journal", &bytes).expect_err(&which);
        assert!(
            matches!(error, StateError::Journal { .. }) && error.to_string().contains(": line "),
            "{which}: {error}"
        );
    }
    // On disk: neither the journal nor the state is touched.
    let before = fs::read(kept.path("json")).unwrap();
    for (which, bytes) in flipped(&text).step_by(101) {
        let error = kept.open(&path, &bytes).expect_err(&which);
        assert!(matches!(error, StateError::Journal { .. }), "{which}: {error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    assert!(fs::read(kept.path("json")).unwrap() == before);
    // What goes on without it keeps it.
    let damaged = fs::read(&path).unwrap();
    let aside = now(kept.store.replace("dev1", "provisioner state restore", state.clone())).unwrap().unwrap();
    assert!(fs::read(&aside).unwrap() == damaged && !path.exists(), "{aside}");
    assert_eq!(now(kept.store.suffixes()).unwrap(), ["dev1"]);
    fs::write(kept.path("json"), before).unwrap();
    assert!(kept.open(&path, text.as_bytes()).unwrap().steps.contains_key(&"blue/queues/payments".into()));
}

#[test]
fn what_was_journalled_counts_also_when_the_state_file_is_gone_or_an_older_one_was_put_in_its_place() {
    let state = state();
    let journalled = journal(calls(&state).iter().flatten());
    let open = |file: Option<State>| {
        let kept = Kept::new(&state);
        fs::write(kept.path("journal"), &journalled).unwrap();
        match file {
            Some(older) => fs::write(kept.path("json"), older.to_text()).unwrap(),
            None => fs::remove_file(kept.path("json")).unwrap(),
        }
        // Also whoever only looks sees it.
        let seen = now(kept.store.read("dev1")).unwrap().unwrap().steps;
        let fresh = || panic!("the journal tells whose it is");
        let opened = now(kept.store.open("dev1", "provisioner apply", fresh)).unwrap().state();
        assert!(!kept.path("journal").exists() && now(kept.store.read("dev1")).unwrap().unwrap() == opened);
        assert!(opened.serial > state.serial && opened.steps == seen, "{opened:?}");
        let aside = fs::read_dir(kept.folder.path()).unwrap().flatten();
        let aside = aside.filter(|entry| entry.file_name().to_str().unwrap().starts_with("dev1.journal."));
        (opened, aside.count())
    };
    let older = State { serial: state.serial - 1, ..state.clone() };
    for (opened, aside) in [open(None), open(Some(older))] {
        assert!(opened.steps.contains_key(&"blue/queues/payments".into()), "{opened:?}");
        assert_eq!((&opened.lineage, opened.format, aside), (&state.lineage, state.format, 0));
        assert_eq!((&opened.system, &opened.account, &opened.region), (&state.system, &state.account, &state.region));
    }
    // One that was folded in already says nothing, nor does one of another state, which is kept.
    let newer = State { serial: state.serial + 1, ..state.clone() };
    let other = State { lineage: "other".to_owned(), ..state.clone() };
    for (file, kept) in [(newer, 0), (other, 1)] {
        let (opened, aside) = open(Some(file));
        assert!(!opened.steps.contains_key(&"blue/queues/payments".into()));
        assert_eq!(aside, kept);
    }
}

#[test]
fn what_is_put_in_the_place_of_a_state_loses_nothing_that_was_journalled() {
    let state = state();
    let journalled = journal(calls(&state).iter().flatten());
    let payments = StepId::from("blue/queues/payments");
    let older = State { serial: state.serial - 1, ..state.clone() };
    let other = State { lineage: "other".to_owned(), ..state.clone() };
    // What is there, what is put there, and whether the journal is in a generation, in what is put there, or aside then.
    for (there, put, found) in [
        (Some(&state), &older, (true, false, false)),
        // Somebody has copied an older one back by hand.
        (Some(&older), &older, (true, false, false)),
        (None, &older, (false, true, false)),
        (None, &other, (false, false, true)),
        (Some(&other), &other, (false, false, true)),
    ] {
        let kept = Kept::new(&state);
        fs::write(kept.path("json"), there.map_or("{".to_owned(), State::to_text)).unwrap();
        fs::write(kept.path("journal"), &journalled).unwrap();
        let aside = now(kept.store.replace("dev1", "provisioner state push", put.clone())).unwrap();
        let generations = now(kept.store.generations("dev1")).unwrap();
        let generations = generations.iter().filter(|one| !one.current);
        let mut generations = generations.filter_map(|one| now(kept.store.generation("dev1", &one.id)).ok().flatten());
        let in_one = generations.any(|one| one.steps.contains_key(&payments));
        let now_there = now(kept.store.read("dev1")).unwrap().unwrap();
        assert_eq!((in_one, now_there.steps.contains_key(&payments), aside.is_some()), found);
        assert!(now_there.serial > state.serial);
        assert!(aside.is_none_or(|aside| fs::read_to_string(aside).unwrap() == journalled));
    }
}

/// As the first builds wrote it: no checksums.
const OLDER: &str = r#"{"event":"opened","lineage":"0f","serial":7}
{"event":"intent","step":"a","intent":{"kind":"ec2.vpc","region":"us-east-1","spec":{"checksum":"x"},"tags":{},"dependencies":[],"token":"t"}}
{"event":"deleted","step":"b","deposed":false}
"#;

#[test]
fn a_journal_without_checksums_of_an_earlier_build_is_read() {
    let read = |text: &str| crate::state::journal::parse("journal", text);
    let entries = read(OLDER).unwrap();
    let expected = Entry::Deleted { step: "b".into(), deposed: false };
    assert!(entries.len() == 3 && entries[2] == expected, "{entries:?}");
    // A later build goes on in it.
    assert_eq!(read(&format!("{OLDER}{}", expected.line())).unwrap().len(), 4);
    assert_eq!(read(&OLDER[..OLDER.len() - 1]).unwrap().len(), 2, "a line that was cut off");
    for damaged in [
        OLDER.replacen("\"a\"", "\"a\",\"b\":1", 1),
        OLDER.replacen("}\n{", "}J{", 1),
        OLDER.replacen("}\n", "}\n\n", 1),
    ] {
        read(&damaged).expect_err(&damaged);
    }
    assert!(read(&format!("{}J", &OLDER[..OLDER.len() - 1])).is_err(), "the end of the last line");
}

#[test]
fn after_a_first_line_that_was_cut_off_the_next_run_journals_as_ever() {
    let state = state();
    let kept = Kept::new(&state);
    fs::write(kept.path("journal"), &journal(calls(&state).iter().flatten())[..30]).unwrap();
    let step = StepId::from("blue/queues/other");
    let session = now(kept.store.open("dev1", "provisioner apply", || panic!("there is one"))).unwrap();
    assert_eq!(session.state(), state, "nothing was done yet");
    let announced = Entry::Intent { step: step.clone(), intent: Box::new(intent(&step.0, "token")) };
    now(session.record([announced])).unwrap();
    // It dies.
    drop(session);
    let read = now(kept.store.read("dev1")).unwrap().unwrap();
    assert_eq!(read.intents[&step], intent(&step.0, "token"));
}

#[test]
fn two_generations_of_the_same_moment_are_both_kept() {
    let mut state = state();
    let kept = Kept::new(&state);
    let moment = fs::metadata(kept.path("json")).unwrap().modified().unwrap();
    for serial in 42..=44 {
        state.serial = serial - 1;
        now(kept.store.replace("dev1", "provisioner state push", state.clone())).unwrap();
        fs::File::options().write(true).open(kept.path("json")).unwrap().set_modified(moment).unwrap();
    }
    let generations = now(kept.store.generations("dev1")).unwrap();
    assert!(generations.len() == 4 && generations[0].current, "{generations:?}");
    let serials =
        generations[1..].iter().map(|one| now(kept.store.generation("dev1", &one.id)).unwrap().unwrap().serial);
    assert_eq!(serials.collect::<Vec<_>>(), [43, 42, 41]);
}
