//! AWS Config: records the account's resources and evaluates the rules of PCI DSS.
//!
//! Recorder, delivery channel, bucket and role exist once per account and region: all systems share them. If the account has
//! another recorder already, only the rules are added.

use std::collections::{BTreeMap, BTreeSet};

use super::Scope;
use super::bucket::tls_only;
use super::policy::{allow, document, trust};
use crate::engine::ownership::SUFFIX;
use crate::resources::config::{ConfigRule, ConfigurationRecorder, DeliveryChannel, SHARED_NAME, ScopeTag};
use crate::resources::iam;
use crate::resources::s3::{Bucket, BucketPolicy, Encryption, LifecycleRule};

/// The parameters of the rules.
#[derive(Clone, Copy, Debug)]
pub struct ComplianceParams<'a> {
    /// A recorder that exists already and isn't provisioner's, from [`crate::resources::config::existing_recorder`].
    pub existing_recorder: Option<&'a str>,
    /// The system's rules: [`COMMON`], [`CONTAINERS`], [`TABLES`].
    pub rules: &'a [&'a [Rule]],
}

/// Days that recordings are kept: the same for all systems, as they share the bucket. PCI DSS requires one year.
const KEEP_DAYS: i32 = 365;

/// Adds recorder, delivery channel and rules.
pub fn compliance(scope: &Scope<'_>, params: &ComplianceParams<'_>) {
    let scope = scope.at("compliance");
    let rules = match params.existing_recorder {
        Some(_) => scope.clone(),
        None => scope.after(&recording(&scope), "AWS accepts rules only while a recorder exists"),
    };
    for (name, identifier, description, parameters) in params.rules.iter().copied().flatten() {
        let mut parameters: BTreeMap<String, String> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if let Some(days) = parameters.get_mut(RETENTION) {
            *days = scope.log_retention_days().to_string();
        }
        rules.add(
            name,
            ConfigRule {
                name: scope.name_within(name, 128),
                description: (*description).to_owned(),
                identifier: (*identifier).to_owned(),
                input_parameters: parameters,
                scope: (!PERIODIC.contains(identifier))
                    .then(|| ScopeTag { key: SUFFIX.to_owned(), value: scope.suffix().to_owned() }),
            },
        );
    }
}

/// Adds recorder and delivery channel and returns the channel's name. Their names have no suffix, as all systems share them. So
/// they can't use the key of one system: the bucket is encrypted with SSE-S3.
fn recording(scope: &Scope<'_>) -> String {
    let shared = scope.shared();
    let region = scope.region();
    let name = format!("{SHARED_NAME}-config-{}-{region}", scope.account());
    let arn = scope.arn("s3", &name);
    let bucket = shared.add(
        "bucket",
        Bucket {
            name,
            versioning: true,
            encryption: Encryption::S3,
            block_public_access: true,
            owner_enforced: true,
            lifecycle: BTreeMap::from([(
                "retention".to_owned(),
                LifecycleRule {
                    expire_days: Some(KEEP_DAYS),
                    expire_noncurrent_days: Some(30),
                    abort_uploads_days: Some(7),
                    ..LifecycleRule::default()
                },
            )]),
            access_logs: None,
            events: false,
        },
    );
    let policy = BucketPolicy { bucket: bucket.name.clone(), policy: document(tls_only(&arn)) };
    let policy = shared.add("bucket-policy", policy);
    let delivered = format!("{}/AWSLogs/{}/Config/*", bucket.arn, scope.account());
    let role = shared.add(
        "role",
        iam::Role {
            name: format!("{SHARED_NAME}-config-{region}"),
            description: "AWS Config reads the account and delivers what it recorded".to_owned(),
            trust: trust(scope, "config.amazonaws.com"),
            inline_policies: BTreeMap::from([(
                "delivery".to_owned(),
                document([
                    allow(&["s3:PutObject"], [delivered]),
                    allow(&["s3:GetBucketAcl", "s3:ListBucket"], [bucket.arn.to_string()]),
                ]),
            )]),
            managed_policies: BTreeSet::from([scope.managed_policy("service-role/AWS_ConfigRole")]),
            max_session_seconds: 3600,
        },
    );
    let recorder = shared.add(
        "recorder",
        ConfigurationRecorder {
            name: SHARED_NAME.to_owned(),
            role: role.arn,
            // AWS charges for each recorded change: the results of the rules needn't be recorded.
            excluded: BTreeSet::from(["AWS::Config::ResourceCompliance".to_owned()]),
            recording: true,
        },
    );
    let channel = shared.add(
        "delivery-channel",
        DeliveryChannel {
            name: SHARED_NAME.to_owned(),
            recorder: recorder.name,
            bucket: policy.bucket,
            kms_key: None,
            snapshot_frequency: "TwentyFour_Hours".to_owned(),
        },
    );
    channel.name
}

/// A managed rule: its name, AWS's identifier, its description and its parameters.
pub type Rule = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// The rules for all systems.
/// <https://docs.aws.amazon.com/config/latest/developerguide/operational-best-practices-for-pci-dss.html>
pub const COMMON: &[Rule] = &[
    ("alb-drops-invalid-headers", "ALB_HTTP_DROP_INVALID_HEADER_ENABLED", "Load balancers drop invalid headers", &[]),
    ("alb-redirects-to-https", "ALB_HTTP_TO_HTTPS_REDIRECTION_CHECK", "Port 80 only redirects to HTTPS", &[]),
    ("alb-waf", "ALB_WAF_ENABLED", "A web application firewall stands before every load balancer", &[]),
    ("alarm-actions", "CLOUDWATCH_ALARM_ACTION_CHECK", "Every alarm tells somebody", ALARM_ACTIONS),
    ("log-groups-encrypted", "CLOUDWATCH_LOG_GROUP_ENCRYPTED", "Log groups are encrypted with a customer's key", &[]),
    ("log-retention", "CW_LOGGROUP_RETENTION_PERIOD_CHECK", "Logs are kept long enough", &[(RETENTION, "")]),
    ("dead-letters", "LAMBDA_DLQ_CHECK", "Functions have somewhere to leave what failed", &[]),
    ("functions-in-vpc", "LAMBDA_INSIDE_VPC", "Functions run inside a VPC", &[]),
    ("functions-not-public", "LAMBDA_FUNCTION_PUBLIC_ACCESS_PROHIBITED", "Nobody outside can call functions", &[]),
    ("iam-root-access-key", "IAM_ROOT_ACCESS_KEY_CHECK", "The root user has no access key", &[]),
    ("key-rotation", "CMK_BACKING_KEY_ROTATION_ENABLED", "Customer-managed keys are rotated", &[]),
    ("database-encrypted", "RDS_STORAGE_ENCRYPTED", "Databases are encrypted", &[]),
    ("database-cluster-encrypted", "RDS_CLUSTER_ENCRYPTED_AT_REST", "Database clusters are encrypted", &[]),
    ("database-not-public", "RDS_INSTANCE_PUBLIC_ACCESS_CHECK", "Databases can't be reached from the internet", &[]),
    ("database-iam", "RDS_CLUSTER_IAM_AUTHENTICATION_ENABLED", "Database clusters know IAM logins", &[]),
    ("buckets-encrypted", "S3_BUCKET_SERVER_SIDE_ENCRYPTION_ENABLED", "Buckets are encrypted", &[]),
    ("buckets-not-public", "S3_BUCKET_LEVEL_PUBLIC_ACCESS_PROHIBITED", "Nothing in buckets can be made public", &[]),
    ("buckets-tls", "S3_BUCKET_SSL_REQUESTS_ONLY", "Buckets refuse plain text", &[]),
    ("secrets-rotated", "SECRETSMANAGER_ROTATION_ENABLED_CHECK", "Secrets are rotated", &[]),
    ("secrets-rotation-works", "SECRETSMANAGER_SCHEDULED_ROTATION_SUCCESS_CHECK", "Rotations succeed", &[]),
    ("secrets-encrypted", "SECRETSMANAGER_USING_CMK", "Secrets are encrypted with a customer's key", &[]),
    ("topics-encrypted", "SNS_ENCRYPTED_KMS", "Topics are encrypted", &[]),
    ("default-security-group", "VPC_DEFAULT_SECURITY_GROUP_CLOSED", "Default security groups let nothing through", &[]),
    ("flow-logs", "VPC_FLOW_LOGS_ENABLED", "VPCs log what flows", &[]),
    ("ingress-ports", "VPC_SG_OPEN_ONLY_TO_AUTHORIZED_PORTS", "The internet reaches 80 and 443 only", OPEN_PORTS),
];

/// The rules for containers and their images.
pub const CONTAINERS: &[Rule] = &[
    ("containers-insights", "ECS_CONTAINER_INSIGHTS_ENABLED", "Clusters tell what their containers do", &[]),
    ("containers-no-secrets", "ECS_NO_ENVIRONMENT_SECRETS", "No credentials of AWS stand in a task definition", KEYS),
    ("containers-not-privileged", "ECS_CONTAINERS_NONPRIVILEGED", "No container is privileged", &[]),
    ("containers-platform", "ECS_FARGATE_LATEST_PLATFORM_VERSION", "Tasks run on Fargate's latest platform", &[]),
    ("containers-read-only", "ECS_CONTAINERS_READONLY_ACCESS", "Containers can't change their root", &[]),
    ("images-scanned", "ECR_PRIVATE_IMAGE_SCANNING_ENABLED", "Images are looked at for known weaknesses", &[]),
    ("images-tags", "ECR_PRIVATE_TAG_IMMUTABILITY_ENABLED", "Tags of images can't be overwritten", &[]),
];

/// The rules for tables.
pub const TABLES: &[Rule] = &[
    ("tables-encrypted", "DYNAMODB_TABLE_ENCRYPTED_KMS", "Tables are encrypted with a customer's key", &[]),
    ("tables-recoverable", "DYNAMODB_PITR_ENABLED", "Tables can be brought back to any second", &[]),
];

const KEYS: &[(&str, &str)] = &[("secretKeys", "AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY,DB_PASSWORD")];

/// The parameter that is set to the system's log retention.
const RETENTION: &str = "MinRetentionTime";

const ALARM_ACTIONS: &[(&str, &str)] =
    &[("alarmActionRequired", "true"), ("insufficientDataActionRequired", "false"), ("okActionRequired", "false")];

const OPEN_PORTS: &[(&str, &str)] = &[("authorizedTcpPorts", "80,443")];

/// The rules that AWS evaluates on a schedule instead of on changes: they take no scope.
const PERIODIC: [&str; 7] = [
    "ALB_HTTP_TO_HTTPS_REDIRECTION_CHECK",
    "CLOUDWATCH_LOG_GROUP_ENCRYPTED",
    "CMK_BACKING_KEY_ROTATION_ENABLED",
    "CW_LOGGROUP_RETENTION_PERIOD_CHECK",
    "ECR_PRIVATE_IMAGE_SCANNING_ENABLED",
    "IAM_ROOT_ACCESS_KEY_CHECK",
    "VPC_FLOW_LOGS_ENABLED",
];
