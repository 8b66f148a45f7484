//! The graph of steps, drawn: Graphviz's dot, Mermaid, SVG.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::engine::graph::{Graph, order};
use crate::engine::{Step, StepId};

/// Nodes and edges to draw, steps or modules.
#[derive(Debug)]
pub struct Drawing {
    /// What each node needs.
    nodes: BTreeMap<StepId, BTreeSet<StepId>>,
    /// The resource type of each, empty for a module.
    kinds: BTreeMap<StepId, &'static str>,
}

impl Drawing {
    /// Draws steps, or with `modules` one node a module.
    pub fn new(graph: &Graph, modules: bool) -> Self {
        let module = |id: &StepId| if id.module().is_empty() { StepId::from("(root)") } else { id.module().into() };
        let name = |id: &StepId| if modules { module(id) } else { id.clone() };
        let mut nodes: BTreeMap<StepId, BTreeSet<StepId>> = BTreeMap::new();
        let mut kinds = BTreeMap::new();
        for step in graph.in_order() {
            let this = name(&step.id);
            let needs = Step::dependencies(step).iter().map(name).filter(|need| *need != this).collect::<Vec<_>>();
            nodes.entry(this.clone()).or_default().extend(needs);
            kinds.insert(this, if modules { "" } else { step.kind });
        }
        Drawing { nodes, kinds }
    }

    /// For `dot -Tpng` and the like.
    pub fn dot(&self) -> String {
        let mut text =
            String::from("digraph provisioner {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
        for (id, needs) in &self.nodes {
            let _ = writeln!(text, "  \"{id}\" [label=\"{id}\\n{}\"];", self.kinds[id]);
            for need in needs {
                let _ = writeln!(text, "  \"{need}\" -> \"{id}\";");
            }
        }
        text + "}\n"
    }

    /// For Markdown.
    pub fn mermaid(&self) -> String {
        let number: BTreeMap<&StepId, usize> = self.nodes.keys().enumerate().map(|(n, id)| (id, n)).collect();
        let mut text = String::from("flowchart LR\n");
        for (id, needs) in &self.nodes {
            let _ = writeln!(text, "  n{}[\"{id}\"]", number[id]);
            for need in needs {
                let _ = writeln!(text, "  n{} --> n{}", number[need], number[id]);
            }
        }
        text
    }

    /// A picture: a column for each length of the path that leads to a node.
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
        let height = rows.values().max().map_or(0, |most| most * HEIGHT + 20);
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        for (id, needs) in &self.nodes {
            let (x, y) = places[id];
            for (from_x, from_y) in needs.iter().map(|need| places[need]) {
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
                Some("blue") => "#dbeafe",
                Some("green") => "#dcfce7",
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

    /// The length of the longest path that leads to each node. Modules may need each other: then it is 0.
    fn columns(&self) -> BTreeMap<&StepId, usize> {
        let mut columns: BTreeMap<&StepId, usize> = self.nodes.keys().map(|id| (id, 0)).collect();
        for id in order(&self.nodes).unwrap_or_default() {
            let (id, needs) = self.nodes.get_key_value(&id).expect("the order is of the nodes");
            let column = needs.iter().map(|need| columns[need] + 1).max().unwrap_or_default();
            columns.insert(id, column);
        }
        columns
    }
}
