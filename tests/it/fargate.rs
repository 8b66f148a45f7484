//! The system `fargate-postgres` in the sandbox.

mod life;
mod migration;
mod traffic;

/// The default configuration, as it is in the documentation: eu-central-1.
pub(crate) const PRODUCTION: &str = include_str!("../../docs/examples/fargate-postgres.toml");
/// With reduced capacity: us-east-1.
pub(crate) const STAGING: &str = include_str!("../../docs/examples/fargate-postgres-staging.toml");
/// All microservices.
pub(crate) const SERVICES: [&str; 3] = ["payment-api", "transaction-processor", "reporting"];
