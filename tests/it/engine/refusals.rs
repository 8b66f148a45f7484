//! Changes that the planner refuses.

use provisioner::engine::graph::Graph;
use provisioner::engine::{Action, Advice, Selection};
use provisioner::state::Store;

use super::memory::{InMemory, apply, apply_part, graph, plan, plan_is_empty};

/// Steps of the given sizes without dependencies.
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
