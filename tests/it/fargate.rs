//! The system `fargate-postgres`: its steps against its requirement, and its services, traffic and migration in the sandbox.

mod constraints;
mod migration;
mod operations;
mod requirements;
mod services;
mod staging;
mod traffic;

/// The default configuration, as it is in the documentation: eu-central-1.
pub(crate) const PRODUCTION: &str = include_str!("../../docs/examples/fargate-postgres.toml");
/// With reduced capacity: us-east-1.
pub(crate) const STAGING: &str = include_str!("../../docs/examples/fargate-postgres-staging.toml");
/// All microservices.
pub(crate) const SERVICES: [&str; 3] = ["payment-api", "transaction-processor", "reporting"];

/// [`STAGING`] with an image for each service, in the service's repository.
pub(crate) fn with_images(suffix: &str, tag: &str) -> String {
    let image = |service| {
        let repository = format!("123456789012.dkr.ecr.us-east-1.amazonaws.com/{service}-{suffix}");
        format!("\n[services.{service}]\nimage = \"{repository}:{tag}\"\n")
    };
    SERVICES.iter().fold(STAGING.to_owned(), |all, service| all + &image(service))
}
