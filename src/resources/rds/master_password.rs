use serde::{Deserialize, Serialize};

use crate::aws::{Cx, Error, Result};
use crate::resources::ids::{KeyArn, SecretArn};

/// Where the password of a cluster's administrator comes from.
///
/// In a spec these are two fields beside the cluster's others, for AWS tells one of them and never the other: which key the
/// secret of RDS has, and which of our secrets a password was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub enum MasterPassword {
    /// A secondary has the users of its primary.
    OfPrimary,
    /// A secret of ours, which holds it under `password`.
    Secret(SecretArn),
    /// RDS makes it, keeps it in a secret that belongs to RDS, and renews it. AWS refuses that in a global database.
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-secrets-manager.html>
    Managed {
        /// The key that encrypts the secret, which AWS keeps for as long as RDS manages it.
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

    /// The secret that it is read from, if it is one of ours.
    pub fn secret(&self) -> Option<&SecretArn> {
        match self {
            MasterPassword::Secret(secret) => Some(secret),
            MasterPassword::OfPrimary | MasterPassword::Managed { .. } => None,
        }
    }

    /// What stands where this is asked for, if AWS shows this key of a secret of RDS.
    pub(super) fn as_standing(&self, shown: Option<&str>) -> MasterPassword {
        match (shown, self) {
            (Some(key), _) => MasterPassword::Managed { key: key.into() },
            (None, MasterPassword::Managed { .. }) => MasterPassword::OfPrimary,
            (None, ours) => ours.clone(),
        }
    }

    /// The password in our secret: read, used in one call, forgotten.
    pub(super) async fn read(&self, cx: &Cx) -> Result<Option<String>> {
        let Some(secret) = self.secret() else { return Ok(None) };
        let answer = cx.secrets.get_secret_value().secret_id(&**secret).send().await?;
        let value: Option<serde_json::Value> = serde_json::from_str(answer.secret_string().unwrap_or_default()).ok();
        let password = value.as_ref().and_then(|value| value["password"].as_str());
        let none = || Error::local(format!("the secret {secret} holds no password"));
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
    use serde_json::{Value, json};

    fn read(fields: Value) -> serde_json::Result<MasterPassword> {
        serde_json::from_value(fields)
    }

    #[test]
    fn a_spec_that_knows_of_no_key_is_read() {
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
    fn what_rds_manages_shows_whatever_is_asked_for() {
        let (ours, managed) = (MasterPassword::Secret("arn".into()), MasterPassword::Managed { key: "key".into() });
        assert_eq!(ours.as_standing(None), ours);
        assert_eq!(ours.as_standing(Some("key")), managed);
        assert_eq!(managed.as_standing(Some("key")), managed);
        assert_eq!(managed.as_standing(None).managed_key(), None);
    }
}
