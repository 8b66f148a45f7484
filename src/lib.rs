//! Builds blue-green payment systems on AWS, and moves live traffic between them.
//!
//! [`cli::run`] makes a binary of [systems]: [those that are shipped](systems::Systems::shipped), or [one of your
//! own](systems::CustomSystem), which puts [modules] and single [resources] together. Everything else follows from that: plan, apply,
//! destroy, state and locks, shift and failback, the local AWS.
//!
//! | To | look at |
//! |---|---|
//! | write a system of your own | [`systems::CustomSystem`], `examples/custom_system.rs` |
//! | find a group of resources | [`modules`] |
//! | find an AWS type | [`resources`] |
//! | add an AWS type | [`resources::Resource`], `docs/adding-a-resource.md` |
//! | define what moves its traffic | [`traffic::Levers`] |

#![warn(missing_docs)]

pub mod aws;
pub mod cli;
pub mod cloudformation;
pub mod config;
pub mod engine;
pub mod migration;
pub mod modules;
pub mod package;
pub mod report;
pub mod resources;
pub mod sandbox;
pub mod state;
pub mod systems;
mod text;
pub mod traffic;
