//! Tests of the history.

mod log;
mod replay;
mod stored;
