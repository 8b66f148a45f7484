//! Secrets Manager. What a secret holds is made by AWS, passes through memory once, and is never part of a spec.

mod content;
mod rotation;
mod secret;

pub use content::Content;
pub use rotation::{Rotation, RotationOutputs};
pub use secret::{Secret, SecretOutputs};

use std::sync::Arc;

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;

use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Result};

crate::resources::tags::tag_type!(aws_sdk_secretsmanager::types::Tag);

/// The secret (by name or ARN) without its value, also if it waits for its deletion, `None` if there is none; read once for the secret and its rotation.
/// `ListSecrets` would be one call for all, but lags by minutes and leaves out the replicas.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html>
async fn known(cx: &Cx, id: &str) -> Result<Arc<Option<DescribeSecretOutput>>> {
    cx.inventory.once(format!("secrets.{id}"), described(cx, id)).await
}

/// The secret as it is now, also if it waits for its deletion.
async fn described(cx: &Cx, id: &str) -> Result<Option<DescribeSecretOutput>> {
    let describe = async { Ok(cx.secrets.describe_secret().secret_id(id).send().await?) };
    ignore_not_found(describe.await)
}

/// True if it waits for its deletion: nothing can use it, but it keeps its name and can be restored.
fn is_leaving(secret: &DescribeSecretOutput) -> bool {
    secret.deleted_date.is_some()
}
