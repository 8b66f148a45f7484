use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::resources::prelude::*;

/// The length of generated passwords and keys, in characters.
const PASSWORD_LENGTH: i64 = 32;
const API_KEY_LENGTH: i64 = 48;
/// AES-256
const ENCRYPTION_KEY_BYTES: i32 = 32;

/// The characters that Aurora refuses in an administrator's password (`/`, `@`, `"`, space), and those with a meaning in shells
/// and connection strings.
const UNSAFE_CHARACTERS: &str = r#"/@"'\`$%&?#;:{}[]()<>|~^*!,+= "#;

/// The initial value of a secret: a JSON object whose `kind` says how the rotation function renews it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Content {
    /// `{"kind": engine, "username", "password"}`
    Database {
        /// `aurora-mysql` or `aurora-postgresql`.
        engine: String,
        /// The database user.
        username: String,
    },
    /// `{"kind": "api-key", "value"}`: letters and digits.
    ApiKey,
    /// `{"kind": "encryption-key", "value"}`: 32 bytes in base64.
    EncryptionKey,
}

impl Content {
    /// Generates a value. Only Secrets Manager may get it.
    pub(super) async fn generate(&self, cx: &Cx) -> Result<String> {
        let content = match self {
            Content::Database { engine, username } => {
                let request = cx.secrets.get_random_password().password_length(PASSWORD_LENGTH);
                let request = request.exclude_characters(UNSAFE_CHARACTERS).require_each_included_type(true);
                let password = request.send().await?.random_password.ok_or_else(none)?;
                json!({"kind": engine, "username": username, "password": password})
            }
            Content::ApiKey => {
                let request = cx.secrets.get_random_password().password_length(API_KEY_LENGTH);
                let key = request.exclude_punctuation(true).send().await?.random_password.ok_or_else(none)?;
                json!({"kind": "api-key", "value": key})
            }
            Content::EncryptionKey => {
                // A key is bytes, not characters: KMS generates them.
                let request = cx.kms.generate_random().number_of_bytes(ENCRYPTION_KEY_BYTES);
                let bytes = request.send().await?.plaintext;
                let bytes = bytes.ok_or(Error::incomplete("kms:GenerateRandom", "Plaintext"))?;
                json!({"kind": "encryption-key", "value": BASE64_STANDARD.encode(bytes)})
            }
        };
        Ok(content.to_string())
    }

    /// How CloudFormation generates the value; `None` if it can't.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html>
    pub(super) fn cloudformation(&self) -> Option<Value> {
        match self {
            Content::Database { engine, username } => Some(json!({
                "SecretStringTemplate": json!({"kind": engine, "username": username}).to_string(),
                "GenerateStringKey": "password",
                "PasswordLength": PASSWORD_LENGTH,
                "ExcludeCharacters": UNSAFE_CHARACTERS,
                "RequireEachIncludedType": true,
            })),
            Content::ApiKey => Some(json!({
                "SecretStringTemplate": json!({"kind": "api-key"}).to_string(),
                "GenerateStringKey": "value",
                "PasswordLength": API_KEY_LENGTH,
                "ExcludePunctuation": true,
            })),
            Content::EncryptionKey => None,
        }
    }
}

fn none() -> Error {
    Error::incomplete("secretsmanager:GetRandomPassword", "RandomPassword")
}
