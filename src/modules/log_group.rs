//! An encrypted log group.

use super::Scope;
use crate::resources::ids::KeyArn;
use crate::resources::logs::{LogGroup, LogGroupOutputs};

/// Adds a log group that keeps its events as long as the scope says.
pub fn log_group(scope: &Scope<'_>, leaf: &str, name: String, key: &KeyArn) -> LogGroupOutputs {
    let retention_days = Some(scope.log_retention_days());
    scope.add(leaf, LogGroup { name, kms_key: Some(key.clone()), retention_days })
}
