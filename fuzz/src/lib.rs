//! What provisioner promises of whatever it is given to read. The fuzz targets look for a text that breaks a promise;
//! `tests/it/fuzz.rs` holds the seeds, and what was found, against the same promises in every `cargo test`.
//!
//! Each `holds` panics where a promise is broken, and tells whether the text was accepted.

pub mod config;
pub mod journal;
pub mod state;
