//! Logical ids: the names of resources and parameters within a template.

use std::collections::BTreeSet;

/// The logical ids of a template, each used once.
#[derive(Debug, Default)]
pub struct LogicalIds(BTreeSet<String>);

impl LogicalIds {
    /// Returns an unused id of letters and digits: `BlueNetworkSubnetA` for `blue/network/subnet-a`.
    pub fn allocate(&mut self, name: &str) -> String {
        let id = Some(pascal_case(name)).filter(|id| !id.is_empty()).unwrap_or_else(|| "Unnamed".to_owned());
        let mut unused = id.clone();
        let mut number = 1;
        while !self.0.insert(unused.clone()) {
            number += 1;
            unused = format!("{id}X{number}");
        }
        unused
    }
}

fn pascal_case(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    words.filter(|word| !word.is_empty()).map(capital).collect()
}
