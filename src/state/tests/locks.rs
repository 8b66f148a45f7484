//! Concurrent runs: one gets the lock, the others its holder.

use std::fs::{self, File};
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::faults::{Fault, Faulty, Left};
use super::*;
use crate::state::{StateError, Store};

/// The lock text of a dead run.
fn text_of_dead_run() -> String {
    let mut dead = Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    text_of(dead.id())
}

fn text_of_this_process() -> String {
    text_of(std::process::id())
}

fn text_of(process: u32) -> String {
    format!("`provisioner destroy`, process {process}, since 2026-11-21 10:00:00 UTC\n")
}

#[test]
fn one_of_many_runs_gets_the_lock_the_others_its_holder() {
    let folder = tempfile::tempdir().unwrap();
    // A stale text doesn't matter.
    fs::write(folder.path().join("dev1.lock"), text_of_dead_run()).unwrap();
    let (begin, end) = (Barrier::new(8), Barrier::new(8));
    let locked: Vec<_> = thread::scope(|scope| {
        let runs: Vec<_> = (0..8)
            .map(|run| {
                let (begin, end, store) = (&begin, &end, Store::folder(folder.path()));
                scope.spawn(move || {
                    begin.wait();
                    let lock = block_on(store.lock("dev1", &format!("run {run}")));
                    end.wait();
                    lock.map(|_| format!("`run {run}`, process {}, since 20", std::process::id()))
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let (one, others): (Vec<_>, Vec<_>) = locked.into_iter().partition(Result::is_ok);
    let [one] = &one[..] else { panic!("{} runs have the lock", one.len()) };
    let one = one.as_ref().unwrap();
    for other in others {
        let error = other.unwrap_err();
        assert!(matches!(&error, StateError::Locked { holder, .. } if holder.starts_with(one)), "{error}: not {one}");
    }
}

#[test]
fn holder_without_a_text_yet_is_waited_for() {
    for before in [String::new(), text_of_dead_run()] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev1.lock");
        fs::write(&path, before).unwrap();
        let held = File::open(&path).unwrap();
        held.lock().unwrap();
        let text = text_of_this_process();
        let error = thread::scope(|scope| {
            let waiting =
                scope.spawn(|| block_on(Store::folder(folder.path()).lock("dev1", "provisioner apply")).unwrap_err());
            thread::sleep(Duration::from_millis(100));
            fs::write(&path, &text).unwrap();
            waiting.join().unwrap()
        });
        let StateError::Locked { holder, .. } = &error else { panic!("{error}") };
        assert_eq!(holder, text.trim());
    }
}

/// Another run may have created something since the lock was lost.
#[test]
fn finish_after_a_lost_lock_removes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = Faulty::new(folder.path().to_owned(), Fault { at: usize::MAX, left: Left::Nothing, persists: false });
    let empty = State::new("lambda-mysql", "dev1", "123456789012", "us-east-1");
    let path = folder.path().join("dev1.json");
    fs::write(&path, empty.to_text()).unwrap();
    for is_lost in [true, false] {
        let session = block_on(place.store().open("dev1", "provisioner destroy", || unreachable!())).unwrap();
        place.lose_lock(is_lost);
        assert_eq!(block_on(session.finish()).is_err(), is_lost);
        assert_eq!(path.exists(), is_lost);
        place.lose_lock(false);
    }
}

#[test]
fn released_lock_is_taken_whatever_its_text_says() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::folder(folder.path());
    for text in [String::new(), text_of_dead_run(), text_of_this_process()] {
        fs::write(folder.path().join("dev1.lock"), text).unwrap();
        let lock = block_on(store.lock("dev1", "provisioner destroy")).unwrap();
        let text = fs::read_to_string(folder.path().join("dev1.lock")).unwrap();
        assert!(
            text.starts_with(&format!("`provisioner destroy`, process {}, since 20", std::process::id())),
            "{text}"
        );
        drop(lock);
    }
}
