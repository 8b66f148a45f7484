//! Groups of resources that belong together: network, edge, database, function ... Systems are composed of them.

pub mod alarms;
pub mod backup;
pub mod bucket;
pub mod certificate;
pub mod compliance;
pub mod dashboard;
pub mod database;
pub mod dns;
pub mod edge;
pub mod failback;
pub mod firewall;
pub mod fleet;
pub mod foundation;
pub mod function;
pub mod images;
pub mod key;
mod log_group;
pub mod monitored;
pub mod network;
pub mod parameters;
pub mod policy;
pub mod queue;
pub mod reach;
mod scope;
pub mod secrets;
pub mod service;
pub mod sync;
pub mod topic;
pub mod transit;

pub use crate::traffic::levers::{BLUE, GREEN};
pub use log_group::log_group;
pub use scope::{Identity, Scope, Stack};
