//! What people read: plans, drift, graphs, words for actions and times.

pub mod drawing;
pub mod drift;
pub mod happenings;
pub mod plan;
pub mod traffic;
pub mod words;
