//! Text for people, and JSON for programs: plans, drift, graphs, live traffic.

pub mod advice;
pub mod drawing;
pub mod drift;
pub mod plan;
pub mod traffic;
pub mod traffic_events;
pub mod words;
