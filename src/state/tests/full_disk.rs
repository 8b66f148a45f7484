//! A run whose disk is full, at whichever of its writes: it ends and says why, and the next one knows all that was done.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;

use super::faults::{Fault, Faulty, Left};
use super::*;
use crate::state::store::Result;
use crate::state::{Session, Store};

/// What a run does.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// Makes a step, or replaces it if it stands: the new one first.
    Make(&'static str),
    /// Deletes a step.
    Delete(&'static str),
    /// Puts down what moves the traffic.
    Levers(u8),
}

/// What stands, and what was promised of it.
#[derive(Debug, Default)]
struct EngineContext {
    /// Id to token.
    things: BTreeMap<String, String>,
    /// All that was ever made.
    made: BTreeSet<String>,
    /// All tokens that were to be announced.
    tokens: BTreeSet<String>,
    /// What is surely remembered of a step: the id that stands, or that none does.
    known: BTreeMap<&'static str, Option<String>>,
    /// What may be remembered of the levers: the last that were acknowledged, and what was tried since.
    levers: Vec<Option<Value>>,
}

fn id_of(record: Option<&Record>) -> Option<String> {
    record.and_then(|record| record.outputs["id"].as_str()).map(str::to_owned)
}

impl EngineContext {
    fn new() -> Self {
        EngineContext { levers: vec![None], ..EngineContext::default() }
    }

    /// What is announced and not known to be done is looked for; then the work is done. Ends at the first error.
    fn run(&mut self, session: &mut Session, works: &[Work]) -> Result<()> {
        for (step, intent) in session.state().intents {
            let found = self.things.iter().find(|(_, token)| **token == intent.token).map(|(id, _)| id.clone());
            now(session.record([match found {
                Some(id) => Entry::Done { record: Box::new(record(&step.0, &id)), step },
                None => Entry::Deleted { step, deposed: false },
            }]))?;
        }
        for step in session.state().deposed.into_keys() {
            self.delete(session, &step, true)?;
        }
        for work in works {
            match *work {
                Work::Make(step) => self.make(session, step)?,
                Work::Delete(step) => {
                    if session.look(|state| state.steps.contains_key(&step.into())) {
                        self.known.remove(step);
                        self.delete(session, &step.into(), false)?;
                        self.known.insert(step, None);
                    }
                }
                Work::Levers(levers) => {
                    let levers = Some(Value::from(levers));
                    self.levers.push(levers.clone());
                    now(session.set_levers(levers.clone()))?;
                    self.levers = vec![levers];
                }
            }
        }
        Ok(())
    }

    fn make(&mut self, session: &Session, step: &'static str) -> Result<()> {
        let id = StepId::from(step);
        let before = session.state();
        let token = before.intents.get(&id).map(|intent| intent.token.clone());
        let token = token.unwrap_or_else(|| format!("token-{}", self.tokens.len()));
        self.tokens.insert(token.clone());
        self.known.remove(step);
        let stands = before.steps.contains_key(&id);
        let deposed = stands.then(|| Entry::Deposed { step: id.clone() });
        let announced = Entry::Intent { step: id.clone(), intent: Box::new(intent(step, &token)) };
        if let Err(error) = now(session.record(deposed.into_iter().chain([announced]))) {
            assert_eq!(session.state(), before, "what was announced in vain counts");
            return Err(error);
        }
        let thing = format!("thing-{}", self.made.len());
        self.made.insert(thing.clone());
        self.things.insert(thing.clone(), token);
        now(session.record([Entry::Done { step: id.clone(), record: Box::new(record(step, &thing)) }]))?;
        self.known.insert(step, Some(thing));
        if stands { self.delete(session, &id, true) } else { Ok(()) }
    }

    fn delete(&mut self, session: &Session, step: &StepId, deposed: bool) -> Result<()> {
        now(session.record([Entry::Deleting { step: step.clone() }]))?;
        let thing = session.look(|state| id_of(if deposed { &state.deposed } else { &state.steps }.get(step)));
        self.things.remove(&thing.expect("what is deleted is known"));
        now(session.record([Entry::Deleted { step: step.clone(), deposed }]))
    }

    /// Nothing is lost, and nothing invented.
    fn assert_remembered(&self, state: &State) {
        let ids = state.steps.values().chain(state.deposed.values()).filter_map(|record| id_of(Some(record)));
        let ids: BTreeSet<_> = ids.collect();
        let tokens: BTreeSet<_> = state.intents.values().map(|intent| &intent.token).collect();
        for (id, token) in &self.things {
            assert!(ids.contains(id) || tokens.contains(token), "{id} stands and is forgotten: {state:?}");
        }
        assert!(ids.is_subset(&self.made), "{ids:?}");
        assert!(tokens.iter().all(|token| self.tokens.contains(*token)), "{tokens:?}");
        for (step, id) in &self.known {
            assert_eq!(&id_of(state.steps.get(&(*step).into())), id, "{step}");
        }
        assert!(self.levers.contains(&state.levers), "{:?}", state.levers);
    }
}

fn fresh() -> State {
    State::new("lambda-mysql", "dev1", "123456789012", "us-east-1")
}

/// One run from its beginning to its end, as a command does it. `dies`: an error is the last that happens.
fn run(store: &Store, world: &mut EngineContext, works: &[Work], dies: bool) -> Result<()> {
    let mut session = now(store.open("dev1", "provisioner apply", fresh))?;
    let done = world.run(&mut session, works);
    if done.is_err() {
        // Others were at work beside it, and don't know yet. What they are told is true as well.
        let _ = world.make(&session, "late");
        if dies {
            return done;
        }
    }
    session.set_outputs([("steps".to_owned(), works.len().to_string())].into());
    if session.look(State::is_empty) {
        // Then no state is left.
        world.levers.push(None);
    }
    // What was done is put down if that is possible at all.
    now(session.finish()).and(done)
}

/// The texts of the state and of its generations; each is whole.
fn texts(folder: &Path) -> Vec<(PathBuf, State)> {
    let kept = fs::read_dir(folder.join("dev1.generations")).into_iter().flatten().flatten().map(|entry| entry.path());
    let paths = kept.chain([folder.join("dev1.json")]).filter(|path| path.exists());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.clone(), State::from_text(path.to_str().unwrap(), &text).unwrap())
    };
    paths.map(read).collect()
}

/// A run that is done after another one meets this fault; the next one goes on. False if there were too few writes for it.
fn meets(before: &[Work], during: &[Work], fault: Fault, dies: bool) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut world) = (Store::folder(folder.path()), EngineContext::new());
    if !before.is_empty() {
        run(&store, &mut world, before, false).unwrap();
    }
    let kept: BTreeMap<_, _> = texts(folder.path()).into_iter().collect();

    let faulty = Faulty::new(folder.path().to_owned(), fault);
    match run(&faulty.store(), &mut world, during, dies) {
        Ok(()) => assert!(!faulty.struck(), "a write failed, and nobody is told"),
        Err(error) => {
            assert!(faulty.struck(), "{error}");
            let said = error.to_string();
            assert!(said.contains(folder.path().to_str().unwrap()), "{said}");
            assert!(said.contains("No space left on device") && said.contains("has space left"), "{said}");
        }
    }
    // What stood stands, or is a generation now.
    let found = texts(folder.path());
    for (path, state) in &kept {
        assert!(found.iter().any(|(_, one)| one == state), "{} is lost", path.display());
    }
    match now(store.read("dev1")).unwrap() {
        Some(state) => {
            world.assert_remembered(&state);
            let before = kept.get(&folder.path().join("dev1.json"));
            assert!(before.is_none_or(|before| before.lineage == state.lineage), "made anew");
        }
        None => world.assert_remembered(&fresh()),
    }

    // There is room again: all is known, and there are no twins.
    let all = [Work::Make("a"), Work::Delete("b"), Work::Make("c"), Work::Levers(9)];
    run(&store, &mut world, &all, false).unwrap();
    let state = now(store.read("dev1")).unwrap().unwrap();
    world.assert_remembered(&state);
    assert!(state.intents.is_empty() && state.deposed.is_empty(), "{state:?}");
    let steps: BTreeSet<_> = state.steps.values().filter_map(|record| id_of(Some(record))).collect();
    assert_eq!(steps, world.things.into_keys().collect::<BTreeSet<_>>());
    faulty.struck()
}

/// What a failed write leaves, whether all after it fail too, and whether the run dies over it.
const FAULTS: [(Left, bool, bool); 6] = [
    (Left::Nothing, true, false),
    (Left::Nothing, false, true),
    (Left::Part(50), true, false),
    (Left::Part(99), false, true),
    (Left::All, true, false),
    (Left::All, false, true),
];

#[test]
fn a_disk_that_is_full_at_any_write_of_a_run_loses_nothing_and_is_told() {
    use Work::{Delete, Levers, Make};
    let runs: [(&[Work], &[Work]); 3] = [
        (&[], &[Levers(1), Make("a"), Make("b"), Make("a"), Delete("b")]),
        (&[Make("a"), Make("b")], &[Make("a"), Levers(2), Make("c"), Delete("b")]),
        // All goes, and the state with it.
        (&[Make("a"), Make("b")], &[Delete("a"), Delete("b")]),
    ];
    for (before, during) in runs {
        for (left, for_good, dies) in FAULTS {
            let struck = |at: &usize| meets(before, during, Fault { at: *at, left, for_good }, dies);
            let writes = (0..).take_while(struck).count();
            assert!(writes >= 9, "only {writes} writes");
        }
    }
}

#[test]
fn a_state_file_that_cannot_be_written_is_left_as_it_was() {
    type Obstruct = fn(&Path);
    let obstacles: [(&str, Obstruct, &str); 3] = [
        ("dev1.json.new", |path| symlink("/dev/full", path).unwrap(), "No space left on device"),
        ("dev1.json.new", |path| fs::create_dir(path).unwrap(), "Is a directory"),
        ("dev1.generations", |path| fs::write(path, "").unwrap(), "File exists"),
    ];
    for (name, obstruct, why) in obstacles {
        let folder = tempfile::tempdir().unwrap();
        let (store, mut world) = (Store::folder(folder.path()), EngineContext::new());
        run(&store, &mut world, &[Work::Make("a")], false).unwrap();
        let (state, before) = (folder.path().join("dev1.json"), texts(folder.path()));
        let text = fs::read(&state).unwrap();

        let (obstacle, aside) = (folder.path().join(name), folder.path().join("aside"));
        let _ = fs::rename(&obstacle, &aside);
        obstruct(&obstacle);
        let said = run(&store, &mut world, &[Work::Make("b"), Work::Delete("a")], false).unwrap_err().to_string();
        let told = format!("can't write the state file {}: {why}", state.display());
        assert!(said.starts_with(&told), "{said}");
        assert!(fs::read(&state).unwrap() == text, "{why}: it was touched");
        // The journal has it all.
        world.assert_remembered(&now(store.read("dev1")).unwrap().unwrap());

        let _ = fs::remove_file(&obstacle).or_else(|_| fs::remove_dir(&obstacle));
        let _ = fs::rename(&aside, &obstacle);
        run(&store, &mut world, &[Work::Make("c")], false).unwrap();
        world.assert_remembered(&now(store.read("dev1")).unwrap().unwrap());
        let found = texts(folder.path());
        assert!(before.iter().all(|(_, one)| found.iter().any(|(_, other)| other == one)), "{found:?}");
    }
}

fn works() -> impl Strategy<Value = Vec<Work>> {
    let step = prop_oneof![Just("a"), Just("b"), Just("c")];
    let work = prop_oneof![
        4 => step.clone().prop_map(Work::Make),
        2 => step.prop_map(Work::Delete),
        1 => any::<u8>().prop_map(Work::Levers),
    ];
    proptest::collection::vec(work, 0..8)
}

proptest! {
    // Each write waits for the disk.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_a_run_does_a_full_disk_loses_nothing(
        before in works(), during in works(), at in 0usize..30,
        left in prop_oneof![Just(Left::Nothing), (0usize..100).prop_map(Left::Part), Just(Left::All)],
        for_good in any::<bool>(), dies in any::<bool>(),
    ) {
        meets(&before, &during, Fault { at, left, for_good }, dies);
    }
}
