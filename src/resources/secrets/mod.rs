//! Secrets Manager. AWS generates the values of secrets; they pass through memory once and are never part of a spec.

mod content;
mod rotation;
mod secret;

pub use content::Content;
pub use rotation::{Rotation, RotationOutputs};
pub use secret::{Secret, SecretOutputs};

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;

use crate::resources::prelude::*;

crate::resources::tags::tag_type!(aws_sdk_secretsmanager::types::Tag);

/// The secret by its name or ARN, without its value, also if it is scheduled for deletion: read once for the secret and its
/// rotation. `ListSecrets` would be one call for all, but lags by minutes and doesn't return the replicas.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html>
async fn cached(cx: &Cx, id: &str) -> Result<Arc<Option<DescribeSecretOutput>>> {
    cx.inventory.once(format!("secrets.{id}"), find(cx, id)).await
}

/// The secret as it is now, also if it is scheduled for deletion.
async fn find(cx: &Cx, id: &str) -> Result<Option<DescribeSecretOutput>> {
    let describe = async { Ok(cx.secrets.describe_secret().secret_id(id).send().await?) };
    ignore_not_found(describe.await)
}

/// True if the secret is scheduled for deletion: it can't be used, but it keeps its name and can be restored.
fn is_deleted(secret: &DescribeSecretOutput) -> bool {
    secret.deleted_date.is_some()
}
