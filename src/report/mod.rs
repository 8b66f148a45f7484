//! What people read: plans, graphs, words for actions and times.

pub mod drawing;
pub mod happenings;
pub mod plan;
pub mod traffic;
pub mod words;
