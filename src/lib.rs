//! Builds blue-green payment systems on AWS, and moves live traffic between them.

pub mod aws;
pub mod engine;
pub mod modules;
pub mod resources;
pub mod state;
