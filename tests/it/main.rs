//! The integration tests: the built binary and the library against a local AWS.
//!
//! Each test has a sandbox of its own. With `PROVISIONER_TEST_ENDPOINT` set they go to that endpoint instead.

mod blockers;
mod chaos;
mod composition_snapshot;
mod containers;
mod custom_system;
mod damage;
mod drift;
mod engine;
mod export;
mod failures;
mod fargate;
mod fuzz;
mod import;
mod kill_matrix;
mod lifecycle;
mod parts;
mod payments;
mod sandbox;
mod saved_plan;
mod secrets;
mod security;
mod state;
mod support;
mod support_works;
mod traffic;
mod types;
mod watch;
