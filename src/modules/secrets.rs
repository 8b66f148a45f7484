//! An environment's secrets: the database's administrator, the API key, the encryption key, and their rotation.

use std::collections::BTreeMap;

use serde_json::json;

use super::Scope;
use super::database::Engine;
use crate::resources::document::Document;
use crate::resources::ids::{FunctionArn, KeyArn};
use crate::resources::secrets::{Content, Rotation, Secret, SecretOutputs};

/// What the secrets need.
#[derive(Clone, Copy, Debug)]
pub struct SecretsParams<'a> {
    /// The key that encrypts them.
    pub key: &'a KeyArn,
    /// The database's engine.
    pub engine: Engine,
    /// The database's administrator.
    pub master_username: &'a str,
    /// The region that gets copies, and the key that encrypts them there.
    pub replica: Option<(&'a str, &'a KeyArn)>,
}

/// The secrets of an environment.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// `username` and `password` of the database's administrator.
    pub database: SecretOutputs,
    /// What callers of the API show: `value`.
    pub api_key: SecretOutputs,
    /// What the functions encrypt with, 32 bytes in base64: `value`.
    pub encryption_key: SecretOutputs,
}

/// Puts the secrets here. Their values are made by AWS and leave it to nobody.
pub fn secrets(scope: &Scope<'_>, params: &SecretsParams<'_>) -> Secrets {
    let database =
        Content::Database { engine: params.engine.name().to_owned(), username: params.master_username.to_owned() };
    let secret = |leaf: &str, description: &str, content: Content| {
        let replicas = params.replica.map(|(region, key)| (region.to_owned(), key.clone()));
        let secret = Secret {
            name: scope.name(leaf),
            description: format!("{description} of {}", scope.environment_name()),
            kms_key: params.key.clone(),
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

/// How secrets are renewed.
#[derive(Clone, Copy, Debug)]
pub struct RotationParams<'a> {
    /// The function that renews them; it tells their kinds apart by what they hold.
    pub function: &'a FunctionArn,
    /// How often, in days.
    pub every_days: i64,
    /// Also once at the beginning, which shows that it works.
    pub immediately: bool,
}

/// Puts the rotation of all the secrets here. The scope must come after the permission by which Secrets Manager invokes
/// the function, and after the database's first instance, whose password it changes.
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

/// Nobody from another account, whatever else may be allowed one day, and nobody without TLS. AWS's own services are
/// left out of the first: they replicate.
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
    let other_accounts = json!({
        "StringNotEquals": {"aws:PrincipalAccount": scope.account()},
        "Bool": {"aws:PrincipalIsAWSService": "false"},
    });
    let without_tls = json!({"Bool": {"aws:SecureTransport": "false"}});
    let statements = [deny("OtherAccounts", other_accounts), deny("WithoutTls", without_tls)];
    Document::new(json!({"Version": "2012-10-17", "Statement": statements}))
}
