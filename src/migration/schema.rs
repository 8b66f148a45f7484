//! Migrates the schema of an environment's database.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::function::Function;
use crate::aws::Result;

/// The result of a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The files that ran.
    pub applied: Vec<String>,
    /// The version of the schema.
    pub version: u32,
}

/// The state of the schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The files that ran.
    pub applied: Vec<String>,
    /// The files that haven't run yet.
    pub pending: Vec<String>,
    /// The version of the schema; 0 if there is none.
    pub version: u32,
}

/// Migrates the schema to the newest version. Resumes an interrupted migration.
///
/// # Errors
/// A statement fails, a file has changed since it ran, or another migration is running.
pub async fn apply(function: &Function<'_>) -> Result<Applied> {
    function.call(&json!({"action": "apply"})).await
}

/// Reads the state of the schema.
///
/// # Errors
/// As [`apply`].
pub async fn status(function: &Function<'_>) -> Result<Status> {
    function.call(&json!({"action": "status"})).await
}
