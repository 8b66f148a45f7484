//! The engine on resources in memory.

mod identity;
mod memory;
mod properties;
mod refusals;
mod replacement;
