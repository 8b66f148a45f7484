//! Properties of every system and every sequence of applies, killed at any write.

use std::collections::BTreeSet;

use proptest::prelude::*;
use provisioner::engine::{Action, Selection, StepId};
use provisioner::state::Store;
use serde_json::json;

use super::memory::{Desired, InMemory, apply, apply_part, graph, plan_is_empty};

fn any_desired() -> impl Strategy<Value = Desired> {
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

    /// From any system to any other, killed after any write, and then perhaps to a third one: the next runs end with exactly
    /// the desired resources, each once.
    #[test]
    fn killed_run_is_resumed_without_loss(
        before in any_desired(),
        between in any_desired(),
        after in proptest::option::of(any_desired()),
        lives in 1usize..25,
        replaced in proptest::collection::btree_set(0usize..12, 0..3),
        create_first in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let world = InMemory { create_first, ..InMemory::default() };
            let after = after.unwrap_or_else(|| between.clone());
            let (before, between, desired) = (graph(&before), graph(&between), graph(&after));
            assert!(apply(&world, &before, folder.path()).await.failed.is_empty());
            assert!(plan_is_empty(&world, &before, folder.path()).await);

            *world.lives.lock().unwrap() = Some(lives);
            let replaced = replaced.into_iter().map(|n| StepId(format!("s{n:02}"))).collect();
            let selection = Selection { replaced, ..Selection::default() };
            apply_part(&world, &between, folder.path(), selection).await;
            *world.lives.lock().unwrap() = None;

            // Each run may clean up only one replacement of a chain that the killed run has left.
            for _ in 0..12 {
                if apply(&world, &desired, folder.path()).await.failed.is_empty() {
                    break;
                }
            }
            assert!(plan_is_empty(&world, &desired, folder.path()).await);
            let mut names: Vec<String> = after.values().map(|(name, ..)| json!(name).to_string()).collect();
            let mut existing = world.specs();
            names.sort();
            existing.sort();
            assert_eq!(existing, names);

            let report = apply(&world, &graph(&Desired::new()), folder.path()).await;
            assert!(report.failed.is_empty());
            assert!(world.specs().is_empty());
            assert!(Store::folder(folder.path()).read("dev1").await.unwrap().is_none());
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Parts of a system are applied or replaced on the way to another one: each time the selected steps are complete, and
    /// nothing is used before it exists or deleted while it is in use.
    #[test]
    fn parts_of_a_system_can_be_applied_in_any_order(
        before in any_desired(),
        after in any_desired(),
        parts in proptest::collection::vec((proptest::collection::btree_set(0usize..12, 1..4), any::<bool>()), 1..4),
        create_first in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let world = InMemory { create_first, ..InMemory::default() };
            let (before, desired) = (graph(&before), graph(&after));
            assert!(apply(&world, &before, folder.path()).await.failed.is_empty());
            for (named, replace) in parts {
                let named: BTreeSet<StepId> = named.into_iter().map(|n| StepId(format!("s{n:02}"))).collect();
                let replaced = if replace { named.clone() } else { BTreeSet::new() };
                let selection = Selection { targets: named.clone(), modules: BTreeSet::new(), replaced };
                let report = apply_part(&world, &desired, folder.path(), selection.clone()).await;
                assert!(report.failed.is_empty() && report.skipped.is_empty(), "{report:?}");
                let things = world.things.lock().unwrap().clone();
                for step in &named {
                    let exists = things.values().any(|thing| thing.tags["provisioner:step"] == step.0);
                    assert_eq!(exists, desired.get(step).is_some(), "{step}");
                }
                let targets = Selection { replaced: BTreeSet::new(), ..selection };
                let again = apply_part(&world, &desired, folder.path(), targets).await;
                assert_eq!(again.done.keys().copied().filter(|action| *action != Action::Unchanged).count(), 0, "{again:?}");
            }
            assert!(apply(&world, &desired, folder.path()).await.failed.is_empty());
            assert!(plan_is_empty(&world, &desired, folder.path()).await);
        });
    }
}
