//! Groups of resources that belong together: network, edge, database, function ... Systems are composed of them.

mod scope;

pub use scope::{Identity, Scope, Stack};
