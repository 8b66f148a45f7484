//! The integration tests: the built binary and the library against a local AWS.
//!
//! Each test has its own sandbox. With `PROVISIONER_TEST_ENDPOINT` set they use that endpoint instead.

mod blockers;
mod chaos;
mod composition_snapshot;
mod conformance;
mod containers;
mod custom_system;
mod damage;
mod docs;
mod drift;
mod engine;
mod export;
mod failures;
mod fargate;
mod fuzz;
mod import;
mod kill_matrix;
mod lifecycle;
mod payments;
mod sandbox;
mod saved_plan;
mod secrets;
mod security;
mod selection;
mod state;
mod support;
mod support_tests;
mod systems;
mod traffic;
mod types;
mod watch;
