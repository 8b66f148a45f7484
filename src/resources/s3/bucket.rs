use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, Tagging as SdkTagging};

use super::bucket_settings::{self as settings, AccessLogs, Encryption, LifecycleRule};
use super::{emptying, from_sdk, to_sdk};
use crate::resources::prelude::*;
use crate::resources::tags::{self, Built};

/// A bucket.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bucket {
    /// 3 to 63 lower-case letters, digits and `-`; unique among all AWS accounts.
    pub name: String,
    /// Keep overwritten and deleted objects as versions.
    pub versioning: bool,
    /// The default encryption of objects.
    pub encryption: Encryption,
    /// Block all four kinds of public access.
    pub block_public_access: bool,
    /// Object Ownership "bucket owner enforced": ACLs are disabled.
    pub owner_enforced: bool,
    /// Lifecycle rules by id.
    pub lifecycle: BTreeMap<String, LifecycleRule>,
    /// Server access logging.
    pub access_logs: Option<AccessLogs>,
    /// Send events of objects to EventBridge.
    pub events: bool,
}

/// The outputs of a bucket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BucketOutputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: BucketArn,
}

impl Bucket {
    /// A private bucket with AWS's defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Bucket {
            name: name.into(),
            versioning: false,
            encryption: Encryption::S3,
            block_public_access: true,
            owner_enforced: true,
            lifecycle: BTreeMap::new(),
            access_logs: None,
            events: false,
        }
    }
}

impl Resource for Bucket {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        stateful: true,
        no_tag_on_create: true,
        ..TypeInfo::new(
            "s3.bucket",
            seconds(5),
            &[
                "s3:ListAllMyBuckets",
                "s3:GetBucketTagging",
                "s3:GetBucketVersioning",
                "s3:GetEncryptionConfiguration",
                "s3:GetBucketPublicAccessBlock",
                "s3:GetBucketOwnershipControls",
                "s3:GetLifecycleConfiguration",
                "s3:GetBucketLogging",
                "s3:GetBucketNotification",
                "s3:CreateBucket",
                "s3:TagResource",
                "s3:PutBucketTagging",
                "s3:PutBucketVersioning",
                "s3:PutEncryptionConfiguration",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketOwnershipControls",
                "s3:PutLifecycleConfiguration",
                "s3:PutBucketLogging",
                "s3:PutBucketNotification",
                "s3:ListBucketVersions",
                "s3:DeleteObject",
                "s3:DeleteObjectVersion",
                "s3:DeleteBucket",
            ],
        )
    };

    type Outputs = BucketOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&BucketOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        if !all(cx).await?.contains(name) {
            return Ok(None);
        }
        let outputs = outputs(cx, name);
        let read = async {
            tokio::try_join!(
                settings::versioning(cx, name),
                settings::encryption(cx, name),
                settings::public_access_block(cx, name),
                settings::owner_enforced(cx, name),
                settings::lifecycle(cx, name),
                settings::access_logs(cx, name),
                settings::events(cx, name),
                tags::of_arn(cx, &outputs.arn, || native_tags(cx, name)),
            )
        };
        let Some(read) = ignore_not_found(read.await)? else { return Ok(None) };
        let (versioning, encryption, block_public_access, owner_enforced, lifecycle, access_logs, events, tags) = read;
        let spec = Bucket {
            name: name.clone(),
            versioning,
            encryption,
            block_public_access,
            owner_enforced,
            lifecycle,
            access_logs,
            events,
        };
        Ok(Some(Found::tagged(spec, outputs, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<BucketOutputs> {
        let create = || async {
            let configuration = CreateBucketConfiguration::builder().set_tags(Some(to_sdk(&cx.tags)));
            // us-east-1 has no location constraint.
            let location = (cx.region != "us-east-1").then(|| BucketLocationConstraint::from(cx.region.as_str()));
            let configuration = configuration.set_location_constraint(location).build();
            let request = cx.s3.create_bucket().bucket(&self.name).create_bucket_configuration(configuration);
            Ok(request.send().await?)
        };
        cx.retry_while_retryable("S3 to release the bucket's name", create).await?;
        // Emulators and older S3 ignore the tags of the create call.
        put_tags(cx, &self.name, &cx.tags).await?;
        // Protection first.
        self.set(cx, &["block_public_access", "owner_enforced", "encryption", "versioning"]).await?;
        let rest = [
            ("lifecycle", !self.lifecycle.is_empty()),
            ("access_logs", self.access_logs.is_some()),
            ("events", self.events),
        ];
        let rest: Vec<_> = rest.into_iter().filter(|(_, is_set)| *is_set).map(|(field, _)| field).collect();
        self.set(cx, &rest).await?;
        Ok(outputs(cx, &self.name))
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<BucketOutputs> {
        let all =
            ["block_public_access", "owner_enforced", "encryption", "versioning", "lifecycle", "access_logs", "events"];
        let changed: Vec<_> = all.into_iter().filter(|field| changes.has(field)).collect();
        self.set(cx, &changed).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &BucketOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        // The call replaces all tags.
        let mut tags = native_tags(cx, &outputs.name).await?;
        tags.retain(|key, _| !remove.contains(key) && !key.starts_with("aws:"));
        tags.extend(set.clone());
        put_tags(cx, &outputs.name, &tags).await
    }

    async fn delete(cx: &Cx, outputs: &BucketOutputs) -> Result<()> {
        let delete = || async {
            emptying::empty(cx, &outputs.name).await?;
            Ok(cx.s3.delete_bucket().bucket(&outputs.name).send().await.map(|_| ())?)
        };
        // Logs may still be delivered while it is being emptied.
        let is_not_empty = |error: &Error| error.class == Class::Retryable || error.is_code("BucketNotEmpty");
        ignore_not_found(cx.retry_while("the bucket to stay empty", Patience::SHORT, is_not_empty, delete).await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html>
    fn cloudformation(&self) -> Form {
        let rules: Vec<_> = self.lifecycle.iter().map(|(id, rule)| rule.cloudformation(id)).collect();
        let bucket = properties!(self, Bucket {
            name => "BucketName",
            versioning => "VersioningConfiguration": versioning.then(|| json!({"Status": "Enabled"})),
            encryption => "BucketEncryption": json!({"ServerSideEncryptionConfiguration": [encryption.cloudformation()]}),
            block_public_access => "PublicAccessBlockConfiguration": json!({
                "BlockPublicAcls": block_public_access,
                "IgnorePublicAcls": block_public_access,
                "BlockPublicPolicy": block_public_access,
                "RestrictPublicBuckets": block_public_access,
            }),
            owner_enforced => "OwnershipControls":
                json!({"Rules": [{"ObjectOwnership": settings::ownership(*owner_enforced).as_str()}]}),
            lifecycle => "LifecycleConfiguration": (!lifecycle.is_empty()).then(|| json!({"Rules": rules})),
            access_logs => "LoggingConfiguration": access_logs.as_ref().map(AccessLogs::cloudformation),
            events => "NotificationConfiguration":
                events.then(|| json!({"EventBridgeConfiguration": {"EventBridgeEnabled": true}})),
        });
        Form::resource("AWS::S3::Bucket", bucket)
            .output("name", Form::reference())
            .output("arn", Form::attribute("Arn"))
    }
}

impl Bucket {
    /// Writes these settings one after the other: S3 refuses concurrent changes of a bucket.
    async fn set(&self, cx: &Cx, fields: &[&str]) -> Result<()> {
        let bucket = &self.name;
        for field in fields {
            let write = || async {
                match *field {
                    "block_public_access" => {
                        settings::set_public_access_block(cx, bucket, self.block_public_access).await
                    }
                    "owner_enforced" => settings::set_owner_enforced(cx, bucket, self.owner_enforced).await,
                    "encryption" => settings::set_encryption(cx, bucket, &self.encryption).await,
                    // Versioning that was never enabled needn't be suspended.
                    "versioning" if !self.versioning && !settings::versioning(cx, bucket).await? => Ok(()),
                    "versioning" => settings::set_versioning(cx, bucket, self.versioning).await,
                    "lifecycle" => settings::set_lifecycle(cx, bucket, &self.lifecycle).await,
                    "access_logs" => settings::set_access_logs(cx, bucket, self.access_logs.as_ref()).await,
                    _ => settings::set_events(cx, bucket, self.events).await,
                }
            };
            cx.retry_while_retryable("S3 to finish another change of the bucket", write).await?;
        }
        Ok(())
    }
}

fn outputs(cx: &Cx, name: &str) -> BucketOutputs {
    BucketOutputs { name: name.to_owned(), arn: format!("arn:{}:s3:::{name}", cx.partition()).into() }
}

async fn native_tags(cx: &Cx, bucket: &str) -> Result<Tags> {
    let read = async { Ok(cx.s3.get_bucket_tagging().bucket(bucket).send().await?) };
    // S3 returns an error for a bucket without tags.
    Ok(ignore_not_found(read.await)?.map(|answer| from_sdk(answer.tag_set())).unwrap_or_default())
}

async fn put_tags(cx: &Cx, bucket: &str, tags: &Tags) -> Result<()> {
    let put = || async {
        let tagging: SdkTagging = SdkTagging::builder().set_tag_set(Some(to_sdk(tags))).build().built();
        Ok(cx.s3.put_bucket_tagging().bucket(bucket).tagging(tagging).send().await?)
    };
    cx.retry_while_retryable("S3 to finish another change of the bucket", put).await?;
    Ok(())
}

/// The names of the account's buckets in all regions.
async fn all(cx: &Cx) -> Result<Arc<BTreeSet<String>>> {
    let home = cx.in_region(cx.shared.cloud.home());
    let load = async {
        let mut pages = cx.s3.list_buckets().max_buckets(1000).into_paginator().send();
        let mut all = BTreeSet::new();
        while let Some(page) = pages.try_next().await? {
            all.extend(page.buckets.unwrap_or_default().into_iter().filter_map(|bucket| bucket.name));
        }
        Ok(all)
    };
    home.inventory.once("s3.buckets", load).await
}
