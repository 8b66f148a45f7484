use aws_sdk_backup::types::{self, RecoveryPointByBackupVault};

use super::{tags_of, to_sdk};
use crate::resources::kms;
use crate::resources::prelude::*;

/// A backup vault. Its recovery points are deleted with it.
/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupVault.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vault {
    /// 2 to 50 letters, digits, `-` and `_`.
    pub name: String,
    /// The key that encrypts the recovery points; without, `aws/backup`.
    pub kms_key: Option<KeyArn>,
    /// The access policy; [`Document::default`] for none.
    pub policy: Document,
}

/// The outputs of a vault.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VaultOutputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

impl Vault {
    /// A vault with AWS's defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Vault { name: name.into(), kms_key: None, policy: Document::default() }
    }
}

impl Resource for Vault {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        // <https://docs.aws.amazon.com/aws-backup/latest/devguide/create-a-vault.html>
        immutable: &[Immutable {
            field: "kms_key",
            advice: "keep its key, or copy its recovery points to a vault of another name; to lose them on purpose, delete the \
                     vault, then run `provisioner apply`",
        }],
        stateful: true,
        ..TypeInfo::new(
            "backup.vault",
            seconds(3),
            &[
                "backup:ListBackupVaults",
                "backup:GetBackupVaultAccessPolicy",
                "backup:ListTags",
                "backup:CreateBackupVault",
                "backup:PutBackupVaultAccessPolicy",
                "backup:DeleteBackupVaultAccessPolicy",
                "backup:ListRecoveryPointsByBackupVault",
                "backup:DeleteRecoveryPoint",
                "backup:DeleteBackupVault",
                "backup:TagResource",
                "backup:UntagResource",
                "backup-storage:MountCapsule",
                "rds:DeleteDBClusterSnapshot",
                "kms:CreateGrant",
                "kms:DescribeKey",
                "kms:GenerateDataKey",
                "kms:Decrypt",
                "kms:RetireGrant",
                "tag:GetResources",
            ],
        )
    };

    type Outputs = VaultOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&VaultOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let vaults = all(cx).await?;
        let is_this = |vault: &&types::BackupVaultListMember| vault.backup_vault_name() == Some(name);
        let Some(vault) = vaults.iter().find(is_this) else { return Ok(None) };
        let arn = vault.backup_vault_arn().unwrap_or_default();
        let policy = async {
            let read = async { Ok(cx.backup.get_backup_vault_access_policy().backup_vault_name(name).send().await?) };
            let answer = ignore_not_found(read.await)?;
            Document::parse(answer.as_ref().and_then(|answer| answer.policy()).unwrap_or_default())
        };
        let (policy, tags) = tokio::try_join!(policy, tags_of(cx, arn))?;
        let kms_key = match vault.encryption_key_arn() {
            Some(key) if self.kms_key.is_some() || !kms::is_aws_managed(cx, key).await? => Some(key.into()),
            _ => None,
        };
        let outputs = VaultOutputs { name: name.clone(), arn: arn.to_owned() };
        let live = Some(vault.number_of_recovery_points).filter(|count| *count > 0);
        let live = live.map(|count| format!("{count} recovery points"));
        Ok(Some(Found { live, ..Found::tagged(Vault { name: name.clone(), kms_key, policy }, outputs, tags) }))
    }

    async fn create(&self, cx: &Cx) -> Result<VaultOutputs> {
        let create = || async {
            let request = cx.backup.create_backup_vault().backup_vault_name(&self.name);
            let request = request.set_encryption_key_arn(self.kms_key.as_ref().map(ToString::to_string));
            let request = request.creator_request_id(&cx.token);
            Ok(request.set_backup_vault_tags(Some(to_sdk(&cx.tags))).send().await?)
        };
        let key_is_new = |error: &Error| error.is_code("InvalidParameterValueException");
        let answer = cx.retry_while("the vault's key to be visible", Patience::FRESH, key_is_new, create).await?;
        let arn = answer.backup_vault_arn.ok_or(Error::incomplete("backup:CreateBackupVault", "BackupVaultArn"))?;
        if !self.policy.is_null() {
            self.set_policy(cx).await?;
        }
        Ok(VaultOutputs { name: self.name.clone(), arn })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _: &Changes<'_>) -> Result<VaultOutputs> {
        self.set_policy(cx).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &VaultOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &VaultOutputs) -> Result<()> {
        // The policy may deny the deletion of recovery points.
        let delete_policy =
            async { Ok(cx.backup.delete_backup_vault_access_policy().backup_vault_name(&outputs.name).send().await?) };
        // AWS returns "denied" for a vault that doesn't exist.
        // <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DescribeBackupVault.html>
        match ignore_not_found(delete_policy.await) {
            Err(error) if error.class == Class::Denied && find(cx, &outputs.name).await?.is_none() => return Ok(()),
            outcome => outcome?,
        };
        if find(cx, &outputs.name).await?.is_none() {
            return Ok(());
        }
        let delete =
            || async { Ok(cx.backup.delete_backup_vault().backup_vault_name(&outputs.name).send().await.map(|_| ())?) };
        // AWS refuses to delete a vault with recovery points, and counts a deleted one for a while.
        let is_not_empty = |error: &Error| error.is_code("InvalidRequestException");
        let outcome = match delete().await {
            Err(error) if is_not_empty(&error) => {
                empty(cx, &outputs.name).await?;
                cx.retry_while("the vault to be empty", Patience::SHORT, is_not_empty, delete).await
            }
            outcome => outcome,
        };
        ignore_not_found(outcome).map(drop)
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-backup-backupvault.html>
    fn cloudformation(&self) -> Form {
        let vault = properties!(self, Vault {
            name => "BackupVaultName",
            kms_key => "EncryptionKeyArn",
            policy => "AccessPolicy",
        });
        Form::resource("AWS::Backup::BackupVault", vault)
            .tagged(Tagging::Map("BackupVaultTags"))
            .output("name", Form::reference())
            .output("arn", Form::attribute("BackupVaultArn"))
    }
}

impl Vault {
    async fn set_policy(&self, cx: &Cx) -> Result<()> {
        match self.policy.text() {
            Some(policy) => {
                let request = cx.backup.put_backup_vault_access_policy().backup_vault_name(&self.name);
                request.policy(policy).send().await?;
            }
            None => {
                cx.backup.delete_backup_vault_access_policy().backup_vault_name(&self.name).send().await?;
            }
        }
        Ok(())
    }
}

/// Deletes all recovery points and waits until they are deleted.
async fn empty(cx: &Cx, vault: &str) -> Result<()> {
    cx.wait_until("the vault's recovery points to be deleted", Patience::LONG, || async {
        let points = recovery_points(cx, vault).await?;
        for point in &points {
            if point.status().is_some_and(|status| status.as_str() == "DELETING") {
                continue;
            }
            let request = cx.backup.delete_recovery_point().backup_vault_name(vault);
            let request = request.recovery_point_arn(point.recovery_point_arn().unwrap_or_default());
            match ignore_not_found(async { Ok(request.send().await?) }.await) {
                // It is still being written: the next round deletes it.
                Err(error)
                    if error.is_code("InvalidRequestException") || error.is_code("InvalidResourceStateException") => {}
                outcome => outcome.map(|_| ())?,
            }
        }
        Ok(points.is_empty().then_some(()))
    })
    .await
}

async fn recovery_points(cx: &Cx, vault: &str) -> Result<Vec<RecoveryPointByBackupVault>> {
    let request = cx.backup.list_recovery_points_by_backup_vault().backup_vault_name(vault);
    Ok(request.into_paginator().items().send().try_collect().await?)
}

async fn find(cx: &Cx, name: &str) -> Result<Option<types::BackupVaultListMember>> {
    Ok(list(cx).await?.into_iter().find(|vault| vault.backup_vault_name() == Some(name)))
}

async fn all(cx: &Cx) -> Result<Arc<Vec<types::BackupVaultListMember>>> {
    cx.inventory.once("backup.vaults", list(cx)).await
}

async fn list(cx: &Cx) -> Result<Vec<types::BackupVaultListMember>> {
    Ok(cx.backup.list_backup_vaults().into_paginator().items().send().try_collect().await?)
}
