use crate::resources::prelude::*;

/// The source of the administrator's password of a cluster.
///
/// Two fields in the spec of the cluster: AWS returns one of them, the key of the secret of RDS, and never the other, the secret
/// that a password was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub enum MasterPassword {
    /// None: a secondary has the users of its primary.
    OfPrimary,
    /// A secret with a key `password`.
    Secret(SecretArn),
    /// RDS generates the password in a secret of its own and rotates it. AWS refuses that in a global database.
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-secrets-manager.html>
    Managed {
        /// The key that encrypts the secret. It can't change while RDS manages the password.
        key: KeyArn,
    },
}

impl MasterPassword {
    /// The key of the secret, if RDS manages it.
    pub fn managed_key(&self) -> Option<&KeyArn> {
        match self {
            MasterPassword::Managed { key } => Some(key),
            MasterPassword::OfPrimary | MasterPassword::Secret(_) => None,
        }
    }

    /// The secret that it is read from.
    pub fn secret(&self) -> Option<&SecretArn> {
        match self {
            MasterPassword::Secret(secret) => Some(secret),
            MasterPassword::OfPrimary | MasterPassword::Managed { .. } => None,
        }
    }

    /// The actual source for this desired one: `key` is the key of the secret of RDS, as AWS returns it.
    pub(super) fn actual(&self, key: Option<&str>) -> MasterPassword {
        match (key, self) {
            (Some(key), _) => MasterPassword::Managed { key: key.into() },
            (None, MasterPassword::Managed { .. }) => MasterPassword::OfPrimary,
            (None, desired) => desired.clone(),
        }
    }

    /// The password in the secret.
    pub(super) async fn read(&self, cx: &Cx) -> Result<Option<String>> {
        let Some(secret) = self.secret() else { return Ok(None) };
        let answer = cx.secrets.get_secret_value().secret_id(&**secret).send().await?;
        let value: Option<Value> = serde_json::from_str(answer.secret_string().unwrap_or_default()).ok();
        let password = value.as_ref().and_then(|value| value["password"].as_str());
        let none = || Error::local(format!("the secret {secret} has no key `password`"));
        password.map(|password| Some(password.to_owned())).ok_or_else(none)
    }
}

/// The fields of the spec.
#[derive(Clone, Serialize, Deserialize)]
struct Fields {
    master_secret: Option<SecretArn>,
    managed_password_key: Option<KeyArn>,
}

impl TryFrom<Fields> for MasterPassword {
    type Error = &'static str;

    fn try_from(fields: Fields) -> std::result::Result<Self, &'static str> {
        match (fields.master_secret, fields.managed_password_key) {
            (None, None) => Ok(MasterPassword::OfPrimary),
            (Some(secret), None) => Ok(MasterPassword::Secret(secret)),
            (None, Some(key)) => Ok(MasterPassword::Managed { key }),
            (Some(_), Some(_)) => {
                Err("a password comes from `master_secret` or has a `managed_password_key`, not both")
            }
        }
    }
}

impl From<MasterPassword> for Fields {
    fn from(password: MasterPassword) -> Self {
        let managed_password_key = password.managed_key().cloned();
        Fields { master_secret: password.secret().cloned(), managed_password_key }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: Value) -> serde_json::Result<MasterPassword> {
        serde_json::from_value(fields)
    }

    #[test]
    fn specs_without_a_managed_key_are_read() {
        assert_eq!(read(json!({"master_secret": "arn"})).unwrap(), MasterPassword::Secret("arn".into()));
        assert_eq!(read(json!({"master_secret": null})).unwrap(), MasterPassword::OfPrimary);
    }

    #[test]
    fn a_password_has_one_source() {
        let managed = MasterPassword::Managed { key: "key".into() };
        assert_eq!(read(serde_json::to_value(&managed).unwrap()).unwrap(), managed);
        assert!(read(json!({"master_secret": "arn", "managed_password_key": "key"})).is_err());
    }

    #[test]
    fn managed_key_is_shown_for_any_desired_source() {
        let (secret, managed) = (MasterPassword::Secret("arn".into()), MasterPassword::Managed { key: "key".into() });
        assert_eq!(secret.actual(None), secret);
        assert_eq!(secret.actual(Some("key")), managed);
        assert_eq!(managed.actual(Some("key")), managed);
        assert_eq!(managed.actual(None).managed_key(), None);
    }
}
