use provisioner::modules::Scope;
use provisioner::modules::policy::document;
use provisioner::resources::config::{ConfigRule, ConfigurationRecorder, DeliveryChannel, ScopeTag};
use provisioner::resources::s3::{Bucket, BucketPolicy, Encryption};
use serde_json::json;

use super::{key, role};
use crate::types::{Sample, Samples};

fn recorder(scope: &Scope<'_>) -> ConfigurationRecorder {
    ConfigurationRecorder {
        name: scope.name("recorder"),
        role: role(scope, "recorder", "config.amazonaws.com"),
        excluded: ["AWS::Config::ResourceCompliance".to_owned()].into(),
        recording: false,
    }
}

/// A bucket that AWS Config may write into.
fn bucket(scope: &Scope<'_>, name: &str) -> String {
    let bucket = Bucket {
        name: scope.name(&format!("{}-{name}", scope.account())),
        versioning: false,
        encryption: Encryption::S3,
        block_public_access: true,
        owner_enforced: true,
        lifecycle: [].into(),
        access_logs: None,
        events: false,
    };
    let bucket = scope.add(&format!("bucket-{name}"), bucket);
    let write = json!({
        "Effect": "Allow",
        "Principal": {"Service": "config.amazonaws.com"},
        "Action": ["s3:GetBucketAcl", "s3:ListBucket", "s3:PutObject"],
        "Resource": [bucket.arn.to_string(), format!("{}/*", bucket.arn)],
    });
    scope.add(&format!("policy-{name}"), BucketPolicy { bucket: bucket.name, policy: document([write]) }).bucket
}

impl Sample for ConfigRule {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let first = ConfigRule {
            name: scope.name("orders"),
            description: "Logs are kept for a year".to_owned(),
            identifier: "CW_LOGGROUP_RETENTION_PERIOD_CHECK".to_owned(),
            input_parameters: [("MinRetentionTime".to_owned(), "365".to_owned())].into(),
            scope: None,
        };
        // Each rule has parameters of its own; one that runs on a schedule takes no scope.
        let tagged = |rule: &mut ConfigRule, key: &str, value: &str| {
            rule.identifier = "RDS_STORAGE_ENCRYPTED".to_owned();
            rule.input_parameters.clear();
            rule.scope = Some(ScopeTag { key: key.to_owned(), value: value.to_owned() });
        };
        Samples::of(first)
            .changing(|rule| rule.description = "Logs are kept".to_owned())
            .changing(|rule| rule.input_parameters = [("MinRetentionTime".to_owned(), "731".to_owned())].into())
            .changing(|rule| tagged(rule, "Stack", "orders"))
            .changing(|rule| tagged(rule, "Environment", "blue"))
            .changing(|rule| rule.name = scope.name("refunds"))
    }
}

impl Sample for ConfigurationRecorder {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let other = role(scope, "other", "config.amazonaws.com");
        Samples::of(recorder(scope))
            .in_region("us-west-1")
            .changing(|recorder| recorder.role = other)
            .changing(|recorder| recorder.excluded = ["AWS::EC2::NetworkInterface".to_owned()].into())
            .changing(|recorder| recorder.excluded.clear())
            .changing(|recorder| recorder.name = scope.name("other"))
            .without_change_of("recording", "it runs only where there is a delivery channel, which starts it")
    }
}

impl Sample for DeliveryChannel {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        const REGION: &str = "us-west-2";
        let scope = &scope.in_region(REGION);
        let recorder = ConfigurationRecorder { recording: true, ..recorder(scope) };
        let first = DeliveryChannel {
            name: scope.name("orders"),
            recorder: scope.add("recorder", recorder).name,
            bucket: bucket(scope, "one"),
            kms_key: None,
            snapshot_frequency: "TwentyFour_Hours".to_owned(),
        };
        let (other, kms_key) = (bucket(scope, "other"), key(scope, "delivery"));
        Samples::of(first)
            .in_region(REGION)
            .changing(|channel| channel.bucket = other)
            .changing(|channel| channel.kms_key = Some(kms_key))
            .changing(|channel| channel.snapshot_frequency = "One_Hour".to_owned())
            .changing(|channel| channel.name = scope.name("refunds"))
            .without_change_of("recorder", "a region has one")
    }
}
