use super::{
    DELETION_WINDOW_DAYS, KeyOutputs, describe, description, find, id_of, is_pending_deletion, key_form, live, policy,
    region_of, restore_description, retry_while_principals_are_new, set_policy, to_sdk, until_enabled,
};
use crate::resources::prelude::*;

/// A replica of a multi-Region key in this region: with the id, the key material and the rotation of its primary, and a policy
/// of its own.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplicaKey {
    /// The multi-Region primary key, in another region.
    pub primary: KeyArn,
    /// The purpose, up to 8,192 characters.
    pub description: String,
    /// The key policy; [`Document::default`] for AWS's default: IAM policies of the account decide.
    pub policy: Document,
}

impl Resource for ReplicaKey {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["primary"],
        no_forced_replace: Some("only this key can decrypt what it has encrypted"),
        ..TypeInfo::new(
            "kms.replica_key",
            seconds(30),
            &[
                "kms:DescribeKey",
                "kms:GetKeyPolicy",
                "kms:ListResourceTags",
                "kms:ReplicateKey",
                "kms:CreateKey",
                "kms:CancelKeyDeletion",
                "kms:EnableKey",
                "kms:PutKeyPolicy",
                "kms:UpdateKeyDescription",
                "kms:TagResource",
                "kms:UntagResource",
                "kms:ScheduleKeyDeletion",
                "tag:GetResources",
            ],
        )
    };

    type Outputs = KeyOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&KeyOutputs>) -> Result<Option<Found<Self>>> {
        let arn = match known {
            Some(known) => known.arn.clone(),
            None if !self.primary.is_known() => return Ok(None),
            None => self.arn_here(cx),
        };
        // A recorded key is still needed: its deletion can be cancelled.
        let key = if known.is_some() { describe(cx, &arn).await? } else { find(cx, &arn).await? };
        let Some(key) = key else { return Ok(None) };
        let (policy, tags) = tokio::try_join!(policy(cx, &key.key_id, &self.policy), super::tags(cx, &arn))?;
        let regions = key.multi_region_configuration();
        let primary = regions.and_then(|regions| regions.primary_key()).and_then(|primary| primary.arn());
        let spec = ReplicaKey { primary: primary.unwrap_or_default().into(), description: description(&key), policy };
        let outputs = KeyOutputs { arn, key_id: key.key_id.clone() };
        Ok(Some(Found { live: live(&key), ..Found::tagged(spec, outputs, tags) }))
    }

    async fn create(&self, cx: &Cx) -> Result<KeyOutputs> {
        let outputs = KeyOutputs { arn: self.arn_here(cx), key_id: id_of(&self.primary).to_owned() };
        match describe(cx, &outputs.key_id).await? {
            Some(key) if is_pending_deletion(&key) => self.restore(cx, &outputs.key_id).await?,
            _ => self.replicate(cx).await?,
        }
        self.until_ready(cx, &outputs).await?;
        Ok(outputs)
    }

    async fn until_ready(&self, cx: &Cx, outputs: &KeyOutputs) -> Result<()> {
        until_enabled(cx, &outputs.key_id).await
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<KeyOutputs> {
        let id = &found.outputs.key_id;
        if changes.has("description") {
            restore_description(cx, id, &self.description).await?;
        }
        if changes.has("policy") {
            set_policy(cx, id, &self.policy).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &KeyOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.key_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &KeyOutputs) -> Result<()> {
        super::schedule_deletion(cx, &outputs.key_id).await
    }

    fn hourly_charge(&self) -> Option<String> {
        Some("about $1 a month for the replica key".to_owned())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kms-replicakey.html>
    fn cloudformation(&self) -> Form {
        let key = properties!(self, ReplicaKey {
            primary => "PrimaryKeyArn",
            description => "Description",
            policy => "KeyPolicy",
            "PendingWindowInDays": DELETION_WINDOW_DAYS,
        });
        key_form("AWS::KMS::ReplicaKey", key)
    }
}

impl ReplicaKey {
    async fn replicate(&self, cx: &Cx) -> Result<()> {
        // The call belongs to the primary's region.
        let kms = &cx.in_region(region_of(&self.primary)).kms;
        retry_while_principals_are_new(cx, || async {
            let request = kms.replicate_key().key_id(&*self.primary).replica_region(&cx.region);
            let request = request.description(&self.description).set_policy(self.policy.text());
            Ok(request.set_tags(Some(to_sdk(&cx.tags))).send().await.map(|_| ())?)
        })
        .await
    }

    /// Cancels the deletion. A primary has one replica in a region, so a second one can't be created until the first is deleted.
    async fn restore(&self, cx: &Cx, id: &str) -> Result<()> {
        restore_description(cx, id, &self.description).await?;
        super::tag(cx, id, &cx.tags, &[]).await?;
        set_policy(cx, id, &self.policy).await
    }

    /// A replica's ARN differs from its primary's in nothing but the region.
    fn arn_here(&self, cx: &Cx) -> KeyArn {
        self.primary.replacen(&format!(":{}:", region_of(&self.primary)), &format!(":{}:", cx.region), 1).into()
    }
}
