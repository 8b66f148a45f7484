use std::sync::Arc;

use aws_sdk_backup::types::{self, RecoveryPointByBackupVault};
use serde::{Deserialize, Serialize};

use super::{tags_of, to_sdk};
use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Class, Cx, Error, Result};
use crate::engine::Tags;
use crate::resources::document::Document;
use crate::resources::form::{Form, Tagging, properties};
use crate::resources::ids::KeyArn;
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// Where recovery points are kept. It goes with all of them.
/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupVault.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vault {
    /// 2 to 50 letters, digits, `-` and `_`.
    pub name: String,
    /// The key that encrypts what is kept here.
    pub kms_key: KeyArn,
    /// Who may use it, beside what IAM policies say.
    pub policy: Document,
}

/// What a vault gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VaultOutputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

impl Resource for Vault {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
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
        let kms_key = vault.encryption_key_arn().unwrap_or_default().into();
        let outputs = VaultOutputs { name: name.clone(), arn: arn.to_owned() };
        let live = Some(vault.number_of_recovery_points).filter(|count| *count > 0);
        let live = live.map(|count| format!("{count} recovery points"));
        Ok(Some(Found { live, ..Found::tagged(Vault { name: name.clone(), kms_key, policy }, outputs, tags) }))
    }

    async fn create(&self, cx: &Cx) -> Result<VaultOutputs> {
        let create = || async {
            let request = cx.backup.create_backup_vault().backup_vault_name(&self.name);
            let request = request.encryption_key_arn(&*self.kms_key).creator_request_id(&cx.token);
            Ok(request.set_backup_vault_tags(Some(to_sdk(&cx.tags))).send().await?)
        };
        let unknown = |error: &Error| error.is_code("InvalidParameterValueException");
        let answer = cx.retry_while("the vault's key to become known", Patience::FRESH, unknown, create).await?;
        let arn = answer.backup_vault_arn.ok_or(Error::incomplete("backup:CreateBackupVault", "BackupVaultArn"))?;
        self.set_policy(cx).await?;
        Ok(VaultOutputs { name: self.name.clone(), arn })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<VaultOutputs> {
        // Made anew, it would lose its recovery points.
        if changes.has("kms_key") {
            let error = Error::local(format!("AWS can't change kms_key of the vault {} once it stands", self.name));
            return Err(error.with_help(
                "keep its key, or copy its recovery points to a vault of your own; to lose them on purpose, delete the \
                 vault, then run `provisioner apply` again to make it anew",
            ));
        }
        self.set_policy(cx).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &VaultOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &VaultOutputs) -> Result<()> {
        // The policy may keep us from deleting recovery points.
        let open =
            async { Ok(cx.backup.delete_backup_vault_access_policy().backup_vault_name(&outputs.name).send().await?) };
        // AWS doesn't tell a vault that isn't there from one that we may not see.
        // <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DescribeBackupVault.html>
        match ignore_not_found(open.await) {
            Err(error) if error.class == Class::Denied && find(cx, &outputs.name).await?.is_none() => return Ok(()),
            outcome => outcome?,
        };
        if find(cx, &outputs.name).await?.is_none() {
            return Ok(());
        }
        let delete =
            || async { Ok(cx.backup.delete_backup_vault().backup_vault_name(&outputs.name).send().await.map(|_| ())?) };
        // AWS refuses as long as there is a recovery point, and counts one for a while after it is gone.
        let holds = |error: &Error| error.is_code("InvalidRequestException");
        let outcome = match delete().await {
            Err(error) if holds(&error) => {
                empty(cx, &outputs.name).await?;
                cx.retry_while("the vault to be empty", Patience::SHORT, holds, delete).await
            }
            outcome => outcome,
        };
        ignore_not_found(outcome)?;
        Ok(())
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
        if self.policy.is_null() {
            cx.backup.delete_backup_vault_access_policy().backup_vault_name(&self.name).send().await?;
        } else {
            let request = cx.backup.put_backup_vault_access_policy().backup_vault_name(&self.name);
            request.policy(self.policy.to_text()).send().await?;
        }
        Ok(())
    }
}

/// Deletes all recovery points, and waits until they are gone.
async fn empty(cx: &Cx, vault: &str) -> Result<()> {
    cx.wait_until("the vault's recovery points to go", Patience::LONG, || async {
        let points = recovery_points(cx, vault).await?;
        for point in &points {
            if point.status().is_some_and(|status| status.as_str() == "DELETING") {
                continue;
            }
            let request = cx.backup.delete_recovery_point().backup_vault_name(vault);
            let request = request.recovery_point_arn(point.recovery_point_arn().unwrap_or_default());
            match ignore_not_found(async { Ok(request.send().await?) }.await) {
                // One that is still being written: it is tried again once it is there.
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
    let mut pages = request.into_paginator().items().send();
    let mut all = Vec::new();
    while let Some(point) = pages.next().await {
        all.push(point?);
    }
    Ok(all)
}

async fn find(cx: &Cx, name: &str) -> Result<Option<types::BackupVaultListMember>> {
    Ok(list(cx).await?.into_iter().find(|vault| vault.backup_vault_name() == Some(name)))
}

async fn all(cx: &Cx) -> Result<Arc<Vec<types::BackupVaultListMember>>> {
    cx.inventory.once("backup.vaults", list(cx)).await
}

async fn list(cx: &Cx) -> Result<Vec<types::BackupVaultListMember>> {
    let mut pages = cx.backup.list_backup_vaults().into_paginator().items().send();
    let mut all = Vec::new();
    while let Some(vault) = pages.next().await {
        all.push(vault?);
    }
    Ok(all)
}
