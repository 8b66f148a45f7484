//! A full disk at any write of a run: the run fails with the reason, and the next one knows everything that was done.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;

use super::faults::{Fault, Faulty, Left};
use super::*;
use crate::state::error::Result;
use crate::state::{Session, StateError, Store};

/// An action of a run.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// Creates a step; replaces an existing one, the new resource first.
    Create(&'static str),
    /// Deletes a step.
    Delete(&'static str),
    /// Sets the levers.
    Levers(u8),
}

/// The existing resources, and what the state must record of them.
#[derive(Debug, Default)]
struct Cloud {
    /// The existing resources: id to token.
    resources: BTreeMap<String, String>,
    /// The ids of all resources that were ever created.
    created: BTreeSet<String>,
    /// All tokens of intents.
    tokens: BTreeSet<String>,
    /// What is certainly recorded for a step: its id, or none.
    recorded: BTreeMap<&'static str, Option<String>>,
    /// What may be recorded as levers: the last value that was confirmed, and those attempted since.
    levers: Vec<Option<Value>>,
}

fn id_of(record: Option<&Record>) -> Option<String> {
    record.and_then(|record| record.outputs["id"].as_str()).map(str::to_owned)
}

impl Cloud {
    fn new() -> Self {
        Cloud { levers: vec![None], ..Cloud::default() }
    }

    /// Resolves pending intents, then does the work. Ends at the first error.
    fn run(&mut self, session: &mut Session, works: &[Work]) -> Result<()> {
        for (step, intent) in session.state().intents {
            let found = self.resources.iter().find(|(_, token)| **token == intent.token).map(|(id, _)| id.clone());
            block_on(session.record([match found {
                Some(id) => Entry::Done { record: Box::new(record(&step.0, &id)), step },
                None => Entry::Deleted { step, deposed: false },
            }]))?;
        }
        for step in session.state().deposed.into_keys() {
            self.delete(session, &step, true)?;
        }
        for work in works {
            match *work {
                Work::Create(step) => self.create(session, step)?,
                Work::Delete(step) => {
                    if session.read(|state| state.steps.contains_key(&step.into())) {
                        self.recorded.remove(step);
                        self.delete(session, &step.into(), false)?;
                        self.recorded.insert(step, None);
                    }
                }
                Work::Levers(levers) => {
                    let levers = Some(Value::from(levers));
                    self.levers.push(levers.clone());
                    block_on(session.set_levers(levers.clone()))?;
                    self.levers = vec![levers];
                }
            }
        }
        Ok(())
    }

    fn create(&mut self, session: &Session, step: &'static str) -> Result<()> {
        let id = StepId::from(step);
        let before = session.state();
        let token = before.intents.get(&id).map(|intent| intent.token.clone());
        let token = token.unwrap_or_else(|| format!("token-{}", self.tokens.len()));
        self.tokens.insert(token.clone());
        self.recorded.remove(step);
        let exists = before.steps.contains_key(&id);
        let deposed = exists.then(|| Entry::Deposed { step: id.clone() });
        let intended = Entry::Intent { step: id.clone(), intent: Box::new(intent(step, &token)) };
        if let Err(error) = block_on(session.record(deposed.into_iter().chain([intended]))) {
            assert_eq!(session.state(), before, "an intent that isn't stored counts");
            return Err(error);
        }
        let resource = format!("resource-{}", self.created.len());
        self.created.insert(resource.clone());
        self.resources.insert(resource.clone(), token);
        block_on(session.record([Entry::Done { step: id.clone(), record: Box::new(record(step, &resource)) }]))?;
        self.recorded.insert(step, Some(resource));
        if exists { self.delete(session, &id, true) } else { Ok(()) }
    }

    fn delete(&mut self, session: &Session, step: &StepId, deposed: bool) -> Result<()> {
        block_on(session.record([Entry::Deleting { step: step.clone() }]))?;
        let resource = session.read(|state| id_of(if deposed { &state.deposed } else { &state.steps }.get(step)));
        self.resources.remove(&resource.expect("a deleted resource is recorded"));
        block_on(session.record([Entry::Deleted { step: step.clone(), deposed }]))
    }

    /// The state records all existing resources, and no others.
    fn assert_recorded(&self, state: &State) {
        let ids = state.steps.values().chain(state.deposed.values()).filter_map(|record| id_of(Some(record)));
        let ids: BTreeSet<_> = ids.collect();
        let tokens: BTreeSet<_> = state.intents.values().map(|intent| &intent.token).collect();
        for (id, token) in &self.resources {
            assert!(ids.contains(id) || tokens.contains(token), "{id} exists and isn't recorded: {state:?}");
        }
        assert!(ids.is_subset(&self.created), "{ids:?}");
        assert!(tokens.iter().all(|token| self.tokens.contains(*token)), "{tokens:?}");
        for (step, id) in &self.recorded {
            assert_eq!(&id_of(state.steps.get(&(*step).into())), id, "{step}");
        }
        assert!(self.levers.contains(&state.levers), "{:?}", state.levers);
    }
}

fn fresh() -> State {
    State::new("lambda-mysql", "dev1", "123456789012", "us-east-1")
}

/// A whole run. `dies`: the process ends at an error.
fn run(store: &Store, cloud: &mut Cloud, works: &[Work], dies: bool) -> Result<()> {
    let mut session = block_on(store.open("dev1", "provisioner apply", fresh))?;
    let done = cloud.run(&mut session, works);
    if done.is_err() {
        // A concurrent action records its result after the error.
        let _ = cloud.create(&session, "late");
        if dies {
            return done;
        }
    }
    session.set_outputs([("steps".to_owned(), works.len().to_string())].into());
    if session.read(State::is_empty) {
        // An empty state is removed.
        cloud.levers.push(None);
    }
    block_on(session.finish()).and(done)
}

/// The state and its generations; each must be readable.
fn texts(folder: &Path) -> Vec<(PathBuf, State)> {
    let kept = fs::read_dir(folder.join("dev1.generations")).into_iter().flatten().flatten().map(|entry| entry.path());
    let paths = kept.chain([folder.join("dev1.json")]).filter(|path| path.exists());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.clone(), State::from_text(path.to_str().unwrap(), &text).unwrap())
    };
    paths.map(read).collect()
}

/// Runs `during` with this fault after a complete run of `before`, then a run that continues. False if the run had too few writes
/// for the fault.
fn survives(before: &[Work], during: &[Work], fault: Fault, dies: bool) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut cloud) = (Store::folder(folder.path()), Cloud::new());
    if !before.is_empty() {
        run(&store, &mut cloud, before, false).unwrap();
    }
    let kept: BTreeMap<_, _> = texts(folder.path()).into_iter().collect();

    let faulty = Faulty::new(folder.path().to_owned(), fault);
    match run(&faulty.store(), &mut cloud, during, dies) {
        Ok(()) => assert!(!faulty.has_failed(), "the run hides a failed write"),
        Err(error) => {
            assert!(faulty.has_failed(), "{error}");
            let text = error.to_string();
            assert!(text.contains(folder.path().to_str().unwrap()), "{text}");
            assert!(matches!(error, StateError::Io { .. }) && text.contains("No space left on device"), "{text}");
        }
    }
    // The former state is current or a generation.
    let found = texts(folder.path());
    for (path, state) in &kept {
        assert!(found.iter().any(|(_, one)| one == state), "{} is lost", path.display());
    }
    match block_on(store.read("dev1")).unwrap() {
        Some(state) => {
            cloud.assert_recorded(&state);
            let before = kept.get(&folder.path().join("dev1.json"));
            assert!(before.is_none_or(|before| before.lineage == state.lineage), "a new lineage");
        }
        None => cloud.assert_recorded(&fresh()),
    }

    // With free space everything is recorded, once.
    let all = [Work::Create("a"), Work::Delete("b"), Work::Create("c"), Work::Levers(9)];
    run(&store, &mut cloud, &all, false).unwrap();
    let state = block_on(store.read("dev1")).unwrap().unwrap();
    cloud.assert_recorded(&state);
    assert!(state.intents.is_empty() && state.deposed.is_empty(), "{state:?}");
    let steps: BTreeSet<_> = state.steps.values().filter_map(|record| id_of(Some(record))).collect();
    assert_eq!(steps, cloud.resources.into_keys().collect::<BTreeSet<_>>());
    faulty.has_failed()
}

/// What a failed write leaves, whether later writes fail too, and whether the run dies.
const FAULTS: [(Left, bool, bool); 6] = [
    (Left::Nothing, true, false),
    (Left::Nothing, false, true),
    (Left::Part(50), true, false),
    (Left::Part(99), false, true),
    (Left::All, true, false),
    (Left::All, false, true),
];

#[test]
fn full_disk_at_any_write_loses_nothing() {
    use Work::{Create, Delete, Levers};
    let runs: [(&[Work], &[Work]); 3] = [
        (&[], &[Levers(1), Create("a"), Create("b"), Create("a"), Delete("b")]),
        (&[Create("a"), Create("b")], &[Create("a"), Levers(2), Create("c"), Delete("b")]),
        // Everything is deleted, and the state with it.
        (&[Create("a"), Create("b")], &[Delete("a"), Delete("b")]),
    ];
    for (before, during) in runs {
        for (left, persists, dies) in FAULTS {
            let fails = |at: &usize| survives(before, during, Fault { at: *at, left, persists }, dies);
            let writes = (0..).take_while(fails).count();
            assert!(writes >= 9, "only {writes} writes");
        }
    }
}

#[test]
fn unwritable_state_file_is_left_unchanged() {
    type Obstruct = fn(&Path);
    let obstacles: [(&str, Obstruct, &str); 3] = [
        ("dev1.json.new", |path| symlink("/dev/full", path).unwrap(), "No space left on device"),
        ("dev1.json.new", |path| fs::create_dir(path).unwrap(), "Is a directory"),
        ("dev1.generations", |path| fs::write(path, "").unwrap(), "File exists"),
    ];
    for (name, obstruct, why) in obstacles {
        let folder = tempfile::tempdir().unwrap();
        let (store, mut cloud) = (Store::folder(folder.path()), Cloud::new());
        run(&store, &mut cloud, &[Work::Create("a")], false).unwrap();
        let (state, before) = (folder.path().join("dev1.json"), texts(folder.path()));
        let text = fs::read(&state).unwrap();

        let (obstacle, aside) = (folder.path().join(name), folder.path().join("aside"));
        let _ = fs::rename(&obstacle, &aside);
        obstruct(&obstacle);
        let error = run(&store, &mut cloud, &[Work::Create("b"), Work::Delete("a")], false).unwrap_err().to_string();
        let message = format!("can't write the state file {}: {why}", state.display());
        assert!(error.starts_with(&message), "{error}");
        assert!(fs::read(&state).unwrap() == text, "{why}: it was changed");
        // The journal has everything.
        cloud.assert_recorded(&block_on(store.read("dev1")).unwrap().unwrap());

        let _ = fs::remove_file(&obstacle).or_else(|_| fs::remove_dir(&obstacle));
        let _ = fs::rename(&aside, &obstacle);
        run(&store, &mut cloud, &[Work::Create("c")], false).unwrap();
        cloud.assert_recorded(&block_on(store.read("dev1")).unwrap().unwrap());
        let found = texts(folder.path());
        assert!(before.iter().all(|(_, one)| found.iter().any(|(_, other)| other == one)), "{found:?}");
    }
}

fn works() -> impl Strategy<Value = Vec<Work>> {
    let step = prop_oneof![Just("a"), Just("b"), Just("c")];
    let work = prop_oneof![
        4 => step.clone().prop_map(Work::Create),
        2 => step.prop_map(Work::Delete),
        1 => any::<u8>().prop_map(Work::Levers),
    ];
    proptest::collection::vec(work, 0..8)
}

proptest! {
    // Every write waits for the disk.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn full_disk_in_any_run_loses_nothing(
        before in works(), during in works(), at in 0usize..30,
        left in prop_oneof![Just(Left::Nothing), (0usize..100).prop_map(Left::Part), Just(Left::All)],
        persists in any::<bool>(), dies in any::<bool>(),
    ) {
        survives(&before, &during, Fault { at, left, persists }, dies);
    }
}
