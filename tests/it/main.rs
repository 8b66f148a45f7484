//! The integration tests: the built binary and the library against a local AWS.
//!
//! Each test has a sandbox of its own. With `PROVISIONER_TEST_ENDPOINT` set they go to that endpoint instead.

mod failures;
mod lifecycle;
mod payments;
mod sandbox;
mod support;
mod support_works;
