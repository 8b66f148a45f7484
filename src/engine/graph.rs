//! The steps of a system and who needs whom.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::toposort;
use petgraph::graphmap::DiGraphMap;

use super::step::{Step, StepId};

/// Steps whose references all lead to steps, without a circle.
#[derive(Clone, Debug)]
pub struct Graph {
    steps: BTreeMap<StepId, Step>,
    order: Vec<StepId>,
}

/// Why steps make no graph: a mistake in the system's code.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two steps with one id.
    #[error("two steps are called {0}")]
    Twice(StepId),
    /// A reference that leads nowhere.
    #[error("{from} refers to {to}, which is no step of this system")]
    Missing {
        /// The step that refers to it.
        from: StepId,
        /// What isn't there.
        to: StepId,
    },
    /// Steps that need each other.
    #[error("{0} needs itself, by way of other steps")]
    Circle(StepId),
}

impl Graph {
    /// Joins steps to a graph.
    pub fn new(list: Vec<Step>) -> Result<Self, GraphError> {
        let mut steps = BTreeMap::new();
        for step in list {
            if let Some(other) = steps.insert(step.id.clone(), step) {
                return Err(GraphError::Twice(other.id));
            }
        }
        let edges = steps.values().map(|step| (step.id.clone(), step.dependencies())).collect();
        let order = order(&edges)?;
        Ok(Graph { steps, order })
    }

    /// The steps, each after all that it needs.
    pub fn in_order(&self) -> impl Iterator<Item = &Step> {
        self.order.iter().map(|id| &self.steps[id])
    }

    /// A step by its id.
    pub fn get(&self, id: &StepId) -> Option<&Step> {
        self.steps.get(id)
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// Puts each node after those that it needs.
pub fn order(needs: &BTreeMap<StepId, BTreeSet<StepId>>) -> Result<Vec<StepId>, GraphError> {
    let ids: Vec<&StepId> = needs.keys().collect();
    let index: BTreeMap<&StepId, usize> = ids.iter().enumerate().map(|(index, id)| (*id, index)).collect();
    let mut graph = DiGraphMap::<usize, ()>::new();
    for (id, needed) in needs {
        graph.add_node(index[id]);
        for other in needed {
            let missing = || GraphError::Missing { from: id.clone(), to: other.clone() };
            graph.add_edge(*index.get(other).ok_or_else(missing)?, index[id], ());
        }
    }
    let order = toposort(&graph, None).map_err(|circle| GraphError::Circle(ids[circle.node_id()].clone()))?;
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
            spec: json!({ "needs": tokens }),
            tags: BTreeMap::new(),
            after: BTreeMap::new(),
            shared: false,
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = |steps| Graph::new(steps).unwrap_err().to_string();
        assert_eq!(error(vec![step("a", &[]), step("a", &[])]), "two steps are called a");
        assert_eq!(error(vec![step("a", &["b"])]), "a refers to b, which is no step of this system");
        assert!(error(vec![step("a", &["b"]), step("b", &["a"])]).contains("needs itself"));
    }

    proptest! {
        #[test]
        fn every_step_comes_after_what_it_needs(edges in proptest::collection::vec((0usize..40, 0usize..40), 0..120)) {
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
