//! Access to AWS for resources: clients, error classes, waiting, reads that are made once in a run.

pub mod calls;
pub mod clients;
pub mod cx;
pub mod error;
pub mod inventory;
#[cfg(test)]
pub(crate) mod mocks;
pub mod wait;

pub use clients::{Clients, Cloud, Endpoint, Pace};
pub use cx::Cx;
pub use error::{Class, Error, Result};
