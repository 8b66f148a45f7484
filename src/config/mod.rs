//! provisioner.toml: its settings, their defaults, and errors that name the line.

mod checks;
pub mod common;
pub mod fargate_postgres;
mod field_names;
pub mod lambda_mysql;
pub mod services;
pub mod shift;
mod source;
mod split;
pub mod suffix;

pub use common::{Common, Defaults};
pub use source::{ConfigError, Source};
pub use split::Config;
pub use suffix::Suffix;

/// The file that is read unless another one is named.
pub const FILE: &str = "provisioner.toml";
