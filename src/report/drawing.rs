//! The graph of steps as Graphviz dot, Mermaid or SVG.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::engine::graph::{Graph, order};
use crate::engine::{Step, StepId};
use crate::traffic::levers::{BLUE, GREEN};

/// The nodes and edges of a drawing: steps or modules.
#[derive(Debug)]
pub struct Drawing {
    /// The dependencies of each node.
    nodes: BTreeMap<StepId, BTreeSet<StepId>>,
    /// The resource type of each node; empty for a module.
    kinds: BTreeMap<StepId, &'static str>,
}

impl Drawing {
    /// A drawing of all steps, or with `modules` of one node per module.
    pub fn new(graph: &Graph, modules: bool) -> Self {
        let module = |id: &StepId| if id.module().is_empty() { StepId::from("(root)") } else { id.module().into() };
        let name = |id: &StepId| if modules { module(id) } else { id.clone() };
        let mut nodes: BTreeMap<StepId, BTreeSet<StepId>> = BTreeMap::new();
        let mut kinds = BTreeMap::new();
        for step in graph.in_order() {
            let this = name(&step.id);
            let dependencies =
                Step::dependencies(step).iter().map(name).filter(|dependency| *dependency != this).collect::<Vec<_>>();
            nodes.entry(this.clone()).or_default().extend(dependencies);
            kinds.insert(this, if modules { "" } else { step.kind });
        }
        Drawing { nodes, kinds }
    }

    /// The input of Graphviz's `dot`.
    pub fn dot(&self) -> String {
        let mut text =
            String::from("digraph provisioner {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
        for (id, dependencies) in &self.nodes {
            let _ = writeln!(text, "  \"{id}\" [label=\"{id}\\n{}\"];", self.kinds[id]);
            for dependency in dependencies {
                let _ = writeln!(text, "  \"{dependency}\" -> \"{id}\";");
            }
        }
        text + "}\n"
    }

    /// A Mermaid flowchart.
    pub fn mermaid(&self) -> String {
        let number: BTreeMap<&StepId, usize> = self.nodes.keys().enumerate().map(|(n, id)| (id, n)).collect();
        let mut text = String::from("flowchart LR\n");
        for (id, dependencies) in &self.nodes {
            let _ = writeln!(text, "  n{}[\"{id}\"]", number[id]);
            for dependency in dependencies {
                let _ = writeln!(text, "  n{} --> n{}", number[dependency], number[id]);
            }
        }
        text
    }

    /// An SVG image. The column of a node is the length of the longest path to it.
    pub fn svg(&self) -> String {
        const WIDTH: usize = 330;
        const HEIGHT: usize = 34;
        let columns = self.columns();
        let mut rows: BTreeMap<usize, usize> = BTreeMap::new();
        let mut places: BTreeMap<&StepId, (usize, usize)> = BTreeMap::new();
        for (id, column) in &columns {
            let row = rows.entry(*column).or_default();
            places.insert(id, (column * WIDTH + 10, *row * HEIGHT + 10));
            *row += 1;
        }
        let width = rows.keys().max().map_or(0, |last| (last + 1) * WIDTH);
        let height = rows.values().max().map_or(0, |max| max * HEIGHT + 20);
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        for (id, dependencies) in &self.nodes {
            let (x, y) = places[id];
            for (from_x, from_y) in dependencies.iter().map(|dependency| places[dependency]) {
                let (start, end) = (from_x + 280, x);
                let middle = usize::midpoint(start, end);
                let (from_y, y) = (from_y + 13, y + 13);
                let _ = writeln!(
                    text,
                    "<path d=\"M{start} {from_y} C{middle} {from_y} {middle} {y} {end} {y}\" fill=\"none\" stroke=\"#bbc\"/>"
                );
            }
        }
        for (id, (x, y)) in &places {
            let colour = match id.0.split('/').next() {
                Some(BLUE) => "#dbeafe",
                Some(GREEN) => "#dcfce7",
                _ => "#f1f5f9",
            };
            let _ = writeln!(
                text,
                "<g><title>{id} {}</title><rect x=\"{x}\" y=\"{y}\" width=\"280\" height=\"26\" rx=\"4\" fill=\"{colour}\" \
                 stroke=\"#667\"/><text x=\"{}\" y=\"{}\">{id}</text></g>",
                self.kinds[*id],
                x + 8,
                y + 17
            );
        }
        text + "</svg>\n"
    }

    /// The length of the longest path to each node; 0 if modules depend on each other.
    fn columns(&self) -> BTreeMap<&StepId, usize> {
        let mut columns: BTreeMap<&StepId, usize> = self.nodes.keys().map(|id| (id, 0)).collect();
        for id in order(&self.nodes).unwrap_or_default() {
            let (id, dependencies) = self.nodes.get_key_value(&id).expect("the order contains the nodes");
            let column = dependencies.iter().map(|dependency| columns[dependency] + 1).max().unwrap_or_default();
            columns.insert(id, column);
        }
        columns
    }
}
