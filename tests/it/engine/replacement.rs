//! Replacements: order of create and delete, deposed objects, runs that died in between.

use provisioner::engine::events::Silent;
use provisioner::engine::graph::Graph;
use provisioner::engine::{Advice, EngineContext, Selection, Step};
use tokio::sync::watch;

use super::memory::{Desired, InMemory, apply, apply_part, desired, graph, owner, plan, plan_is_empty};

#[tokio::test]
async fn step_that_changes_region_is_recreated_there() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    let here = graph(&desired(&[(1, "a", &[])]));
    apply(&world, &here, folder.path()).await;
    let there = Graph::new(here.in_order().map(|step| Step { region: "there".to_owned(), ..step.clone() }).collect());
    let there = there.unwrap();
    let report = apply(&world, &there, folder.path()).await;
    assert!(report.failed.is_empty(), "{report:?}");
    let regions: Vec<_> = world.things.lock().unwrap().values().map(|thing| thing.region.clone()).collect();
    assert_eq!(regions, ["there"]);
    assert!(plan_is_empty(&world, &there, folder.path()).await);
}

/// Its old region can't be read, so it isn't created elsewhere: the old resource would be forgotten.
#[tokio::test]
async fn step_with_unreadable_deposed_object_stays() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    let here = graph(&desired(&[(1, "a", &[]), (2, "user", &[1]), (3, "b", &[])]));
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

/// Its dependencies must not be deleted before it.
#[tokio::test]
async fn step_awaiting_replacement_keeps_its_dependencies() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory { create_first: true, ..InMemory::default() };
    apply(&world, &graph(&desired(&[(0, "x", &[]), (1, "a", &[0])])), folder.path()).await;
    *world.lives.lock().unwrap() = Some(1);
    apply(&world, &graph(&desired(&[(0, "x", &[]), (1, "b", &[0])])), folder.path()).await;
    *world.lives.lock().unwrap() = None;
    let last = graph(&desired(&[(3, "y", &[]), (1, "c", &[3])]));
    for _ in 0..3 {
        apply(&world, &last, folder.path()).await;
    }
    assert!(plan_is_empty(&world, &last, folder.path()).await);
    assert_eq!(world.specs().len(), 2, "{:?}", world.specs());
}

/// Its deposed object exists, so it waits for its next replacement. Its dependency is replaced meanwhile, and the old one kept.
#[tokio::test]
async fn deposed_object_outlives_users_awaiting_replacement() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory { create_first: true, ..InMemory::default() };
    apply(&world, &graph(&desired(&[(10, "user", &[])])), folder.path()).await;
    *world.lives.lock().unwrap() = Some(2);
    let selection = Selection { replaced: ["s10".into()].into(), ..Selection::default() };
    apply_part(&world, &graph(&desired(&[(1, "a", &[]), (10, "user", &[1])])), folder.path(), selection).await;
    *world.lives.lock().unwrap() = None;
    let last = graph(&desired(&[(1, "b", &[]), (10, "other", &[])]));
    let report = apply(&world, &last, folder.path()).await;
    let because = "the old resource is kept: s10 may still use it, and can't be planned";
    assert!(report.skipped.contains(&("s01".into(), because.to_owned())), "{report:?}");
    assert!(apply(&world, &last, folder.path()).await.failed.is_empty());
    assert!(plan_is_empty(&world, &last, folder.path()).await);
    assert_eq!(world.specs(), [r#""b""#, r#""other""#]);
}

/// Both objects of one name are deleted: the requested replacement of a run that died, and the one it replaces.
#[tokio::test]
async fn replacement_of_a_dead_run_is_deleted_with_deposed() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory { create_first: true, ..InMemory::default() };
    apply(&world, &graph(&desired(&[(1, "a", &[]), (2, "user", &[])])), folder.path()).await;
    *world.lives.lock().unwrap() = Some(1);
    let selection = Selection { replaced: ["s02".into()].into(), ..Selection::default() };
    apply_part(&world, &graph(&desired(&[(1, "a", &[]), (2, "user", &[1])])), folder.path(), selection).await;
    *world.lives.lock().unwrap() = None;
    assert_eq!(world.specs().len(), 3);
    assert!(apply(&world, &graph(&Desired::new()), folder.path()).await.failed.is_empty());
    assert!(world.specs().is_empty(), "{:?}", world.specs());
}

/// A run deleted it and died. Its dependency can be deleted although the step is desired again: it is created after that.
#[tokio::test]
async fn vanished_step_blocks_no_deletion() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    apply(&world, &graph(&desired(&[(2, "a", &[]), (4, "b", &[2]), (5, "c", &[4])])), folder.path()).await;
    let last = graph(&desired(&[(2, "other", &[]), (5, "c", &[2])]));
    *world.lives.lock().unwrap() = Some(1);
    apply(&world, &last, folder.path()).await;
    *world.lives.lock().unwrap() = None;
    assert_eq!(world.specs(), [r#""a""#, r#""b""#]);
    assert!(apply(&world, &last, folder.path()).await.failed.is_empty());
    assert!(plan_is_empty(&world, &last, folder.path()).await);
}

/// Each of the first run's writes may be its last: dependents may still use the old object.
#[tokio::test]
async fn replacement_before_the_last_one_completed_succeeds() {
    for lives in 1..8 {
        let folder = tempfile::tempdir().unwrap();
        let world = InMemory { create_first: true, ..InMemory::default() };
        apply(&world, &graph(&desired(&[(1, "a", &[]), (2, "user", &[1])])), folder.path()).await;
        *world.lives.lock().unwrap() = Some(lives);
        apply(&world, &graph(&desired(&[(1, "b", &[]), (2, "user", &[1])])), folder.path()).await;
        *world.lives.lock().unwrap() = None;
        let last = graph(&desired(&[(1, "c", &[]), (2, "user", &[1])]));
        apply(&world, &last, folder.path()).await;
        let report = apply(&world, &last, folder.path()).await;
        assert!(report.failed.is_empty(), "{lives}: {report:?}");
        assert!(plan_is_empty(&world, &last, folder.path()).await, "{lives}");
        assert_eq!(world.specs().len(), 2, "{lives}: {:?}", world.specs());
    }
}

#[tokio::test]
async fn blocked_replacement_is_refused_before_any_change() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory { in_place: true, blocks_deletion: true, ..InMemory::default() };
    let before = graph(&desired(&[(1, "a", &[]), (2, "user", &[1]), (3, "its user", &[2]), (4, "free", &[])]));
    apply(&world, &before, folder.path()).await;
    let after = graph(&desired(&[(1, "b", &[]), (2, "user", &[1]), (3, "its user", &[2]), (4, "other", &[])]));
    let report = apply(&world, &after, folder.path()).await;
    let failed: Vec<_> = report.failed.iter().map(|(step, error)| (step.0.as_str(), error.message.as_str())).collect();
    let message = "can't replace it: s02 still depends on it";
    assert_eq!(failed, [("s01", message)]);
    let skipped: Vec<_> = report.skipped.iter().map(|(step, _)| step.0.as_str()).collect();
    assert_eq!(skipped, ["s02", "s03"]);
    assert_eq!(world.specs(), [r#""a""#, r#""user""#, r#""its user""#, r#""other""#]);
    // Without its dependent it can be deleted.
    let targets = ["s02".into()].into();
    let destroyed = Selection { targets, ..Selection::default() };
    assert!(apply_part(&world, &graph(&Desired::new()), folder.path(), destroyed).await.failed.is_empty());
    assert!(apply(&world, &after, folder.path()).await.failed.is_empty());
    assert!(plan_is_empty(&world, &after, folder.path()).await);
}

/// s01 is deleted before its replacement is created, and only after s02. s02 is used by s03, until s03 uses the replacement
/// of s01.
#[tokio::test]
async fn dependency_cycle_is_reported_and_can_be_split() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory { in_place: true, ..InMemory::default() };
    let before = desired(&[(1, "a", &[]), (2, "b", &[1]), (3, "c", &[2]), (4, "d", &[1])]);
    apply(&world, &graph(&before), folder.path()).await;
    let things = world.things.lock().unwrap().clone();
    // s04 could be deleted, but not created again.
    let after = graph(&desired(&[(1, "new", &[]), (3, "c", &[1]), (4, "other", &[1])]));
    let report = apply(&world, &after, folder.path()).await;
    let failed: Vec<_> = report.failed.iter().map(|(step, error)| (step.0.as_str(), error.message.as_str())).collect();
    let message = "s01, s02, s03 wait for each other: each can only change or be deleted after another one";
    assert_eq!(failed, [("s03", message)]);
    let advice = report.failed[0].1.advice.as_ref().unwrap();
    assert!(matches!(advice, Advice::SplitChange { dependents } if dependents[..] == ["s03".into()]), "{advice:?}");
    assert_eq!(*world.things.lock().unwrap(), things);
    let targets = ["s03".into()].into();
    let destroyed = Selection { targets, ..Selection::default() };
    assert!(apply_part(&world, &graph(&Desired::new()), folder.path(), destroyed).await.failed.is_empty());
    assert!(apply(&world, &after, folder.path()).await.failed.is_empty());
    assert!(plan_is_empty(&world, &after, folder.path()).await);
}

#[tokio::test]
async fn replaced_step_of_any_environment_is_an_interruption() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    let steps = |names: [&str; 2]| {
        let graph = graph(&desired(&[(1, names[0], &[]), (2, names[1], &[])]));
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
