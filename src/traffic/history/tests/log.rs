//! Appending, reading and verifying.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;
use tempfile::TempDir;

use super::super::*;
use crate::config::shift::Shift;
use crate::traffic::check::{Check, Verdict};
use crate::traffic::event::{OnFail, Outcome};
use crate::traffic::limits::Limits;
use crate::traffic::share::{Share, Split};
use crate::traffic::weight::{LeverKind, Weight};

/// Runs a future of a history in a file, which never waits.
fn now<F: Future>(future: F) -> F::Output {
    futures::executor::block_on(future)
}

fn by() -> Actor {
    Actor::this_process("provisioner shift", Some("arn:aws:iam::123456789012:user/operator".to_owned()))
}

/// A history in a new temporary folder.
fn history() -> (TempDir, PathBuf, History) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state").join("dev1.history");
    let history = History::at(AppendLog::File(path.clone()), by());
    (folder, path, history)
}

/// The history in this file, as another process opens it.
fn fresh(path: &Path) -> History {
    History::at(AppendLog::File(path.to_owned()), by())
}

fn step(percent: u8) -> TrafficEvent {
    TrafficEvent::StepDone { green: Share::try_from(percent).unwrap() }
}

fn some_steps(history: &History, count: u8) -> Vec<Entry> {
    (1..=count).map(|percent| now(history.append(step(percent), None)).unwrap()).collect()
}

fn shares() -> impl Strategy<Value = Share> {
    (0u8..=100).prop_map(|percent| Share::try_from(percent).unwrap())
}

fn text() -> impl Strategy<Value = String> {
    // Quotes, line feeds and the end of an entry.
    prop_oneof!["\\PC{0,12}", Just("\"}\n".to_owned()), Just(",\"hash\":\"00\"}".to_owned()), "[\\x00-\\x7f]{0,8}"]
}

fn weights() -> impl Strategy<Value = Vec<Weight>> {
    let weight = (text(), 0u32..=999, 0u32..=999);
    let weight = weight.prop_map(|(lever, blue, green)| Weight::new(lever, Split { blue, green }));
    proptest::collection::vec(weight, 0..3)
}

fn events() -> impl Strategy<Value = TrafficEvent> {
    let lever = prop_oneof![Just(LeverKind::Listeners), Just(LeverKind::Dns)];
    let ids = proptest::collection::vec("[0-9a-f-]{36}", 0..3);
    let verdict = prop_oneof![Just(Verdict::Pass), Just(Verdict::Inconclusive), Just(Verdict::Fail)];
    let check = (text(), verdict.clone(), text());
    let check = check.prop_map(|(name, verdict, reading)| Check { name, verdict, reading });
    let outcome = prop_oneof![Just(Outcome::Completed), Just(Outcome::Held), Just(Outcome::RolledBack)];
    let seconds = (0u32..10_000_000).prop_map(|ms| f64::from(ms) / 1000.0);
    prop_oneof![
        (text(), seconds.clone(), shares(), any::<bool>()).prop_map(|(shift, hold_seconds, from, resumed)| {
            let (steps, on_fail) = ("5,25,50,100".parse().unwrap(), OnFail::Blue);
            let (patience_seconds, limits) = (Some(hold_seconds), Some(Limits::from(&Shift::default())));
            TrafficEvent::ShiftStarted { shift, steps, hold_seconds, on_fail, patience_seconds, limits, from, resumed }
        }),
        (shares(), verdict, proptest::collection::vec(check, 0..4))
            .prop_map(|(green, verdict, checks)| TrafficEvent::Gates { green, verdict, checks }),
        (lever.clone(), weights(), shares()).prop_map(|(lever, from, to)| TrafficEvent::Writing { lever, from, to }),
        (lever, shares(), ids.clone()).prop_map(|(lever, to, request_ids)| TrafficEvent::Written {
            lever,
            to,
            request_ids
        }),
        shares().prop_map(|green| TrafficEvent::StepDone { green }),
        (shares(), text()).prop_map(|(to, because)| TrafficEvent::RollingBack { to, because }),
        (outcome, proptest::option::of(shares()), proptest::option::of(text()))
            .prop_map(|(outcome, green, because)| TrafficEvent::ShiftEnded { outcome, green, because }),
        Just(TrafficEvent::HoldRequested),
        Just(TrafficEvent::FailbackStarted),
        (seconds, weights(), ids, proptest::option::of(text())).prop_map(|(seconds, from, request_ids, dns_error)| {
            TrafficEvent::FailedBack { seconds, from, request_ids, dns_error }
        }),
        text().prop_map(|because| TrafficEvent::FailbackIncomplete { because }),
        (weights(), weights()).prop_map(|(from, to)| TrafficEvent::ExternalChange { from, to }),
    ]
}

proptest! {
    // Each entry is synced to disk.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn appended_entries_read_back_and_verify(
        appended in proptest::collection::vec((events(), proptest::option::of(text())), 0..12)
    ) {
        let (_folder, path, history) = history();
        let mut written = Vec::new();
        for (event, reason) in &appended {
            let entry = now(history.append(event.clone(), reason.as_deref())).unwrap();
            prop_assert!(entry.event == *event && entry.reason == *reason && entry.by == *history.by());
            written.push(entry);
        }
        prop_assert_eq!(&now(fresh(&path).entries()).unwrap(), &written);
        let verified = now(fresh(&path).verify()).unwrap();
        prop_assert_eq!(verified.entries, appended.len() as u64);
        let head = written.last().map_or(EMPTY_HEAD, |entry| &entry.hash);
        prop_assert_eq!(&verified.head, head);
        prop_assert_eq!(now(fresh(&path).verify_with(head)).unwrap(), verified);
        let lines = fs::read_to_string(&path).unwrap_or_default();
        prop_assert_eq!(lines.lines().count(), appended.len());
    }

    #[test]
    fn every_changed_byte_is_detected(appended in proptest::collection::vec(events(), 1..4), at in any::<[(Index, u8); 64]>()) {
        let (_folder, path, history) = history();
        appended.into_iter().for_each(|event| { now(history.append(event, Some("a reason"))).unwrap(); });
        let text = fs::read(&path).unwrap();
        for (at, other) in at {
            let mut changed = text.clone();
            changed[at.index(text.len())] ^= other.max(1);
            fs::write(&path, &changed).unwrap();
            prop_assert!(now(fresh(&path).verify()).is_err(), "byte {} by {}", at.index(text.len()), other.max(1));
        }
    }
}

#[test]
fn changed_line_feeds_are_detected() {
    let (_folder, path, history) = history();
    some_steps(&history, 2);
    let text = fs::read(&path).unwrap();
    for at in (0..text.len()).filter(|at| text[*at] == b'\n') {
        let mut changed = text.clone();
        changed[at] = b' ';
        fs::write(&path, &changed).unwrap();
        assert!(now(fresh(&path).verify()).is_err() && now(fresh(&path).entries()).is_err(), "byte {at}");
        // An acknowledged entry isn't cut off as incomplete.
        assert!(now(fresh(&path).append(step(3), None)).is_err());
        assert_eq!(fs::read(&path).unwrap(), changed);
    }
}

/// The error of verify for these lines.
fn violation(path: &Path, lines: &[&str]) -> String {
    fs::write(path, lines.concat()).unwrap();
    now(fresh(path).verify()).unwrap_err().to_string()
}

#[test]
fn removed_swapped_and_inserted_lines_are_detected() {
    let (_folder, path, history) = history();
    some_steps(&history, 6);
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    for at in 0..lines.len() {
        let mut removed = lines.clone();
        removed.remove(at);
        if at + 1 < lines.len() {
            let (line, text) = (at + 1, violation(&path, &removed));
            assert!(text.contains(&format!("line {line} on: entry {line} was removed")), "{text}");
        }
        for other in 0..lines.len() {
            if other != at {
                let mut swapped = lines.clone();
                swapped.swap(at, other);
                let (first, found) = (at.min(other) + 1, at.max(other) + 1);
                let text = violation(&path, &swapped);
                assert!(text.contains(&format!("entry {found} is in the place of entry {first}")), "{text}");
            }
            let mut inserted = lines.clone();
            inserted.insert(other, lines[at]);
            let text = violation(&path, &inserted);
            assert!(text.contains("was inserted") || text.contains("entries were moved"), "{text}");
        }
        let mut inserted = lines.clone();
        inserted.insert(at, "\n");
        let text = violation(&path, &inserted);
        assert!(text.contains(&format!("damaged in line {}", at + 1)), "{text}");
    }
    let text = violation(&path, &lines[3..]);
    assert!(text.contains("entries 1 to 3 were removed: entry 4 is in their place"), "{text}");
}

#[test]
fn entry_forged_with_its_hash_is_detected_by_the_next_one() {
    let (_folder, path, history) = history();
    let entries = some_steps(&history, 4);
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let forged = chain::seal(&mut Entry { event: step(99), ..entries[1].clone() });
    let text = violation(&path, &[lines[0], &forged, lines[2], lines[3]]);
    assert!(text.contains("line 3 on: entry 3 was written after another entry 2"), "{text}");
    let text = violation(
        &path,
        &[lines[0], lines[1], &chain::seal(&mut Entry { event: step(99), ..entries[2].clone() }), lines[2]],
    );
    assert!(text.contains("line 4 on: entry 3 is there twice"), "{text}");
    let changed = lines[1].replace("\"green\":2", "\"green\":3");
    let text = violation(&path, &[lines[0], &changed, lines[2]]);
    assert!(text.contains("line 2 on: entry 2 was changed"), "{text}");
    let first = chain::seal(&mut Entry { previous_hash: entries[0].hash.clone(), ..entries[0].clone() });
    let text = violation(&path, &[&first]);
    assert!(text.contains("line 1 on: entry 1 contains a previous hash"), "{text}");
}

#[test]
fn entries_cut_off_at_the_end_are_detected_by_the_head() {
    let (_folder, path, history) = history();
    let entries = some_steps(&history, 5);
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let head = &entries[4].hash;
    assert_eq!(now(history.verify_with(head)).unwrap().entries, 5);
    for kept in 0..5 {
        fs::write(&path, lines[..kept].concat()).unwrap();
        assert_eq!(now(fresh(&path).verify()).unwrap().entries, kept as u64);
        let error = now(fresh(&path).verify_with(head)).unwrap_err();
        assert!(matches!(&error, HistoryError::HeadMissing { entries, .. } if *entries == kept), "{error}");
    }
    // Later entries don't hide it. An older head still exists.
    fs::write(&path, lines[..3].concat()).unwrap();
    some_steps(&history, 4);
    assert_eq!(now(fresh(&path).verify_with(&entries[2].hash)).unwrap().entries, 7);
    assert!(matches!(now(fresh(&path).verify_with(head)), Err(HistoryError::HeadMissing { .. })));
    fs::remove_file(&path).unwrap();
    assert!(matches!(now(fresh(&path).verify_with(head)), Err(HistoryError::HeadMissing { .. })));
}

#[test]
fn incomplete_last_line_is_ignored_and_cut_off() {
    let (_folder, path, history) = history();
    let mut entries = some_steps(&history, 2);
    let whole = fs::metadata(&path).unwrap().len();
    now(history.append(step(3), Some("incomplete — by a crash"))).unwrap();
    let text = fs::read(&path).unwrap();
    for cut in usize::try_from(whole).unwrap()..text.len() {
        fs::write(&path, &text[..cut]).unwrap();
        assert_eq!(now(fresh(&path).entries()).unwrap(), entries, "cut at {cut}");
        assert_eq!(now(fresh(&path).verify()).unwrap().entries, 2);
        let appended = now(fresh(&path).append(step(4), None)).unwrap();
        assert_eq!((appended.number, &appended.previous_hash), (3, &entries[1].hash));
        entries.push(appended);
        assert_eq!(now(fresh(&path).entries()).unwrap(), entries, "cut at {cut}");
        assert_eq!(now(fresh(&path).verify()).unwrap().entries, 3);
        entries.pop();
    }
}

#[test]
fn incomplete_first_line_is_cut_off() {
    let (_folder, path, history) = history();
    some_steps(&history, 1);
    let text = fs::read(&path).unwrap();
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert_eq!(now(history.append(step(2), None)).unwrap().number, 1);
    assert_eq!(now(fresh(&path).verify()).unwrap().entries, 1);
}

#[test]
fn concurrent_appends_form_one_valid_chain() {
    let (_folder, path, _) = history();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            // Each opens the file, as separate processes do.
            scope.spawn(|| some_steps(&fresh(&path), 10));
        }
    });
    let verified = now(fresh(&path).verify()).unwrap();
    assert_eq!(verified.entries, 80);
    let mut steps: Vec<_> = now(fresh(&path).entries()).unwrap().into_iter().map(|entry| entry.event).collect();
    steps.sort_by_key(|event| if let TrafficEvent::StepDone { green } = event { green.percent() } else { 0 });
    assert_eq!(steps, (1..=10).flat_map(|percent| vec![step(percent); 8]).collect::<Vec<_>>());
}

#[test]
fn clones_read_new_entries_independently() {
    let (_folder, path, history) = history();
    let numbers = |history: &History, after| -> Vec<u64> {
        now(history.after(after)).unwrap().iter().map(|entry| entry.number).collect()
    };
    assert!(numbers(&history, 0).is_empty());
    some_steps(&fresh(&path), 3);
    assert_eq!(numbers(&history, 0), [1, 2, 3]);
    assert!(numbers(&history, 3).is_empty());
    // An older number after a newer one.
    assert_eq!(numbers(&history.clone(), 1), [2, 3]);
    some_steps(&fresh(&path), 2);
    assert_eq!(numbers(&history, 3), [4, 5]);
    assert_eq!(numbers(&history, 4), [5]);
    assert!(numbers(&history, 7).is_empty());
    // An incomplete line is read once it is complete.
    let text = fs::read(&path).unwrap();
    some_steps(&fresh(&path), 1);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    assert!(numbers(&history, 5).is_empty());
    fs::write(&path, &whole).unwrap();
    assert_eq!(numbers(&history, 5), [6]);
    // The file is replaced by another one.
    fs::write(&path, &text[..text.iter().position(|byte| *byte == b'\n').unwrap() + 1]).unwrap();
    assert_eq!(numbers(&history, 0), [1]);
    fs::remove_file(&path).unwrap();
    assert!(numbers(&history, 0).is_empty());
}

#[test]
fn after_reports_the_damaged_line_of_the_whole_file() {
    let (_folder, path, history) = history();
    some_steps(&history, 3);
    assert_eq!(now(history.after(0)).unwrap().len(), 3);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text + "{}\n").unwrap();
    let error = now(history.after(3)).unwrap_err().to_string();
    assert!(error.contains("damaged in line 4"), "{error}");
    let error = now(history.append(step(4), None)).unwrap_err().to_string();
    assert!(error.contains("damaged in line 4") && error.contains("keep the file"), "{error}");
}

#[test]
fn long_last_line_is_read_from_the_end() {
    let (_folder, path, history) = history();
    for length in [0, 60_000, 70_000, 300_000] {
        now(history.append(TrafficEvent::FailbackIncomplete { because: "x".repeat(length) }, None)).unwrap();
    }
    some_steps(&history, 1);
    assert_eq!(now(fresh(&path).verify()).unwrap().entries, 5);
}

#[test]
fn file_is_readable_by_its_owner_only() {
    let (_folder, path, history) = history();
    some_steps(&history, 1);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn unknown_fields_of_newer_versions_keep_the_hash() {
    let (_folder, path, history) = history();
    let entry = &some_steps(&history, 1)[0];
    let line = fs::read_to_string(&path).unwrap();
    let (text, _) = line.rsplit_once(",\"hash\"").unwrap();
    let text = text.replace("\"green\":1", "\"green\":1,\"mood\":\"good\"");
    let hash = crate::state::hex(&<sha2::Sha256 as sha2::Digest>::digest(format!("{text}}}")));
    fs::write(&path, format!("{text},\"hash\":\"{hash}\"}}\n")).unwrap();
    assert_eq!(now(fresh(&path).verify()).unwrap().head, hash);
    assert_eq!(now(fresh(&path).entries()).unwrap()[0].event, entry.event);
}
