//! Moving the data: the functions that work inside an environment's network, called from outside.

pub mod function;
pub mod schema;
pub mod sync;
