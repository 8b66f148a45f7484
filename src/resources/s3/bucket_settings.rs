//! The settings of a bucket, each of which has calls of its own.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLoggingStatus, BucketVersioningStatus,
    EventBridgeConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule as SdkRule, LifecycleRuleFilter,
    LoggingEnabled, NoncurrentVersionExpiration, NotificationConfiguration, ObjectOwnership, OwnershipControls,
    OwnershipControlsRule, PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Transition, TransitionStorageClass,
    VersioningConfiguration,
};

use crate::resources::prelude::*;
use crate::resources::tags::Built;

/// The default encryption of objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// With S3's own keys (SSE-S3). Required for a bucket that load balancers or S3 deliver logs to.
    S3,
    /// With a KMS key and an S3 bucket key, which saves calls of KMS.
    Kms {
        /// The key.
        key: KeyArn,
    },
}

/// Server access logging of a bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessLogs {
    /// The name of the log bucket. It must let `logging.s3.amazonaws.com` write, and use SSE-S3.
    pub bucket: String,
    /// The prefix of the log objects.
    pub prefix: String,
}

/// A lifecycle rule: when objects expire or move to another storage class.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LifecycleRule {
    /// The prefix of its objects; empty for all objects.
    pub prefix: String,
    /// Days after which an object is deleted.
    pub expire_days: Option<i32>,
    /// Days after which a noncurrent version is deleted.
    pub expire_noncurrent_days: Option<i32>,
    /// Days after which an object moves to a storage class (`GLACIER`, `STANDARD_IA` ...), by class.
    pub transitions: BTreeMap<String, i32>,
    /// Days after which an incomplete multipart upload is aborted.
    pub abort_uploads_days: Option<i32>,
}

pub(super) async fn versioning(cx: &Cx, bucket: &str) -> Result<bool> {
    let answer = cx.s3.get_bucket_versioning().bucket(bucket).send().await?;
    Ok(answer.status() == Some(&BucketVersioningStatus::Enabled))
}

pub(super) async fn set_versioning(cx: &Cx, bucket: &str, on: bool) -> Result<()> {
    let status = if on { BucketVersioningStatus::Enabled } else { BucketVersioningStatus::Suspended };
    let configuration = VersioningConfiguration::builder().status(status).build();
    cx.s3.put_bucket_versioning().bucket(bucket).versioning_configuration(configuration).send().await?;
    Ok(())
}

pub(super) async fn encryption(cx: &Cx, bucket: &str) -> Result<Encryption> {
    let read = async { Ok(cx.s3.get_bucket_encryption().bucket(bucket).send().await?) };
    let configuration = ignore_not_found(read.await)?.and_then(|answer| answer.server_side_encryption_configuration);
    let rule = configuration.as_ref().and_then(|configuration| configuration.rules().first());
    let default = rule.and_then(|rule| rule.apply_server_side_encryption_by_default());
    Ok(match default.map(|default| (default.sse_algorithm(), default.kms_master_key_id())) {
        Some((ServerSideEncryption::AwsKms, key)) => Encryption::Kms { key: key.unwrap_or_default().into() },
        _ => Encryption::S3,
    })
}

pub(super) async fn set_encryption(cx: &Cx, bucket: &str, encryption: &Encryption) -> Result<()> {
    let default = ServerSideEncryptionByDefault::builder();
    let (default, bucket_key) = match encryption {
        Encryption::S3 => (default.sse_algorithm(ServerSideEncryption::Aes256), None),
        Encryption::Kms { key } => {
            (default.sse_algorithm(ServerSideEncryption::AwsKms).kms_master_key_id(&**key), Some(true))
        }
    };
    let rule = ServerSideEncryptionRule::builder().set_bucket_key_enabled(bucket_key);
    let rule = rule.apply_server_side_encryption_by_default(default.build().built()).build();
    let configuration = ServerSideEncryptionConfiguration::builder().rules(rule).build().built();
    let request = cx.s3.put_bucket_encryption().bucket(bucket);
    request.server_side_encryption_configuration(configuration).send().await?;
    Ok(())
}

/// True if all four kinds of public access are blocked.
pub(super) async fn public_access_block(cx: &Cx, bucket: &str) -> Result<bool> {
    let read = async { Ok(cx.s3.get_public_access_block().bucket(bucket).send().await?) };
    let block = ignore_not_found(read.await)?.and_then(|answer| answer.public_access_block_configuration);
    Ok(block.is_some_and(|block| {
        let four = [
            block.block_public_acls,
            block.ignore_public_acls,
            block.block_public_policy,
            block.restrict_public_buckets,
        ];
        four.into_iter().all(|on| on == Some(true))
    }))
}

pub(super) async fn set_public_access_block(cx: &Cx, bucket: &str, on: bool) -> Result<()> {
    let block = PublicAccessBlockConfiguration::builder().block_public_acls(on).ignore_public_acls(on);
    let block = block.block_public_policy(on).restrict_public_buckets(on).build();
    cx.s3.put_public_access_block().bucket(bucket).public_access_block_configuration(block).send().await?;
    Ok(())
}

/// True if the bucket's owner owns all objects and ACLs are disabled.
pub(super) async fn owner_enforced(cx: &Cx, bucket: &str) -> Result<bool> {
    let read = async { Ok(cx.s3.get_bucket_ownership_controls().bucket(bucket).send().await?) };
    let controls = ignore_not_found(read.await)?.and_then(|answer| answer.ownership_controls);
    let rule = controls.as_ref().and_then(|controls| controls.rules().first());
    Ok(rule.is_some_and(|rule| *rule.object_ownership() == ObjectOwnership::BucketOwnerEnforced))
}

pub(super) fn ownership(enforced: bool) -> ObjectOwnership {
    if enforced { ObjectOwnership::BucketOwnerEnforced } else { ObjectOwnership::BucketOwnerPreferred }
}

pub(super) async fn set_owner_enforced(cx: &Cx, bucket: &str, on: bool) -> Result<()> {
    let rule: OwnershipControlsRule = OwnershipControlsRule::builder().object_ownership(ownership(on)).build().built();
    let controls = OwnershipControls::builder().rules(rule).build().built();
    cx.s3.put_bucket_ownership_controls().bucket(bucket).ownership_controls(controls).send().await?;
    Ok(())
}

pub(super) async fn access_logs(cx: &Cx, bucket: &str) -> Result<Option<AccessLogs>> {
    let answer = cx.s3.get_bucket_logging().bucket(bucket).send().await?;
    Ok(answer.logging_enabled.map(|to| AccessLogs { bucket: to.target_bucket, prefix: to.target_prefix }))
}

pub(super) async fn set_access_logs(cx: &Cx, bucket: &str, to: Option<&AccessLogs>) -> Result<()> {
    let to = to.map(|to| {
        let to = LoggingEnabled::builder().target_bucket(&to.bucket).target_prefix(&to.prefix);
        to.build().built()
    });
    let status = BucketLoggingStatus::builder().set_logging_enabled(to).build();
    cx.s3.put_bucket_logging().bucket(bucket).bucket_logging_status(status).send().await?;
    Ok(())
}

/// True if S3 sends events of objects to EventBridge.
pub(super) async fn events(cx: &Cx, bucket: &str) -> Result<bool> {
    let answer = cx.s3.get_bucket_notification_configuration().bucket(bucket).send().await?;
    Ok(answer.event_bridge_configuration.is_some())
}

/// Turns events to EventBridge on or off. The call replaces all notifications, so the other ones are written back.
pub(super) async fn set_events(cx: &Cx, bucket: &str, on: bool) -> Result<()> {
    let actual = cx.s3.get_bucket_notification_configuration().bucket(bucket).send().await?;
    let configuration = NotificationConfiguration::builder()
        .set_queue_configurations(actual.queue_configurations)
        .set_topic_configurations(actual.topic_configurations)
        .set_lambda_function_configurations(actual.lambda_function_configurations)
        .set_event_bridge_configuration(on.then(|| EventBridgeConfiguration::builder().build()))
        .build();
    let request = cx.s3.put_bucket_notification_configuration().bucket(bucket);
    request.notification_configuration(configuration).send().await?;
    Ok(())
}

/// The enabled lifecycle rules by id.
pub(super) async fn lifecycle(cx: &Cx, bucket: &str) -> Result<BTreeMap<String, LifecycleRule>> {
    let read = async { Ok(cx.s3.get_bucket_lifecycle_configuration().bucket(bucket).send().await?) };
    let rules = ignore_not_found(read.await)?.and_then(|answer| answer.rules).unwrap_or_default();
    let enabled = rules.iter().filter(|rule| *rule.status() == ExpirationStatus::Enabled);
    Ok(enabled.map(|rule| (rule.id().unwrap_or_default().to_owned(), LifecycleRule::from_sdk(rule))).collect())
}

pub(super) async fn set_lifecycle(cx: &Cx, bucket: &str, rules: &BTreeMap<String, LifecycleRule>) -> Result<()> {
    if rules.is_empty() {
        cx.s3.delete_bucket_lifecycle().bucket(bucket).send().await?;
        return Ok(());
    }
    let rules = rules.iter().map(|(id, rule)| rule.to_sdk(id)).collect();
    let configuration = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build().built();
    let request = cx.s3.put_bucket_lifecycle_configuration().bucket(bucket);
    request.lifecycle_configuration(configuration).send().await?;
    Ok(())
}

impl Encryption {
    /// The rule in a CloudFormation template.
    pub(super) fn cloudformation(&self) -> Value {
        match self {
            Encryption::S3 => json!({"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}),
            Encryption::Kms { key } => json!({
                "BucketKeyEnabled": true,
                "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
            }),
        }
    }
}

impl AccessLogs {
    /// The property of the bucket in a CloudFormation template.
    pub(super) fn cloudformation(&self) -> Value {
        properties!(self, AccessLogs { bucket => "DestinationBucketName", prefix => "LogFilePrefix" })
    }
}

impl LifecycleRule {
    /// The rule in a CloudFormation template.
    pub(super) fn cloudformation(&self, id: &str) -> Value {
        let transition = |(class, days): (&String, &i32)| json!({"StorageClass": class, "TransitionInDays": days});
        properties!(self, LifecycleRule {
            "Id": id,
            "Status": "Enabled",
            prefix => "Prefix",
            expire_days => "ExpirationInDays",
            expire_noncurrent_days => "NoncurrentVersionExpiration":
                expire_noncurrent_days.map(|days| json!({"NoncurrentDays": days})),
            transitions => "Transitions":
                (!transitions.is_empty()).then(|| transitions.iter().map(transition).collect::<Value>()),
            abort_uploads_days => "AbortIncompleteMultipartUpload":
                abort_uploads_days.map(|days| json!({"DaysAfterInitiation": days})),
        })
    }

    fn from_sdk(rule: &SdkRule) -> Self {
        let transitions = rule.transitions().iter();
        let prefix = rule.filter().and_then(LifecycleRuleFilter::prefix);
        LifecycleRule {
            prefix: prefix.unwrap_or_default().to_owned(),
            expire_days: rule.expiration().and_then(LifecycleExpiration::days),
            expire_noncurrent_days: rule.noncurrent_version_expiration().and_then(|after| after.noncurrent_days()),
            transitions: transitions
                .filter_map(|to| Some((to.storage_class()?.as_str().to_owned(), to.days()?)))
                .collect(),
            abort_uploads_days: rule
                .abort_incomplete_multipart_upload()
                .and_then(|after| after.days_after_initiation()),
        }
    }

    fn to_sdk(&self, id: &str) -> SdkRule {
        let expiration = |days: i32| LifecycleExpiration::builder().days(days).build();
        let noncurrent = |days: i32| NoncurrentVersionExpiration::builder().noncurrent_days(days).build();
        let abort = |days: i32| AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build();
        let transition = |(class, days): (&String, &i32)| {
            Transition::builder().storage_class(TransitionStorageClass::from(class.as_str())).days(*days).build()
        };
        let transitions: Vec<_> = self.transitions.iter().map(transition).collect();
        SdkRule::builder()
            .id(id)
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix(&self.prefix).build())
            .set_expiration(self.expire_days.map(expiration))
            .set_noncurrent_version_expiration(self.expire_noncurrent_days.map(noncurrent))
            .set_abort_incomplete_multipart_upload(self.abort_uploads_days.map(abort))
            .set_transitions(Some(transitions).filter(|transitions| !transitions.is_empty()))
            .build()
            .built()
    }
}
