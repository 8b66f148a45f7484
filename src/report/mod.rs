//! What people read: plans, graphs, words for actions and times.

pub mod drawing;
pub mod plan;
pub mod words;
