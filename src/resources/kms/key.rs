use super::{
    DELETION_WINDOW_DAYS, describe, description, find, is_pending_deletion, key_form, live, policy, recent_keys,
    restore_description, retry_while_principals_are_new, set_policy, to_sdk, until_enabled,
};
use crate::aws::clients;
use crate::resources::prelude::*;
use crate::resources::tags;

/// A symmetric customer-managed key.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html>
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Key {
    /// The purpose, up to 8,192 characters.
    pub description: String,
    /// The key policy; [`Document::default`] for AWS's default: IAM policies of the account decide. AWS refuses a policy that
    /// locks out its author.
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>
    pub policy: Document,
    /// Rotate the key material every 365 days. Data that the old material encrypted stays readable.
    pub rotation: bool,
    /// Whether it can have replicas in other regions, with the same id and key material.
    pub multi_region: bool,
}

/// The outputs of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyOutputs {
    /// Its ARN.
    pub arn: KeyArn,
    /// Its id.
    pub key_id: String,
}

impl Resource for Key {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["multi_region"],
        stateful: true,
        no_forced_replace: Some("only this key can decrypt what it has encrypted"),
        serves_traffic: true,
        ..TypeInfo::new(
            "kms.key",
            seconds(10),
            &[
                "kms:DescribeKey",
                "kms:GetKeyPolicy",
                "kms:GetKeyRotationStatus",
                "kms:ListResourceTags",
                "kms:ListKeys",
                "kms:CreateKey",
                "kms:CancelKeyDeletion",
                "kms:EnableKey",
                "kms:EnableKeyRotation",
                "kms:DisableKeyRotation",
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
        let mut key = None;
        match known {
            // A recorded key is still needed: its deletion can be cancelled.
            Some(known) => key = describe(cx, &known.arn).await?,
            // A key that is pending deletion keeps its tags.
            None => {
                for arn in tags::arns_of_step(cx, "kms").await? {
                    key = key.or(find(cx, &arn).await?);
                }
                if let (None, false) = (&key, cx.token.is_empty())
                    && let Some(unrecorded) = self.find_unrecorded(cx).await?
                {
                    key = find(cx, &unrecorded.arn).await?;
                }
            }
        }
        let Some(key) = key else { return Ok(None) };
        let arn = key.arn().unwrap_or_default();
        let rotation = async {
            // A key that is pending deletion doesn't rotate.
            if is_pending_deletion(&key) {
                return Ok(false);
            }
            let answer = cx.kms.get_key_rotation_status().key_id(&key.key_id).send().await?;
            Ok(answer.key_rotation_enabled)
        };
        let (policy, rotation, tags) =
            tokio::try_join!(policy(cx, &key.key_id, &self.policy), rotation, super::tags(cx, arn))?;
        let spec = Key {
            description: description(&key),
            policy,
            rotation,
            multi_region: key.multi_region.unwrap_or_default(),
        };
        let outputs = KeyOutputs { arn: arn.into(), key_id: key.key_id.clone() };
        Ok(Some(Found { live: live(&key), ..Found::tagged(spec, outputs, tags) }))
    }

    async fn create(&self, cx: &Cx) -> Result<KeyOutputs> {
        if let Some(outputs) = self.find_unrecorded(cx).await? {
            restore_description(cx, &outputs.key_id, &self.description).await?;
            set_policy(cx, &outputs.key_id, &self.policy).await?;
            self.set_rotation(cx, &outputs.key_id).await?;
            return Ok(outputs);
        }
        let create = || async {
            let request = cx.kms.create_key().description(&self.description).set_policy(self.policy.text());
            let request = request.multi_region(self.multi_region).set_tags(Some(to_sdk(&cx.tags)));
            let without_retries = aws_sdk_kms::config::Builder::default().retry_config(clients::without_retries());
            Ok(request.customize().config_override(without_retries).send().await?)
        };
        let answer = retry_while_principals_are_new(cx, create).await?;
        let key = answer.key_metadata.ok_or(Error::incomplete("kms:CreateKey", "KeyMetadata"))?;
        let arn = key.arn.ok_or(Error::incomplete("kms:CreateKey", "Arn"))?;
        let outputs = KeyOutputs { arn: arn.into(), key_id: key.key_id };
        self.until_ready(cx, &outputs).await?;
        if self.rotation {
            self.set_rotation(cx, &outputs.key_id).await?;
        }
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
        if changes.has("rotation") {
            self.set_rotation(cx, id).await?;
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
        Some("about $1 a month for the key, and $1 more for each of its first two yearly rotations".to_owned())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kms-key.html>
    fn cloudformation(&self) -> Form {
        let key = properties!(self, Key {
            description => "Description",
            policy => "KeyPolicy",
            rotation => "EnableKeyRotation",
            multi_region => "MultiRegion",
            "PendingWindowInDays": DELETION_WINDOW_DAYS,
        });
        key_form("AWS::KMS::Key", key)
    }
}

impl Key {
    /// The key of this step that an interrupted run created and didn't record. `CreateKey` has no idempotency token, and the
    /// tagging API, by which `observe` finds keys, lags by minutes.
    async fn find_unrecorded(&self, cx: &Cx) -> Result<Option<KeyOutputs>> {
        for (key, tags) in &*recent_keys(cx).await? {
            let matches = key.multi_region.unwrap_or_default() == self.multi_region && tags::are_of_step(cx, tags);
            if matches && find(cx, &key.key_id).await?.is_some() {
                let arn = key.arn().ok_or(Error::incomplete("kms:DescribeKey", "Arn"))?;
                return Ok(Some(KeyOutputs { arn: arn.into(), key_id: key.key_id.clone() }));
            }
        }
        Ok(None)
    }

    async fn set_rotation(&self, cx: &Cx, id: &str) -> Result<()> {
        if self.rotation {
            cx.kms.enable_key_rotation().key_id(id).send().await?;
        } else {
            cx.kms.disable_key_rotation().key_id(id).send().await?;
        }
        Ok(())
    }
}
