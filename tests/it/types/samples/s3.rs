use std::collections::BTreeMap;

use provisioner::modules::Scope;
use provisioner::modules::policy::document;
use provisioner::resources::document::Document;
use provisioner::resources::s3::{AccessLogs, Bucket, BucketPolicy, Encryption, LifecycleRule};
use serde_json::json;

use super::key;
use crate::types::{Sample, Samples};

/// A bucket without anything special.
pub(super) fn bucket(scope: &Scope<'_>, name: &str) -> Bucket {
    Bucket {
        name: scope.name(&format!("{}-{name}", scope.account())),
        versioning: false,
        encryption: Encryption::S3,
        block_public_access: true,
        owner_enforced: true,
        lifecycle: BTreeMap::new(),
        access_logs: None,
        events: false,
    }
}

/// Lets the account or a service do this in the bucket.
fn policy(scope: &Scope<'_>, bucket: &str, action: &str, principal: (&str, &str)) -> Document {
    document([json!({
        "Effect": "Allow",
        "Principal": {(principal.0): principal.1},
        "Action": action,
        "Resource": format!("arn:{}:s3:::{bucket}/*", scope.partition()),
    })])
}

impl Sample for Bucket {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let logs = |name: &str, prefix: &str| {
            let bucket = scope.add(name, bucket(scope, name)).name;
            let policy = policy(scope, &bucket, "s3:PutObject", ("Service", "logging.s3.amazonaws.com"));
            let bucket = scope.add(&format!("{name}-policy"), BucketPolicy { bucket, policy }).bucket;
            Some(AccessLogs { bucket, prefix: prefix.to_owned() })
        };
        let (logs, other_logs) = (logs("logs", "orders/"), logs("other-logs", "refunds/"));
        let (one, other) = (key(scope, "one"), key(scope, "other"));
        let rule = LifecycleRule {
            prefix: "orders/".to_owned(),
            expire_days: Some(365),
            expire_noncurrent_days: Some(30),
            transitions: [("GLACIER".to_owned(), 90), ("STANDARD_IA".to_owned(), 30)].into(),
            abort_uploads_days: Some(7),
        };
        let other_rule = LifecycleRule {
            prefix: "refunds/".to_owned(),
            expire_days: Some(730),
            expire_noncurrent_days: Some(60),
            transitions: [("GLACIER".to_owned(), 180), ("STANDARD_IA".to_owned(), 60)].into(),
            abort_uploads_days: Some(14),
        };
        let everything = LifecycleRule { expire_noncurrent_days: Some(7), ..LifecycleRule::default() };
        Samples::of(bucket(scope, "orders"))
            .changing(|bucket| bucket.versioning = true)
            .changing(|bucket| bucket.encryption = Encryption::Kms { key: one })
            .changing(|bucket| bucket.encryption = Encryption::Kms { key: other })
            .changing(|bucket| bucket.block_public_access = false)
            .changing(|bucket| bucket.owner_enforced = false)
            .changing(|bucket| bucket.lifecycle = [("orders".to_owned(), rule)].into())
            .changing(|bucket| bucket.lifecycle = [("orders".to_owned(), other_rule)].into())
            .changing(|bucket| bucket.lifecycle = [("everything".to_owned(), everything)].into())
            .changing(|bucket| bucket.access_logs = logs)
            .changing(|bucket| bucket.access_logs = other_logs)
            .changing(|bucket| bucket.events = true)
            .changing(|bucket| bucket.name = self::bucket(scope, "refunds").name)
    }
}

impl Sample for BucketPolicy {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let [orders, refunds] = ["orders", "refunds"].map(|name| scope.add(name, bucket(scope, name)).name);
        let account = format!("arn:aws:iam::{}:root", scope.account());
        let allow = |bucket: &str, action: &str| policy(scope, bucket, action, ("AWS", &account));
        let first = BucketPolicy { policy: allow(&orders, "s3:GetObject"), bucket: orders.clone() };
        Samples::of(first).changing(|policy| policy.policy = allow(&orders, "s3:PutObject")).changing(|policy| {
            policy.policy = allow(&refunds, "s3:GetObject");
            policy.bucket = refunds;
        })
    }
}
