//! What people read: plans, drift, graphs, words for actions and times.

pub mod advice;
pub mod drawing;
pub mod drift;
pub mod plan;
pub mod traffic;
pub mod traffic_events;
pub mod words;
