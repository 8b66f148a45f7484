//! A private bucket: no public access, TLS only, encrypted, versioned, with access logs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Scope;
use super::policy::document;
use crate::resources::ids::BucketArn;
use crate::resources::s3::{AccessLogs, Bucket, BucketPolicy, Encryption, LifecycleRule};

/// The parameters of a bucket.
#[derive(Clone, Debug)]
pub struct BucketParams<'a> {
    /// How objects are encrypted.
    pub encryption: Encryption,
    /// Days after which objects are deleted; `None`: never.
    pub keep_days: Option<i32>,
    /// More lifecycle rules, by id.
    pub lifecycle: BTreeMap<String, LifecycleRule>,
    /// The name of the bucket for access logs, from [`access_log_bucket`].
    pub access_logs: Option<&'a str>,
    /// Policy statements beside those that require TLS 1.2, from the bucket's ARN.
    pub statements: fn(&Scope<'_>, &str) -> Vec<Value>,
}

impl Default for BucketParams<'_> {
    /// SSE-S3; objects are kept; no access logs.
    fn default() -> Self {
        BucketParams {
            encryption: Encryption::S3,
            keep_days: None,
            lifecycle: BTreeMap::new(),
            access_logs: None,
            statements: |_, _| Vec::new(),
        }
    }
}

/// A bucket with its policy.
#[derive(Clone, Debug)]
pub struct PrivateBucket {
    /// The name. Resources that use it are created after the policy.
    pub name: String,
    /// The bucket's ARN.
    pub arn: BucketArn,
}

/// Adds a private bucket.
pub fn private_bucket(scope: &Scope<'_>, leaf: &str, params: &BucketParams<'_>) -> PrivateBucket {
    let scope = &scope.at(leaf);
    // Bucket names are global: the account's id makes it unique.
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
    let arn = scope.arn("s3", &name);
    let mut statements = tls_only(&arn);
    statements.extend((params.statements)(scope, &arn));
    let policy = scope.add("policy", BucketPolicy { bucket: bucket.name, policy: document(statements) });
    PrivateBucket { name: policy.bucket, arn: bucket.arn }
}

/// Adds a bucket for the access logs of other buckets of the same region. It keeps them as long as the scope says.
pub fn access_log_bucket(scope: &Scope<'_>, leaf: &str) -> PrivateBucket {
    let params = BucketParams {
        keep_days: Some(scope.log_retention_days()),
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
        ..BucketParams::default()
    };
    private_bucket(scope, leaf, &params)
}

/// Statements that deny requests without TLS 1.2 or later.
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
