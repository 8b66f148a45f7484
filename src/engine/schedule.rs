//! Runs nodes of a dependency graph: each starts as soon as its dependencies are done, the one with the longest remaining path
//! first. There are no waves.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::future::Future;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use tokio::sync::watch;

/// A node of the graph.
#[derive(Clone, Debug)]
pub struct Node<K> {
    /// The nodes that must be done first.
    pub needs: BTreeSet<K>,
    /// How long it typically takes.
    pub typical_time: Duration,
}

/// How a node ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<K> {
    /// Done.
    Done,
    /// It failed.
    Failed,
    /// It wasn't started because this node failed.
    NeedsFailed(K),
    /// It wasn't started because the run was stopped.
    Stopped,
}

/// Runs all nodes, at most `limit` at a time. `work` returns true if the node succeeded. Nodes that depend on a failed one are
/// skipped; all others run. Once `stop` turns true no new node starts.
///
/// # Panics
/// If the nodes depend on each other in a cycle: [`cycles`] finds them.
pub async fn run<K, F>(
    nodes: &BTreeMap<K, Node<K>>,
    limit: usize,
    stop: watch::Receiver<bool>,
    work: impl Fn(K) -> F,
) -> BTreeMap<K, Outcome<K>>
where
    K: Ord + Clone,
    F: Future<Output = bool>,
{
    let paths = remaining_paths(nodes);
    let dependents = dependents(nodes);
    let mut missing: BTreeMap<&K, usize> =
        nodes.iter().map(|(key, node)| (key, present(nodes, node).count())).collect();
    let mut ready: BinaryHeap<(Duration, std::cmp::Reverse<&K>)> = BinaryHeap::new();
    let queued = |key| (paths[key], std::cmp::Reverse(key));
    ready.extend(missing.iter().filter(|(_, count)| **count == 0).map(|(key, _)| queued(*key)));
    let mut outcomes = BTreeMap::new();
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < limit && !*stop.borrow() {
            let Some((_, std::cmp::Reverse(key))) = ready.pop() else { break };
            let future = work(key.clone());
            running.push(async move { (key, future.await) });
        }
        let Some((key, done)) = running.next().await else { break };
        if !done {
            outcomes.insert(key.clone(), Outcome::Failed);
            skip(key, &dependents, &mut outcomes);
            continue;
        }
        outcomes.insert(key.clone(), Outcome::Done);
        for dependent in &dependents[key] {
            let count = missing.get_mut(dependent).expect("every dependent is a node");
            *count -= 1;
            if *count == 0 {
                ready.push(queued(*dependent));
            }
        }
    }
    for key in nodes.keys() {
        assert!(*stop.borrow() || outcomes.contains_key(key), "the nodes depend on each other in a cycle");
        outcomes.entry(key.clone()).or_insert(Outcome::Stopped);
    }
    outcomes
}

/// The nodes that depend on each other, cycle by cycle.
pub fn cycles<K: Ord + Clone>(nodes: &BTreeMap<K, Node<K>>) -> Vec<Vec<K>> {
    let keys: Vec<&K> = nodes.keys().collect();
    let mut graph = DiGraphMap::<usize, ()>::new();
    for (index, node) in nodes.values().enumerate() {
        for need in present(nodes, node) {
            graph.add_edge(index, keys.binary_search(&need).expect("it is a node"), ());
        }
    }
    let is_cycle = |part: &Vec<usize>| part.len() > 1 || graph.contains_edge(part[0], part[0]);
    let cycles = tarjan_scc(&graph).into_iter().filter(is_cycle);
    cycles.map(|part| part.into_iter().map(|index| keys[index].clone()).collect()).collect()
}

/// The longest typical time from the start of each node to the end of everything that depends on it.
pub fn remaining_paths<K: Ord + Clone>(nodes: &BTreeMap<K, Node<K>>) -> BTreeMap<&K, Duration> {
    fn longest<'a, K: Ord>(
        key: &'a K,
        nodes: &'a BTreeMap<K, Node<K>>,
        dependents: &BTreeMap<&'a K, Vec<&'a K>>,
        known: &mut BTreeMap<&'a K, Duration>,
    ) -> Duration {
        if let Some(path) = known.get(key) {
            return *path;
        }
        let longest_dependent = dependents[key].iter().map(|next| longest(*next, nodes, dependents, known)).max();
        let path = nodes[key].typical_time + longest_dependent.unwrap_or_default();
        known.insert(key, path);
        path
    }
    let dependents = dependents(nodes);
    let mut known = BTreeMap::new();
    for key in nodes.keys() {
        longest(key, nodes, &dependents, &mut known);
    }
    known
}

fn present<'a, K: Ord>(nodes: &'a BTreeMap<K, Node<K>>, node: &'a Node<K>) -> impl Iterator<Item = &'a K> {
    node.needs.iter().filter(|need| nodes.contains_key(need))
}

fn dependents<K: Ord>(nodes: &BTreeMap<K, Node<K>>) -> BTreeMap<&K, Vec<&K>> {
    let mut dependents: BTreeMap<&K, Vec<&K>> = nodes.keys().map(|key| (key, Vec::new())).collect();
    for (key, node) in nodes {
        for need in present(nodes, node) {
            dependents.get_mut(need).expect("it is a node").push(key);
        }
    }
    dependents
}

fn skip<K: Ord + Clone>(failed: &K, dependents: &BTreeMap<&K, Vec<&K>>, outcomes: &mut BTreeMap<K, Outcome<K>>) {
    let mut pending = dependents[failed].clone();
    while let Some(key) = pending.pop() {
        if !outcomes.contains_key(key) {
            outcomes.insert(key.clone(), Outcome::NeedsFailed(failed.clone()));
            pending.extend(&dependents[key]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::RefCell;

    fn node(needs: impl IntoIterator<Item = usize>, seconds: u64) -> Node<usize> {
        Node { needs: needs.into_iter().collect(), typical_time: Duration::from_secs(seconds) }
    }

    fn go() -> watch::Receiver<bool> {
        watch::channel(false).1
    }

    #[tokio::test]
    async fn nodes_wait_only_for_their_dependencies() {
        // Node 0 ends after node 2: a scheduler that waits for 0 before it starts 2 never ends.
        let nodes = BTreeMap::from([(0, node([], 600)), (1, node([], 1)), (2, node([1], 1)), (3, node([0, 2], 1))]);
        let two_done = tokio::sync::Notify::new();
        let ends = RefCell::new(Vec::new());
        let outcomes = run(&nodes, 8, go(), |key| {
            let (ends, two_done) = (&ends, &two_done);
            async move {
                match key {
                    0 => two_done.notified().await,
                    2 => two_done.notify_one(),
                    _ => {}
                }
                ends.borrow_mut().push(key);
                true
            }
        });
        assert!(outcomes.await.values().all(|outcome| *outcome == Outcome::Done));
        assert_eq!(ends.into_inner(), [1, 2, 0, 3]);
    }

    #[tokio::test]
    async fn longest_remaining_path_runs_first() {
        let nodes = BTreeMap::from([(0, node([], 5)), (1, node([], 1)), (2, node([1], 100)), (3, node([], 50))]);
        let order = RefCell::new(Vec::new());
        run(&nodes, 1, go(), |key| {
            order.borrow_mut().push(key);
            async { true }
        })
        .await;
        assert_eq!(order.into_inner(), [1, 2, 3, 0]);
    }

    #[tokio::test]
    async fn stop_starts_no_new_node() {
        let (stop, stopped) = watch::channel(false);
        let nodes = BTreeMap::from([(0, node([], 1)), (1, node([0], 1))]);
        let outcomes = run(&nodes, 8, stopped, |_| {
            stop.send_replace(true);
            async { true }
        });
        assert_eq!(outcomes.await, BTreeMap::from([(0, Outcome::Done), (1, Outcome::Stopped)]));
    }

    #[test]
    fn cycles_are_found() {
        // 1 -> 2 -> 3 -> 1 and 4 -> 4; 5 depends on a cycle, 0 and 6 don't.
        let nodes =
            [(0, vec![]), (1, vec![2]), (2, vec![0, 3]), (3, vec![1]), (4, vec![4]), (5, vec![3]), (6, vec![0])];
        let nodes: BTreeMap<_, _> = nodes.into_iter().map(|(key, needs)| (key, node(needs, 1))).collect();
        let found: BTreeSet<BTreeSet<usize>> = cycles(&nodes).into_iter().map(BTreeSet::from_iter).collect();
        assert_eq!(found, BTreeSet::from([BTreeSet::from([1, 2, 3]), BTreeSet::from([4])]));
    }

    proptest! {
        #[test]
        fn failure_skips_exactly_the_dependents(
            edges in proptest::collection::vec((0usize..20, 0usize..20), 0..60),
            fails in proptest::collection::btree_set(0usize..20, 0..5),
        ) {
            let mut nodes: BTreeMap<usize, Node<usize>> = (0..20).map(|key| (key, node([], 1))).collect();
            for (a, b) in edges {
                if a != b {
                    nodes.get_mut(&a.max(b)).unwrap().needs.insert(a.min(b));
                }
            }
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let outcomes = runtime.block_on(run(&nodes, 4, go(), |key| std::future::ready(!fails.contains(&key))));
            let mut blocked: BTreeSet<usize> = BTreeSet::new();
            for (key, node) in &nodes {
                let needs_failed = node.needs.iter().any(|need| fails.contains(need) || blocked.contains(need));
                match &outcomes[key] {
                    Outcome::Done => prop_assert!(!needs_failed && !fails.contains(key)),
                    Outcome::Failed => prop_assert!(!needs_failed && fails.contains(key)),
                    Outcome::NeedsFailed(_) => {
                        prop_assert!(needs_failed);
                        blocked.insert(*key);
                    }
                    Outcome::Stopped => prop_assert!(false, "nothing stopped it"),
                }
            }
        }
    }
}
