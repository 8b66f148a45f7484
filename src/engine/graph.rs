//! The steps of a system and their dependencies.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::toposort;
use petgraph::graphmap::DiGraphMap;

use super::step::{Step, StepId};

/// Steps whose references all lead to steps, without a cycle.
#[derive(Clone, Debug)]
pub struct Graph {
    steps: BTreeMap<StepId, Step>,
    order: Vec<StepId>,
}

/// Why steps form no graph: an error in the code of the system.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two steps have the same id.
    #[error("two steps have the id {0}")]
    Duplicate(StepId),
    /// A reference to a step that doesn't exist.
    #[error("{from} refers to {to}, which isn't a step of this system")]
    Missing {
        /// The referring step.
        from: StepId,
        /// The missing step.
        to: StepId,
    },
    /// Steps depend on each other.
    #[error("{0} depends on itself through other steps")]
    Cycle(StepId),
}

impl Graph {
    /// The graph of these steps.
    pub fn new(list: Vec<Step>) -> Result<Self, GraphError> {
        let mut steps = BTreeMap::new();
        for step in list {
            if let Some(other) = steps.insert(step.id.clone(), step) {
                return Err(GraphError::Duplicate(other.id));
            }
        }
        let edges = steps.values().map(|step| (step.id.clone(), step.dependencies())).collect();
        let order = order(&edges)?;
        Ok(Graph { steps, order })
    }

    /// The steps, each after its dependencies.
    pub fn in_order(&self) -> impl Iterator<Item = &Step> {
        self.order.iter().map(|id| &self.steps[id])
    }

    /// The step with this id.
    pub fn get(&self, id: &StepId) -> Option<&Step> {
        self.steps.get(id)
    }

    /// The number of steps.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// True if there are no steps.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// The nodes, each after its dependencies.
pub fn order(dependencies: &BTreeMap<StepId, BTreeSet<StepId>>) -> Result<Vec<StepId>, GraphError> {
    let ids: Vec<&StepId> = dependencies.keys().collect();
    let index: BTreeMap<&StepId, usize> = ids.iter().enumerate().map(|(index, id)| (*id, index)).collect();
    let mut graph = DiGraphMap::<usize, ()>::new();
    for (id, needed) in dependencies {
        graph.add_node(index[id]);
        for other in needed {
            let missing = || GraphError::Missing { from: id.clone(), to: other.clone() };
            graph.add_edge(*index.get(other).ok_or_else(missing)?, index[id], ());
        }
    }
    let order = toposort(&graph, None).map_err(|cycle| GraphError::Cycle(ids[cycle.node_id()].clone()))?;
    Ok(order.into_iter().map(|index| ids[index].clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::reference::token;
    use proptest::prelude::*;
    use serde_json::json;

    fn step(id: &str, needs: &[&str]) -> Step {
        let tokens: Vec<_> = needs.iter().map(|need| token(&(*need).into(), "id")).collect();
        Step {
            id: id.into(),
            kind: "test",
            region: "us-east-1".to_owned(),
            environment: None,
            spec: json!({ "needs": tokens }),
            tags: BTreeMap::new(),
            after: BTreeMap::new(),
            shared: false,
        }
    }

    #[test]
    fn invalid_graphs_are_refused() {
        let error = |steps| Graph::new(steps).unwrap_err().to_string();
        assert_eq!(error(vec![step("a", &[]), step("a", &[])]), "two steps have the id a");
        assert_eq!(error(vec![step("a", &["b"])]), "a refers to b, which isn't a step of this system");
        assert!(error(vec![step("a", &["b"]), step("b", &["a"])]).contains("depends on itself"));
    }

    proptest! {
        #[test]
        fn steps_come_after_their_dependencies(edges in proptest::collection::vec((0usize..40, 0usize..40), 0..120)) {
            let mut needs: Vec<Vec<String>> = vec![Vec::new(); 40];
            for (a, b) in edges {
                if a != b {
                    needs[a.max(b)].push(format!("s{}", a.min(b)));
                }
            }
            let steps = needs.iter().enumerate().map(|(i, needs)| {
                step(&format!("s{i}"), &needs.iter().map(String::as_str).collect::<Vec<_>>())
            });
            let graph = Graph::new(steps.rev().collect()).unwrap();
            let mut seen = BTreeSet::new();
            for step in graph.in_order() {
                prop_assert!(step.dependencies().is_subset(&seen));
                seen.insert(step.id.clone());
            }
            prop_assert_eq!(seen.len(), 40);
        }
    }
}
