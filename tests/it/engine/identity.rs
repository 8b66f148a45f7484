//! Which resource belongs to which step: unmanaged resources, renamed steps, older states.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use provisioner::engine::{Action, Selection, StepId, Tags};
use provisioner::state::{State, Store};
use serde_json::json;

use super::memory::{Desired, InMemory, Thing, apply, apply_part, desired, graph, plan_is_empty};

#[tokio::test]
async fn unmanaged_resource_with_our_name_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    let unmanaged = Thing { region: "here".to_owned(), spec: json!({"name": "a", "size": 9}), tags: Tags::new() };
    world.things.lock().unwrap().insert("theirs".to_owned(), unmanaged.clone());
    let report = apply(&world, &graph(&desired(&[(1, "a", &[]), (2, "b", &[1]), (3, "c", &[])])), folder.path()).await;
    assert_eq!(report.failed.len(), 1);
    assert!(report.failed[0].1.message.contains("exists already and is unmanaged"), "{:?}", report.failed);
    assert_eq!(report.skipped.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>(), ["s02"]);
    assert_eq!(report.count(Action::Create), 1);
    apply(&world, &graph(&Desired::new()), folder.path()).await;
    assert_eq!(*world.things.lock().unwrap(), BTreeMap::from([("theirs".to_owned(), unmanaged)]));
}

#[tokio::test]
async fn two_steps_with_one_aws_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    let steps = graph(&desired(&[(1, "a", &[]), (2, "a", &[1])]));
    apply(&world, &graph(&desired(&[(1, "a", &[])])), folder.path()).await;
    let report = apply(&world, &steps, folder.path()).await;
    let [(step, error)] = &report.failed[..] else { panic!("{report:?}") };
    assert_eq!(
        (step.0.as_str(), error.message.as_str()),
        ("s02", "id-1 belongs to the step s01: two steps can't share one resource")
    );
    assert_eq!(world.specs(), [r#""a""#]);
}

#[tokio::test]
async fn renamed_step_is_advised_to_move_its_state() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    apply(&world, &graph(&desired(&[(1, "a", &[])])), folder.path()).await;
    let renamed = graph(&desired(&[(2, "a", &[])]));
    let report = apply(&world, &renamed, folder.path()).await;
    let [(step, error)] = &report.failed[..] else { panic!("{report:?}") };
    let message = "id-1 belongs to the step s01 of this deployment, which no longer exists";
    assert_eq!((step.0.as_str(), error.message.as_str()), ("s02", message));
    rename(folder.path(), "s01", "s02").await;
    assert!(apply(&world, &renamed, folder.path()).await.failed.is_empty());
    assert_eq!(world.specs(), [r#""a""#]);
}

async fn rename(folder: &Path, from: &str, to: &str) {
    let mut session = Store::folder(folder).open("dev1", "test", || unreachable!()).await.unwrap();
    session.change(|state| state.rename(&from.into(), to.into())).unwrap();
    session.finish().await.unwrap();
}

#[tokio::test]
async fn step_renamed_in_state_only_keeps_its_resource() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    let as_before = graph(&desired(&[(1, "a", &[]), (2, "b", &[])]));
    apply(&world, &as_before, folder.path()).await;
    let things = world.things.lock().unwrap().clone();
    rename(folder.path(), "s01", "s09").await;
    // The step with the old name is kept until the new one is recorded.
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
async fn unreadable_step_blocks_removal_of_a_possible_rename() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory { name_only: true, ..InMemory::default() };
    let as_before = graph(&desired(&[(1, "a", &[]), (2, "b", &[])]));
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

/// An older state has replaced the current one.
#[tokio::test]
async fn resource_newer_than_the_state_is_adopted_and_destroyed() {
    let folder = tempfile::tempdir().unwrap();
    let world = InMemory::default();
    let steps = graph(&desired(&[(1, "a", &[]), (2, "b", &[])]));
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
    assert!(apply(&world, &graph(&Desired::new()), folder.path()).await.failed.is_empty());
    assert!(world.specs().is_empty(), "{:?}", world.specs());
}
