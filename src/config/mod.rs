//! provisioner.toml: reading it, its defaults, and errors that name the line that is wrong.

pub mod lambda_mysql;
pub mod shift;
mod source;
pub mod suffix;

pub use lambda_mysql::LambdaMysql;
pub use source::{ConfigError, Source};
pub use suffix::Suffix;

/// The file that is read where no other is named.
pub const FILE: &str = "provisioner.toml";

/// The systems of this build, each with its commented example configuration.
pub const SYSTEMS: &[(&str, &str)] = &[(lambda_mysql::SYSTEM, include_str!("../../docs/examples/lambda-mysql.toml"))];

/// The example configuration of a system.
pub fn example(system: &str) -> Option<&'static str> {
    SYSTEMS.iter().find(|(name, _)| *name == system).map(|(_, example)| *example)
}
