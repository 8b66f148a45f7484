//! provisioner.toml: reading it, its defaults, and errors that name the line that is wrong.

pub mod common;
pub mod custom;
pub mod fargate_postgres;
pub mod lambda_mysql;
pub mod shift;
mod source;
pub mod suffix;

pub use fargate_postgres::FargatePostgres;
pub use lambda_mysql::LambdaMysql;
pub use source::{ConfigError, Source};
pub use suffix::Suffix;

/// The file that is read where no other is named.
pub const FILE: &str = "provisioner.toml";
