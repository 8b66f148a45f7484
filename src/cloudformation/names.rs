//! Logical ids: what a template calls its resources and parameters.

use std::collections::BTreeSet;

/// The names of a template, each given away once.
#[derive(Debug, Default)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// A name in letters and digits that nothing else has: `blue/network/subnet-a` as `BlueNetworkSubnetA`.
    pub fn give(&mut self, wanted: &str) -> String {
        let name = Some(pascal(wanted)).filter(|name| !name.is_empty()).unwrap_or_else(|| "Unnamed".to_owned());
        let mut free = name.clone();
        let mut number = 1;
        while !self.0.insert(free.clone()) {
            number += 1;
            free = format!("{name}X{number}");
        }
        free
    }
}

/// A name in letters and digits.
fn pascal(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    words.filter(|word| !word.is_empty()).map(capital).collect()
}
