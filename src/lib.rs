//! Builds blue-green payment systems on AWS, and moves live traffic between them.

pub mod aws;
pub mod cli;
pub mod config;
pub mod engine;
pub mod modules;
pub mod package;
pub mod report;
pub mod resources;
pub mod sandbox;
pub mod state;
pub mod systems;
pub mod traffic;
