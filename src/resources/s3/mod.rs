//! Simple Storage Service.

mod bucket;
mod bucket_policy;
mod bucket_settings;
mod emptying;

pub use bucket::{Bucket, BucketOutputs};
pub use bucket_policy::{BucketPolicy, BucketPolicyOutputs};
pub use bucket_settings::{AccessLogs, Encryption, LifecycleRule};

crate::resources::tags::tag_type!(aws_sdk_s3::types::Tag);
