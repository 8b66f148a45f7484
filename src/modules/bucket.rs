//! A private bucket: nothing public, TLS only, encrypted, versioned, its requests logged if there is a place for them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Scope;
use crate::resources::document::Document;
use crate::resources::ids::BucketArn;
use crate::resources::s3::{AccessLogs, Bucket, BucketPolicy, Encryption, LifecycleRule};

/// What differs between buckets.
#[derive(Clone, Debug)]
pub struct BucketParams<'a> {
    /// How objects are encrypted.
    pub encryption: Encryption,
    /// After how many days objects are deleted; never without.
    pub keep_days: Option<i32>,
    /// More lifecycle rules, by their ids.
    pub lifecycle: BTreeMap<String, LifecycleRule>,
    /// The name of the bucket for the logs of requests: one that [`access_log_bucket`] made.
    pub access_logs: Option<&'a str>,
    /// Statements of the policy beside the one that refuses all but TLS 1.2, made of the bucket's ARN.
    pub statements: fn(&Scope<'_>, &str) -> Vec<Value>,
}

/// A bucket with its policy.
#[derive(Clone, Debug)]
pub struct PrivateBucket {
    /// The name; what uses it waits for the policy too.
    pub name: String,
    /// The ARN.
    pub arn: BucketArn,
}

/// A private bucket at `leaf`.
pub fn private_bucket(scope: &Scope<'_>, leaf: &str, params: &BucketParams<'_>) -> PrivateBucket {
    let scope = &scope.at(leaf);
    // The account's number makes the name unique in the world.
    let name = scope.name_within(&format!("{leaf}-{}", scope.account()), 63);
    let mut lifecycle = params.lifecycle.clone();
    lifecycle.insert(
        "housekeeping".to_owned(),
        LifecycleRule {
            expire_days: params.keep_days,
            expire_noncurrent_days: Some(30),
            abort_uploads_days: Some(7),
            ..LifecycleRule::default()
        },
    );
    let bucket = scope.add(
        "bucket",
        Bucket {
            name: name.clone(),
            versioning: true,
            encryption: params.encryption.clone(),
            block_public_access: true,
            owner_enforced: true,
            lifecycle,
            access_logs: params.access_logs.map(|to| AccessLogs { bucket: to.to_owned(), prefix: format!("{name}/") }),
            events: true,
        },
    );
    let arn = format!("arn:{}:s3:::{name}", scope.partition());
    let mut statements = tls_only(&arn);
    statements.extend((params.statements)(scope, &arn));
    let policy = Document::new(json!({"Version": "2012-10-17", "Statement": statements}));
    let policy = scope.add("policy", BucketPolicy { bucket: bucket.name, policy });
    PrivateBucket { name: policy.bucket, arn: bucket.arn }
}

/// A bucket for the logs that S3 writes of the requests for other buckets of the same region.
pub fn access_log_bucket(scope: &Scope<'_>, leaf: &str, keep_days: i32) -> PrivateBucket {
    let params = BucketParams {
        encryption: Encryption::S3,
        keep_days: Some(keep_days),
        lifecycle: BTreeMap::new(),
        access_logs: None,
        statements: |scope, arn| {
            vec![json!({
                "Sid": "LogsOfRequests",
                "Effect": "Allow",
                "Principal": {"Service": "logging.s3.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": format!("{arn}/*"),
                "Condition": {"StringEquals": {"aws:SourceAccount": scope.account()}},
            })]
        },
    };
    private_bucket(scope, leaf, &params)
}

/// Refuses every request that isn't encrypted with TLS 1.2 or later.
pub(super) fn tls_only(arn: &str) -> Vec<Value> {
    let deny = |sid: &str, condition: Value| {
        json!({
            "Sid": sid,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, format!("{arn}/*")],
            "Condition": condition,
        })
    };
    vec![
        deny("NoPlainText", json!({"Bool": {"aws:SecureTransport": "false"}})),
        deny("NoOldTls", json!({"NumericLessThan": {"s3:TlsVersion": "1.2"}})),
    ]
}
