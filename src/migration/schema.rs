//! The schema of an environment's database.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::function::Function;
use crate::aws::Result;

/// What an apply did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The names of the files that ran now.
    pub applied: Vec<String>,
    /// The version that the schema has.
    pub version: u32,
}

/// What an apply would find.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The names of the files that ran.
    pub applied: Vec<String>,
    /// The names of those to come.
    pub pending: Vec<String>,
    /// The version that the schema has; 0 is a database without any.
    pub version: u32,
}

/// Brings the schema to its newest version. One that was broken off goes on.
///
/// # Errors
/// A statement failed, a file has changed since it ran, another migration is running.
pub async fn apply(function: &Function<'_>) -> Result<Applied> {
    function.call(&json!({"action": "apply"})).await
}

/// Changes nothing.
///
/// # Errors
/// As [`apply`].
pub async fn status(function: &Function<'_>) -> Result<Status> {
    function.call(&json!({"action": "status"})).await
}
