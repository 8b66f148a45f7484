//! Two at once: one works, the other is told who does.

use std::fs::{self, File};
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::faults::{Fault, Faulty, Left};
use super::*;
use crate::state::{StateError, Store};

/// What a run leaves in the lock that dies with it.
fn of_a_dead_one() -> String {
    let mut dead = Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    of(dead.id())
}

fn of_this_process() -> String {
    of(std::process::id())
}

fn of(process: u32) -> String {
    format!("`provisioner destroy`, process {process}, since 2026-11-21 10:00:00 UTC\n")
}

#[test]
fn of_many_that_begin_at_the_same_moment_one_works_and_all_others_are_told_who_does() {
    let folder = tempfile::tempdir().unwrap();
    // That says nothing about who is at work.
    fs::write(folder.path().join("dev1.lock"), of_a_dead_one()).unwrap();
    let (begin, end) = (Barrier::new(8), Barrier::new(8));
    let locked: Vec<_> = thread::scope(|scope| {
        let runs: Vec<_> = (0..8)
            .map(|run| {
                let (begin, end, store) = (&begin, &end, Store::folder(folder.path()));
                scope.spawn(move || {
                    begin.wait();
                    let lock = now(store.lock("dev1", &format!("run {run}")));
                    end.wait();
                    lock.map(|_| format!("`run {run}`, process {}, since 20", std::process::id()))
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let (one, others): (Vec<_>, Vec<_>) = locked.into_iter().partition(Result::is_ok);
    let [one] = &one[..] else { panic!("{} of them work", one.len()) };
    let one = one.as_ref().unwrap();
    for told in others {
        let told = told.unwrap_err();
        assert!(matches!(&told, StateError::Locked { holder, .. } if holder.starts_with(one)), "{told}: not {one}");
    }
}

#[test]
fn one_that_has_not_said_yet_who_it_is_is_waited_for() {
    for before in [String::new(), of_a_dead_one()] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev1.lock");
        fs::write(&path, before).unwrap();
        let held = File::open(&path).unwrap();
        held.lock().unwrap();
        let text = of_this_process();
        let told = thread::scope(|scope| {
            let told = scope.spawn(|| now(Store::folder(folder.path()).lock("dev1", "provisioner apply")).unwrap_err());
            thread::sleep(Duration::from_millis(100));
            fs::write(&path, &text).unwrap();
            told.join().unwrap()
        });
        let StateError::Locked { holder, .. } = &told else { panic!("{told}") };
        assert_eq!(holder, text.trim());
    }
}

/// A run whose lock is lost while it does nothing; another one may have made something since.
#[test]
fn one_that_has_lost_its_lock_removes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = Faulty::new(folder.path().to_owned(), Fault { at: usize::MAX, left: Left::Nothing, for_good: false });
    let empty = State::new("lambda-mysql", "dev1", "123456789012", "us-east-1");
    let path = folder.path().join("dev1.json");
    fs::write(&path, empty.to_text()).unwrap();
    for is_lost in [true, false] {
        let session = now(place.store().open("dev1", "provisioner destroy", || unreachable!())).unwrap();
        place.lose_lock(is_lost);
        assert_eq!(now(session.finish()).is_err(), is_lost);
        assert_eq!(path.exists(), is_lost);
        place.lose_lock(false);
    }
}

#[test]
fn a_lock_whose_run_is_over_is_taken_whatever_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::folder(folder.path());
    for text in [String::new(), of_a_dead_one(), of_this_process()] {
        fs::write(folder.path().join("dev1.lock"), text).unwrap();
        let lock = now(store.lock("dev1", "provisioner destroy")).unwrap();
        let said = fs::read_to_string(folder.path().join("dev1.lock")).unwrap();
        assert!(
            said.starts_with(&format!("`provisioner destroy`, process {}, since 20", std::process::id())),
            "{said}"
        );
        drop(lock);
    }
}
