//! The invariants of everything that provisioner parses. The fuzz targets search for a text that violates one;
//! `tests/it/fuzz.rs` checks all seeds, which include former findings, in every `cargo test`.
//!
//! Each `check` panics if an invariant is violated, and returns whether the text was accepted.

pub mod config;
pub mod journal;
pub mod state;
