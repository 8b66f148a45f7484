//! An environment's secrets: the database's master user, the API key, the encryption key, and their rotation.

use std::collections::BTreeMap;

use serde_json::json;

use super::Scope;
use super::database::Engine;
use super::policy::{document, other_accounts};
use crate::resources::document::Document;
use crate::resources::ids::{FunctionArn, KeyArn};
use crate::resources::secrets::{Content, Rotation, Secret, SecretOutputs};

/// The parameters of the secrets.
#[derive(Clone, Copy, Debug)]
pub struct SecretsParams<'a> {
    /// The key that encrypts them.
    pub key: &'a KeyArn,
    /// The database's engine.
    pub engine: Engine,
    /// The database's master user.
    pub master_username: &'a str,
    /// The region of the replicas, and the key that encrypts them there.
    pub replica: Option<(&'a str, &'a KeyArn)>,
}

/// The secrets of an environment.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// `username` and `password` of the database's master user.
    pub database: SecretOutputs,
    /// The key that callers of the API send: `value`.
    pub api_key: SecretOutputs,
    /// The key that the functions encrypt with, 32 bytes in base64: `value`.
    pub encryption_key: SecretOutputs,
}

/// Adds the secrets. AWS generates their values; provisioner never reads them.
pub fn secrets(scope: &Scope<'_>, params: &SecretsParams<'_>) -> Secrets {
    let database =
        Content::Database { engine: params.engine.name().to_owned(), username: params.master_username.to_owned() };
    let secret = |leaf: &str, description: &str, content: Content| {
        let replicas = params.replica.map(|(region, key)| (region.to_owned(), key.clone()));
        let secret = Secret {
            name: scope.name(leaf),
            description: format!("{description} of {}", scope.environment_name()),
            kms_key: Some(params.key.clone()),
            content,
            replicas: BTreeMap::from_iter(replicas),
            policy: policy(scope),
        };
        scope.add(leaf, secret)
    };
    Secrets {
        database: secret("database-secret", "The database administrator", database),
        api_key: secret("api-key-secret", "The API key", Content::ApiKey),
        encryption_key: secret("encryption-key-secret", "The data encryption key", Content::EncryptionKey),
    }
}

/// The parameters of the rotation.
#[derive(Clone, Copy, Debug)]
pub struct RotationParams<'a> {
    /// The function that rotates them; it recognizes the kind of a secret by its content.
    pub function: &'a FunctionArn,
    /// Days between rotations.
    pub every_days: i64,
    /// Rotate at once too, as a test.
    pub immediately: bool,
}

/// Adds the rotation of all secrets. The scope must come after the permission by which Secrets Manager invokes the function, and
/// after the database's first instance, whose password the function changes.
pub fn rotation(scope: &Scope<'_>, secrets: &Secrets, params: &RotationParams<'_>) {
    let rotate = |leaf: &str, secret: &SecretOutputs| {
        let rotation = Rotation {
            secret: secret.arn.clone(),
            function: Some(params.function.clone()),
            every_days: params.every_days,
            immediately: params.immediately,
        };
        scope.add(leaf, rotation);
    };
    rotate("database-rotation", &secrets.database);
    rotate("api-key-rotation", &secrets.api_key);
    rotate("encryption-key-rotation", &secrets.encryption_key);
}

/// Denies access from other accounts and requests without TLS, whatever other policies allow.
fn policy(scope: &Scope<'_>) -> Document {
    let actions = [
        "secretsmanager:DeleteSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:PutSecretValue",
        "secretsmanager:RotateSecret",
        "secretsmanager:UpdateSecret",
        "secretsmanager:UpdateSecretVersionStage",
    ];
    let deny = |sid: &str, condition| json!({"Sid": sid, "Effect": "Deny", "Principal": "*", "Action": actions, "Resource": "*", "Condition": condition});
    let without_tls = json!({"Bool": {"aws:SecureTransport": "false"}});
    document([deny("OtherAccounts", other_accounts(scope)), deny("WithoutTls", without_tls)])
}
