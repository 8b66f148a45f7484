//! Data migration: invokes the functions that work inside an environment's network.

pub mod function;
pub mod schema;
pub mod sync;
