//! Lambda.
