//! The engine on a world in memory that refuses what AWS refuses: using what isn't there, deleting what is in use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use provisioner::engine::EngineContext;
use provisioner::engine::execute::Report;
use provisioner::engine::graph::Graph;
use provisioner::engine::ownership::{Owner, Ownership};
use provisioner::engine::reference::token;
use provisioner::engine::{
    Action, Advice, FieldChange, Immutable, Observed, Operations, Plan, Provider, Refusal, Selection, Step, StepError,
    StepId, Tags, Target, TypeInfo, events::Silent,
};
use provisioner::state::{State, Store};
use serde_json::{Value, json};
use tokio::sync::watch;

#[derive(Clone, Debug, PartialEq)]
struct Thing {
    region: String,
    spec: Value,
    tags: Tags,
}

/// All that stands, by id.
#[derive(Debug, Default)]
struct InMemory {
    things: Mutex<BTreeMap<String, Thing>>,
    made: Mutex<usize>,
    /// How many more writes succeed; then the run is dead: its last write took effect, and it never learns of that.
    lives: Mutex<Option<usize>>,
    create_first: bool,
    /// The region that nobody can look into.
    unseen: Mutex<Option<&'static str>>,
    /// Nothing carries tags.
    name_only: bool,
    /// What uses something that is made anew stays, and is led to the new one.
    in_place: bool,
    /// Nothing can be deleted while something uses it.
    held: bool,
    /// The size can't change while the thing exists.
    fixed_size: bool,
    /// The size can't become smaller.
    no_shrink: bool,
}

impl InMemory {
    fn alive(&self) -> Result<(), StepError> {
        if *self.lives.lock().unwrap() == Some(0) { Err(StepError::new("dead")) } else { Ok(()) }
    }

    /// After a write: the answer arrives, unless the run died meanwhile.
    fn answer<T>(&self, value: T) -> Result<T, StepError> {
        let mut lives = self.lives.lock().unwrap();
        match lives.as_mut() {
            Some(left) => {
                // What was in flight when the run died takes effect too.
                *left = left.saturating_sub(1);
                if *left == 0 { Err(StepError::new("no answer")) } else { Ok(value) }
            }
            None => Ok(value),
        }
    }

    fn specs(&self) -> Vec<String> {
        self.things.lock().unwrap().values().map(|thing| thing.spec["name"].to_string()).collect()
    }
}

fn uses(thing: &Thing, id: &str) -> bool {
    thing.spec["needs"].as_array().is_some_and(|needs| needs.iter().any(|need| need == id))
}

#[async_trait]
impl Operations for InMemory {
    fn type_info(&self) -> TypeInfo {
        let name_only = self.create_first || self.in_place;
        TypeInfo {
            // A resource that is deleted before its replacement exists can't be used meanwhile: its users are replaced too.
            force_new: if name_only { &["name"][..] } else { &["name", "needs"] },
            create_before_destroy: self.create_first,
            immutable: if self.fixed_size { &[Immutable { field: "size", advice: "keep the size" }] } else { &[] },
            blocks_deletion_of: if self.held { &["thing"][..] } else { &[] },
            ..TypeInfo::new("thing", Duration::from_secs(1), &[])
        }
    }

    fn canonical(&self, spec: &Value) -> Result<Value, StepError> {
        Ok(spec.clone())
    }

    fn hourly_charge(&self, _spec: &Value) -> Option<String> {
        None
    }

    fn outputs_for(&self, id: &str) -> Value {
        json!({ "id": id })
    }

    async fn observe(&self, target: Target<'_>) -> Result<Option<Observed>, StepError> {
        self.alive()?;
        if *self.unseen.lock().unwrap() == Some(target.step.region.as_str()) {
            return Err(StepError::new("no answer"));
        }
        let things = self.things.lock().unwrap();
        let name = &target.step.spec["name"];
        let found = match target.known.and_then(|known| known["id"].as_str()) {
            Some(id) => things.get_key_value(id),
            // By its name alone: the next name finds nothing.
            None => things.iter().find(|(id, thing)| {
                let is_old = target.predecessor.is_some_and(|old| old["id"] == **id);
                thing.spec["name"] == *name && thing.region == target.step.region && !is_old
            }),
        };
        let found = found.filter(|(_, thing)| thing.region == target.step.region);
        Ok(found.map(|(id, thing)| Observed {
            spec: thing.spec.clone(),
            outputs: json!({ "id": id }),
            ownership: match self.name_only {
                true => Ownership::NameOnly,
                false => Ownership::Tagged(thing.tags.clone()),
            },
            live: None,
        }))
    }

    async fn create(&self, target: Target<'_>) -> Result<Value, StepError> {
        self.alive()?;
        tokio::task::yield_now().await;
        let mut made = self.made.lock().unwrap();
        *made += 1;
        let id = format!("id-{made}");
        let mut things = self.things.lock().unwrap();
        for need in target.step.spec["needs"].as_array().unwrap() {
            assert!(things.contains_key(need.as_str().unwrap()), "{} was made before {need}", target.step.id);
        }
        let (region, spec, tags) = (target.step.region.clone(), target.step.spec.clone(), target.step.tags.clone());
        things.insert(id.clone(), Thing { region, spec, tags });
        self.answer(json!({ "id": id }))
    }

    async fn update(&self, target: Target<'_>, observed: &Observed, _: &[FieldChange]) -> Result<Value, StepError> {
        self.alive()?;
        let id = observed.outputs["id"].as_str().unwrap();
        self.things.lock().unwrap().get_mut(id).unwrap().spec = target.step.spec.clone();
        self.answer(observed.outputs.clone())
    }

    async fn tag(&self, _: &Step, outputs: &Value, set: &Tags, remove: &[String]) -> Result<(), StepError> {
        self.alive()?;
        let mut things = self.things.lock().unwrap();
        let thing = things.get_mut(outputs["id"].as_str().unwrap()).unwrap();
        thing.tags.extend(set.clone());
        thing.tags.retain(|key, _| !remove.contains(key));
        self.answer(())
    }

    fn check_transition(&self, desired: &Value, actual: &Value) -> Result<Option<Refusal>, StepError> {
        let shrinks = desired["size"].as_i64() < actual["size"].as_i64();
        Ok((self.no_shrink && shrinks).then(|| Refusal::new("size", "make it bigger")))
    }

    async fn delete(&self, step: &Step, outputs: &Value) -> Result<(), StepError> {
        self.alive()?;
        tokio::task::yield_now().await;
        let id = outputs["id"].as_str().unwrap();
        let mut things = self.things.lock().unwrap();
        let user = things.iter().find(|(_, thing)| uses(thing, id));
        assert!(user.is_none(), "{} was deleted while {user:?} used it", step.id);
        things.remove(id);
        self.answer(())
    }
}

impl Provider for InMemory {
    fn operations(&self, _kind: &str) -> Result<&dyn Operations, StepError> {
        Ok(self)
    }
}

fn owner() -> Owner {
    Owner { system: "test".to_owned(), suffix: "dev1".to_owned() }
}

/// What is wanted of a step: name, size, whom it needs.
type Wanted = BTreeMap<usize, (String, i64, Vec<usize>)>;

fn graph(wanted: &Wanted) -> Graph {
    let id = |n: usize| StepId(format!("s{n:02}"));
    let steps = wanted.iter().map(|(n, (name, size, needs))| {
        let needs: Vec<String> = needs.iter().map(|need| token(&id(*need), "id")).collect();
        Step {
            tags: owner().tags(&id(*n), false),
            id: id(*n),
            kind: "thing",
            region: "here".to_owned(),
            environment: None,
            spec: json!({ "name": name, "size": size, "needs": needs }),
            after: BTreeMap::new(),
            shared: false,
        }
    });
    Graph::new(steps.collect()).unwrap()
}

async fn apply(world: &InMemory, graph: &Graph, folder: &Path) -> Report {
    apply_part(world, graph, folder, Selection::default()).await
}

async fn apply_part(world: &InMemory, graph: &Graph, folder: &Path, selection: Selection) -> Report {
    let (_stop, stop) = watch::channel(false);
    let session = Store::folder(folder).open("dev1", "test", || State::new("test", "dev1", "1", "here")).await.unwrap();
    let owner = owner();
    let engine = EngineContext {
        owner: &owner,
        graph,
        provider: world,
        observer: &Silent,
        stop,
        adopt_by_name: false,
        selection,
    };
    let plan = engine.plan(&session.state()).await;
    let report = engine.execute(plan, &session).await;
    // A dead run saves nothing: only its journal is there.
    if world.alive().is_ok() {
        session.finish().await.unwrap();
    }
    report
}

async fn plan_is_empty(world: &InMemory, graph: &Graph, folder: &Path) -> bool {
    plan(world, graph, folder, Selection::default()).await.is_empty()
}

async fn plan(world: &InMemory, graph: &Graph, folder: &Path, selection: Selection) -> Plan {
    let (_stop, stop) = watch::channel(false);
    let state =
        Store::folder(folder).read("dev1").await.unwrap().unwrap_or_else(|| State::new("test", "dev1", "1", "here"));
    let owner = owner();
    EngineContext { owner: &owner, graph, provider: world, observer: &Silent, stop, adopt_by_name: false, selection }
        .plan(&state)
        .await
}

fn any_wanted() -> impl Strategy<Value = Wanted> {
    proptest::collection::btree_map(0usize..12, (0i64..3, 0i64..3, proptest::collection::vec(0usize..12, 0..4)), 0..10)
        .prop_map(|steps| {
            let there: Vec<usize> = steps.keys().copied().collect();
            let tidy = |(n, (name, size, needs)): (usize, (i64, i64, Vec<usize>))| {
                let mut needs: Vec<usize> =
                    needs.into_iter().filter(|need| *need < n && there.contains(need)).collect();
                needs.sort_unstable();
                needs.dedup();
                (n, (format!("{n}-{name}"), size, needs))
            };
            steps.into_iter().map(tidy).collect()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// From any system to any other, killed after any write, and then perhaps to a third one: the next runs end with just what
    /// is wanted, each thing once.
    #[test]
    fn a_killed_run_is_taken_up_and_nothing_is_lost(
        before in any_wanted(),
        between in any_wanted(),
        after in proptest::option::of(any_wanted()),
        lives in 1usize..25,
        anew in proptest::collection::btree_set(0usize..12, 0..3),
        create_first in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let world = InMemory { create_first, ..InMemory::default() };
            let after = after.unwrap_or_else(|| between.clone());
            let (before, between, wanted) = (graph(&before), graph(&between), graph(&after));
            assert!(apply(&world, &before, folder.path()).await.failed.is_empty());
            assert!(plan_is_empty(&world, &before, folder.path()).await);

            *world.lives.lock().unwrap() = Some(lives);
            let replaced = anew.into_iter().map(|n| StepId(format!("s{n:02}"))).collect();
            let selection = Selection { replaced, ..Selection::default() };
            apply_part(&world, &between, folder.path(), selection).await;
            *world.lives.lock().unwrap() = None;

            // One may have to clean up what the killed run has left of a replacement, once for each of a chain of them.
            for _ in 0..12 {
                if apply(&world, &wanted, folder.path()).await.failed.is_empty() {
                    break;
                }
            }
            assert!(plan_is_empty(&world, &wanted, folder.path()).await);
            let mut names: Vec<String> = after.values().map(|(name, ..)| json!(name).to_string()).collect();
            let mut stand = world.specs();
            names.sort();
            stand.sort();
            assert_eq!(stand, names);

            let report = apply(&world, &graph(&Wanted::new()), folder.path()).await;
            assert!(report.failed.is_empty());
            assert!(world.specs().is_empty());
            assert!(Store::folder(folder.path()).read("dev1").await.unwrap().is_none());
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever parts of a system are applied or made anew on the way to another one: each time what was named is
    /// done whole, and nothing is used or deleted that can't be.
    #[test]
    fn parts_of_a_system_can_be_applied_in_any_order(
        before in any_wanted(),
        after in any_wanted(),
        parts in proptest::collection::vec((proptest::collection::btree_set(0usize..12, 1..4), any::<bool>()), 1..4),
        create_first in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let world = InMemory { create_first, ..InMemory::default() };
            let (before, wanted) = (graph(&before), graph(&after));
            assert!(apply(&world, &before, folder.path()).await.failed.is_empty());
            for (named, anew) in parts {
                let named: BTreeSet<StepId> = named.into_iter().map(|n| StepId(format!("s{n:02}"))).collect();
                let replaced = if anew { named.clone() } else { BTreeSet::new() };
                let selection = Selection { targets: named.clone(), modules: BTreeSet::new(), replaced };
                let report = apply_part(&world, &wanted, folder.path(), selection.clone()).await;
                assert!(report.failed.is_empty() && report.skipped.is_empty(), "{report:?}");
                let things = world.things.lock().unwrap().clone();
                for step in &named {
                    let stands = things.values().any(|thing| thing.tags["provisioner:step"] == step.0);
                    assert_eq!(stands, wanted.get(step).is_some(), "{step}");
                }
                let anew = Selection { replaced: BTreeSet::new(), ..selection };
                let again = apply_part(&world, &wanted, folder.path(), anew).await;
                assert_eq!(again.done.keys().copied().filter(|action| *action != Action::Unchanged).count(), 0, "{again:?}");
            }
            assert!(apply(&world, &wanted, folder.path()).await.failed.is_empty());
            assert!(plan_is_empty(&world, &wanted, folder.path()).await);
        });
    }
}

fn wanted(steps: &[(usize, &str, &[usize])]) -> Wanted {
    steps.iter().map(|(n, name, needs)| (*n, ((*name).to_owned(), 1, needs.to_vec()))).collect()
}

#[tokio::test]
async fn a_step_that_moves_to_another_region_is_made_there_and_goes_here() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    let here = graph(&wanted(&[(1, "a", &[])]));
    apply(&world, &here, folder.path()).await;
    let there = Graph::new(here.in_order().map(|step| Step { region: "there".to_owned(), ..step.clone() }).collect());
    let there = there.unwrap();
    let report = apply(&world, &there, folder.path()).await;
    assert!(report.failed.is_empty(), "{report:?}");
    let regions: Vec<_> = world.things.lock().unwrap().values().map(|thing| thing.region.clone()).collect();
    assert_eq!(regions, ["there"]);
    assert!(plan_is_empty(&world, &there, folder.path()).await);
}

/// Nobody can look whether it still stands there: it isn't made elsewhere, or nobody would know of it.
#[tokio::test]
async fn a_step_whose_old_self_cannot_be_looked_at_does_not_move() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    let here = graph(&wanted(&[(1, "a", &[]), (2, "user", &[1]), (3, "b", &[])]));
    apply(&world, &here, folder.path()).await;
    let things = world.things.lock().unwrap().clone();
    let region = |step: &Step| if step.id == "s01".into() { "there" } else { "here" }.to_owned();
    let there = here.in_order().map(|step| Step { region: region(step), ..step.clone() });
    let there = Graph::new(there.collect()).unwrap();
    *world.unseen.lock().unwrap() = Some("here");
    let report = apply(&world, &there, folder.path()).await;
    assert!(!report.failed.is_empty(), "{report:?}");
    *world.unseen.lock().unwrap() = None;
    assert_eq!(*world.things.lock().unwrap(), things);
    assert!(apply(&world, &there, folder.path()).await.failed.is_empty());
    assert!(plan_is_empty(&world, &there, folder.path()).await);
    assert_eq!(world.specs().len(), 3);
}

#[tokio::test]
async fn a_strangers_thing_with_our_name_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    let stranger = Thing { region: "here".to_owned(), spec: json!({"name": "a", "size": 9}), tags: Tags::new() };
    world.things.lock().unwrap().insert("theirs".to_owned(), stranger.clone());
    let report = apply(&world, &graph(&wanted(&[(1, "a", &[]), (2, "b", &[1]), (3, "c", &[])])), folder.path()).await;
    assert_eq!(report.failed.len(), 1);
    assert!(report.failed[0].1.message.contains("exists already and is unmanaged"), "{:?}", report.failed);
    assert_eq!(report.skipped.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>(), ["s02"]);
    assert_eq!(report.count(Action::Create), 1);
    apply(&world, &graph(&Wanted::new()), folder.path()).await;
    assert_eq!(*world.things.lock().unwrap(), BTreeMap::from([("theirs".to_owned(), stranger)]));
}

#[tokio::test]
async fn two_steps_of_one_name_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    let steps = graph(&wanted(&[(1, "a", &[]), (2, "a", &[1])]));
    apply(&world, &graph(&wanted(&[(1, "a", &[])])), folder.path()).await;
    let report = apply(&world, &steps, folder.path()).await;
    let [(step, error)] = &report.failed[..] else { panic!("{report:?}") };
    assert_eq!(
        (step.0.as_str(), error.message.as_str()),
        ("s02", "id-1 belongs to the step s01: two steps can't share one resource")
    );
    assert_eq!(world.specs(), [r#""a""#]);
}

async fn rename(folder: &Path, from: &str, to: &str) {
    let mut session = Store::folder(folder).open("dev1", "test", || unreachable!()).await.unwrap();
    session.change(|state| state.rename(&from.into(), to.into())).unwrap();
    session.finish().await.unwrap();
}

#[tokio::test]
async fn what_is_called_otherwise_in_the_state_and_wanted_as_before_stays() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    let as_before = graph(&wanted(&[(1, "a", &[]), (2, "b", &[])]));
    apply(&world, &as_before, folder.path()).await;
    let things = world.things.lock().unwrap().clone();
    rename(folder.path(), "s01", "s09").await;
    // Nobody forgets it under the one name before it is remembered under the other.
    let targets = ["s09".into()].into();
    apply_part(&world, &as_before, folder.path(), Selection { targets, ..Selection::default() }).await;
    assert!(Store::folder(folder.path()).read("dev1").await.unwrap().unwrap().steps.contains_key(&"s09".into()));
    let report = apply(&world, &as_before, folder.path()).await;
    assert!(report.failed.is_empty(), "{report:?}");
    assert_eq!((report.count(Action::Adopt), report.count(Action::Forget), report.count(Action::Delete)), (1, 1, 0));
    assert_eq!(*world.things.lock().unwrap(), things);
    assert!(plan_is_empty(&world, &as_before, folder.path()).await);
}

#[tokio::test]
async fn what_may_be_wanted_under_another_name_stays_as_long_as_nobody_can_tell() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory { name_only: true, ..InMemory::default() };
    let as_before = graph(&wanted(&[(1, "a", &[]), (2, "b", &[])]));
    apply(&world, &as_before, folder.path()).await;
    let things = world.things.lock().unwrap().clone();
    rename(folder.path(), "s01", "s09").await;
    let report = apply(&world, &as_before, folder.path()).await;
    let failed: Vec<_> = report.failed.iter().map(|(step, _)| step.0.as_str()).collect();
    assert_eq!((failed, report.count(Action::Delete)), (vec!["s01"], 0), "{report:?}");
    assert_eq!(*world.things.lock().unwrap(), things);
    rename(folder.path(), "s09", "s01").await;
    assert!(plan_is_empty(&world, &as_before, folder.path()).await);
}

/// What it used must not go before it.
#[tokio::test]
async fn what_waits_to_be_replaced_again_keeps_what_it_uses() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory { create_first: true, ..InMemory::default() };
    apply(&world, &graph(&wanted(&[(0, "x", &[]), (1, "a", &[0])])), folder.path()).await;
    *world.lives.lock().unwrap() = Some(1);
    apply(&world, &graph(&wanted(&[(0, "x", &[]), (1, "b", &[0])])), folder.path()).await;
    *world.lives.lock().unwrap() = None;
    let last = graph(&wanted(&[(3, "y", &[]), (1, "c", &[3])]));
    for _ in 0..3 {
        apply(&world, &last, folder.path()).await;
    }
    assert!(plan_is_empty(&world, &last, folder.path()).await);
    assert_eq!(world.specs().len(), 2, "{:?}", world.specs());
}

/// Its own old self still stands, so it waits to be replaced again; what it uses meanwhile is replaced, and stays for it.
#[tokio::test]
async fn what_is_used_by_what_waits_to_be_replaced_again_goes_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory { create_first: true, ..InMemory::default() };
    apply(&world, &graph(&wanted(&[(10, "user", &[])])), folder.path()).await;
    *world.lives.lock().unwrap() = Some(2);
    let selection = Selection { replaced: ["s10".into()].into(), ..Selection::default() };
    apply_part(&world, &graph(&wanted(&[(1, "a", &[]), (10, "user", &[1])])), folder.path(), selection).await;
    *world.lives.lock().unwrap() = None;
    let last = graph(&wanted(&[(1, "b", &[]), (10, "other", &[])]));
    let report = apply(&world, &last, folder.path()).await;
    let because = "the old resource is kept: s10 may still use it, and can't be planned";
    assert!(report.skipped.contains(&("s01".into(), because.to_owned())), "{report:?}");
    assert!(apply(&world, &last, folder.path()).await.failed.is_empty());
    assert!(plan_is_empty(&world, &last, folder.path()).await);
    assert_eq!(world.specs(), [r#""b""#, r#""other""#]);
}

/// Of two with one name, made by people's wish and by a run that died over it, each goes as the one it is.
#[tokio::test]
async fn what_a_dead_run_made_anew_goes_beside_its_predecessor() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory { create_first: true, ..InMemory::default() };
    apply(&world, &graph(&wanted(&[(1, "a", &[]), (2, "user", &[])])), folder.path()).await;
    *world.lives.lock().unwrap() = Some(1);
    let selection = Selection { replaced: ["s02".into()].into(), ..Selection::default() };
    apply_part(&world, &graph(&wanted(&[(1, "a", &[]), (2, "user", &[1])])), folder.path(), selection).await;
    *world.lives.lock().unwrap() = None;
    assert_eq!(world.specs().len(), 3);
    assert!(apply(&world, &graph(&Wanted::new()), folder.path()).await.failed.is_empty());
    assert!(world.specs().is_empty(), "{:?}", world.specs());
}

/// It went in a run that died; what it used can go although it is wanted again, and comes after that.
#[tokio::test]
async fn what_is_gone_uses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    apply(&world, &graph(&wanted(&[(2, "a", &[]), (4, "b", &[2]), (5, "c", &[4])])), folder.path()).await;
    let last = graph(&wanted(&[(2, "other", &[]), (5, "c", &[2])]));
    *world.lives.lock().unwrap() = Some(1);
    apply(&world, &last, folder.path()).await;
    *world.lives.lock().unwrap() = None;
    assert_eq!(world.specs(), [r#""a""#, r#""b""#]);
    assert!(apply(&world, &last, folder.path()).await.failed.is_empty());
    assert!(plan_is_empty(&world, &last, folder.path()).await);
}

/// Each of the first run's writes may be its last: what used the old one may not use the new one yet.
#[tokio::test]
async fn a_step_that_is_to_be_replaced_again_before_its_last_replacement_is_done_is_replaced_in_the_end() {
    for lives in 1..8 {
        let folder = tempfile::tempdir().unwrap();
        let world = InMemory { create_first: true, ..InMemory::default() };
        apply(&world, &graph(&wanted(&[(1, "a", &[]), (2, "user", &[1])])), folder.path()).await;
        *world.lives.lock().unwrap() = Some(lives);
        apply(&world, &graph(&wanted(&[(1, "b", &[]), (2, "user", &[1])])), folder.path()).await;
        *world.lives.lock().unwrap() = None;
        let last = graph(&wanted(&[(1, "c", &[]), (2, "user", &[1])]));
        apply(&world, &last, folder.path()).await;
        let report = apply(&world, &last, folder.path()).await;
        assert!(report.failed.is_empty(), "{lives}: {report:?}");
        assert!(plan_is_empty(&world, &last, folder.path()).await, "{lives}");
        assert_eq!(world.specs().len(), 2, "{lives}: {:?}", world.specs());
    }
}

/// An older state was put in the place of the one that knows what stands.
#[tokio::test]
async fn what_was_made_since_the_state_was_written_is_adopted_and_goes_like_all_else() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    let steps = graph(&wanted(&[(1, "a", &[]), (2, "b", &[])]));
    let put = async |state: &State| {
        Store::folder(folder.path()).replace("dev1", "test", state.clone()).await.unwrap();
    };
    apply(&world, &steps, folder.path()).await;
    let older = Store::folder(folder.path()).read("dev1").await.unwrap().unwrap();
    let replaced: BTreeSet<StepId> = ["s01".into()].into();
    apply_part(&world, &steps, folder.path(), Selection { replaced, ..Selection::default() }).await;
    let things = world.things.lock().unwrap().clone();

    put(&older).await;
    let report = apply(&world, &steps, folder.path()).await;
    assert_eq!((report.count(Action::Adopt), report.count(Action::Create)), (1, 0), "{report:?}");
    assert_eq!(*world.things.lock().unwrap(), things);
    put(&older).await;
    assert!(apply(&world, &graph(&Wanted::new()), folder.path()).await.failed.is_empty());
    assert!(world.specs().is_empty(), "{:?}", world.specs());
}

#[tokio::test]
async fn what_something_that_stays_holds_is_not_made_anew_and_nothing_goes_half_way() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory { in_place: true, held: true, ..InMemory::default() };
    let before = graph(&wanted(&[(1, "a", &[]), (2, "user", &[1]), (3, "its user", &[2]), (4, "free", &[])]));
    apply(&world, &before, folder.path()).await;
    let after = graph(&wanted(&[(1, "b", &[]), (2, "user", &[1]), (3, "its user", &[2]), (4, "other", &[])]));
    let report = apply(&world, &after, folder.path()).await;
    let failed: Vec<_> = report.failed.iter().map(|(step, error)| (step.0.as_str(), error.message.as_str())).collect();
    let message = "can't replace it: s02 still depends on it";
    assert_eq!(failed, [("s01", message)]);
    let left_out: Vec<_> = report.skipped.iter().map(|(step, _)| step.0.as_str()).collect();
    assert_eq!(left_out, ["s02", "s03"]);
    assert_eq!(world.specs(), [r#""a""#, r#""user""#, r#""its user""#, r#""other""#]);
    // Without its holder it can go.
    let targets = ["s02".into()].into();
    let gone = Selection { targets, ..Selection::default() };
    assert!(apply_part(&world, &graph(&Wanted::new()), folder.path(), gone).await.failed.is_empty());
    assert!(apply(&world, &after, folder.path()).await.failed.is_empty());
    assert!(plan_is_empty(&world, &after, folder.path()).await);
}

/// The first goes before its successor comes, and only once the second is gone; that is used by the third until it uses the
/// first one's successor.
#[tokio::test]
async fn what_waits_for_itself_is_told_and_can_be_done_in_two_parts() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory { in_place: true, ..InMemory::default() };
    let before = wanted(&[(1, "a", &[]), (2, "b", &[1]), (3, "c", &[2]), (4, "d", &[1])]);
    apply(&world, &graph(&before), folder.path()).await;
    let things = world.things.lock().unwrap().clone();
    // The fourth could go, and couldn't come again.
    let after = graph(&wanted(&[(1, "new", &[]), (3, "c", &[1]), (4, "other", &[1])]));
    let report = apply(&world, &after, folder.path()).await;
    let failed: Vec<_> = report.failed.iter().map(|(step, error)| (step.0.as_str(), error.message.as_str())).collect();
    let message = "s01, s02, s03 wait for each other: each can only change or be deleted after another one";
    assert_eq!(failed, [("s03", message)]);
    let advice = report.failed[0].1.advice.as_ref().unwrap();
    assert!(matches!(advice, Advice::SplitChange { dependents } if dependents[..] == ["s03".into()]), "{advice:?}");
    assert_eq!(*world.things.lock().unwrap(), things);
    let targets = ["s03".into()].into();
    let gone = Selection { targets, ..Selection::default() };
    assert!(apply_part(&world, &graph(&Wanted::new()), folder.path(), gone).await.failed.is_empty());
    assert!(apply(&world, &after, folder.path()).await.failed.is_empty());
    assert!(plan_is_empty(&world, &after, folder.path()).await);
}

/// Steps of the given sizes, none of which needs another one.
fn sizes(steps: &[(usize, &str, i64)]) -> Graph {
    graph(&steps.iter().map(|(n, name, size)| (*n, ((*name).to_owned(), *size, Vec::new()))).collect())
}

#[tokio::test]
async fn refused_change_stops_the_whole_apply() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = InMemory::default();
    apply(&world, &sizes(&[(1, "a", 1), (2, "b", 1)]), folder.path()).await;
    world.fixed_size = true;
    let things = world.things.lock().unwrap().clone();
    let state = Store::folder(folder.path()).read("dev1").await.unwrap().unwrap();
    let after = sizes(&[(1, "a", 2), (3, "c", 1)]);
    let planned = plan(&world, &after, folder.path(), Selection::default()).await;
    assert!(planned.failures.is_empty() && !planned.is_empty());
    let error = planned.check_refusals().unwrap_err();
    assert_eq!(error.message, "s01: size can't change from 1 to 2 while the resource exists");
    assert!(matches!(error.advice, Some(Advice::Text(advice)) if advice == "nothing was changed. keep the size"));

    let report = apply(&world, &after, folder.path()).await;
    let failed: Vec<_> = report.failed.iter().map(|(step, _)| step.0.as_str()).collect();
    let skipped: Vec<_> = report.skipped.iter().map(|(step, _)| step.0.as_str()).collect();
    assert_eq!((failed, skipped, report.done.len()), (vec!["s01"], vec!["s03", "s02"], 0));
    assert_eq!(*world.things.lock().unwrap(), things);
    let unchanged = Store::folder(folder.path()).read("dev1").await.unwrap().unwrap();
    assert_eq!((unchanged.steps, unchanged.intents), (state.steps, state.intents));
}

#[tokio::test]
async fn refused_change_outside_the_selection_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory { fixed_size: true, ..InMemory::default() };
    apply(&world, &sizes(&[(1, "a", 1)]), folder.path()).await;
    let selection = Selection { targets: ["s02".into()].into(), ..Selection::default() };
    let report = apply_part(&world, &sizes(&[(1, "a", 2), (2, "b", 1)]), folder.path(), selection).await;
    assert_eq!((report.failed.len(), report.count(Action::Create)), (0, 1), "{report:?}");
}

#[tokio::test]
async fn replacement_may_change_an_immutable_field() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory { fixed_size: true, ..InMemory::default() };
    apply(&world, &sizes(&[(1, "a", 1), (2, "b", 1)]), folder.path()).await;
    let selection = Selection { replaced: ["s01".into()].into(), ..Selection::default() };
    let after = sizes(&[(1, "a", 2), (2, "other", 2)]);
    let report = apply_part(&world, &after, folder.path(), selection).await;
    assert_eq!((report.failed.len(), report.count(Action::Replace)), (0, 2), "{report:?}");
    assert!(plan_is_empty(&world, &after, folder.path()).await);
}

#[tokio::test]
async fn impossible_transition_is_refused_and_its_reverse_applied() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory { no_shrink: true, ..InMemory::default() };
    apply(&world, &sizes(&[(1, "a", 2)]), folder.path()).await;
    let planned = plan(&world, &sizes(&[(1, "a", 1)]), folder.path(), Selection::default()).await;
    let [refused] = &planned.refusals[..] else { panic!("{planned:?}") };
    assert_eq!(refused.to_string(), "s01: size can't change from 2 to 1 while the resource exists");
    let report = apply(&world, &sizes(&[(1, "a", 3)]), folder.path()).await;
    assert_eq!((report.failed.len(), report.count(Action::Update)), (0, 1), "{report:?}");
}

#[tokio::test]
async fn replaced_step_of_any_environment_is_an_interruption() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    let steps = |names: [&str; 2]| {
        let graph = graph(&wanted(&[(1, names[0], &[]), (2, names[1], &[])]));
        let environment = |step: &Step| (step.id == "s01".into()).then(|| "production".to_owned());
        let steps = graph.in_order().map(|step| Step { environment: environment(step), ..step.clone() });
        Graph::new(steps.collect()).unwrap()
    };
    apply(&world, &steps(["a", "b"]), folder.path()).await;
    let after = steps(["c", "d"]);
    let planned = plan(&world, &after, folder.path(), Selection::default()).await;
    let (_stop, stop) = watch::channel(false);
    let (owner, selection) = (owner(), Selection::default());
    let (graph, provider, observer) = (&after, &world, &Silent);
    let engine = EngineContext { owner: &owner, graph, provider, observer, stop, adopt_by_name: false, selection };
    let hit = engine.interruptions(&planned, true);
    let hit: Vec<_> = hit.iter().map(|hit| (hit.step.0.as_str(), hit.environment.as_deref())).collect();
    assert_eq!(hit, [("s01", Some("production"))]);
    assert!(engine.interruptions(&planned, false).is_empty());
}
