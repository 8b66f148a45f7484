//! The operations of the REST services by method and path: those that provisioner calls, and similar ones.

use hyper::Method;

/// Service, method, path (`*` is any one part), operation.
const PATHS: &[(&str, &str, &str, &str)] = &[
    ("lambda", "GET", "/2015-03-31/functions", "ListFunctions"),
    ("lambda", "POST", "/2015-03-31/functions", "CreateFunction"),
    ("lambda", "GET", "/2015-03-31/functions/*", "GetFunction"),
    ("lambda", "DELETE", "/2015-03-31/functions/*", "DeleteFunction"),
    ("lambda", "PUT", "/2015-03-31/functions/*/code", "UpdateFunctionCode"),
    ("lambda", "GET", "/2015-03-31/functions/*/configuration", "GetFunctionConfiguration"),
    ("lambda", "PUT", "/2015-03-31/functions/*/configuration", "UpdateFunctionConfiguration"),
    ("lambda", "POST", "/2015-03-31/functions/*/invocations", "Invoke"),
    ("lambda", "GET", "/2015-03-31/functions/*/policy", "GetPolicy"),
    ("lambda", "POST", "/2015-03-31/functions/*/policy", "AddPermission"),
    ("lambda", "DELETE", "/2015-03-31/functions/*/policy/*", "RemovePermission"),
    ("lambda", "PUT", "/2017-10-31/functions/*/concurrency", "PutFunctionConcurrency"),
    ("lambda", "DELETE", "/2017-10-31/functions/*/concurrency", "DeleteFunctionConcurrency"),
    ("lambda", "GET", "/2015-03-31/event-source-mappings", "ListEventSourceMappings"),
    ("lambda", "POST", "/2015-03-31/event-source-mappings", "CreateEventSourceMapping"),
    ("lambda", "GET", "/2015-03-31/event-source-mappings/*", "GetEventSourceMapping"),
    ("lambda", "PUT", "/2015-03-31/event-source-mappings/*", "UpdateEventSourceMapping"),
    ("lambda", "DELETE", "/2015-03-31/event-source-mappings/*", "DeleteEventSourceMapping"),
    ("lambda", "GET", "/2017-03-31/tags/*", "ListTags"),
    ("lambda", "POST", "/2017-03-31/tags/*", "TagResource"),
    ("lambda", "DELETE", "/2017-03-31/tags/*", "UntagResource"),
    ("route53", "GET", "/2013-04-01/change/*", "GetChange"),
    ("route53", "GET", "/2013-04-01/healthcheck", "ListHealthChecks"),
    ("route53", "POST", "/2013-04-01/healthcheck", "CreateHealthCheck"),
    ("route53", "POST", "/2013-04-01/healthcheck/*", "UpdateHealthCheck"),
    ("route53", "DELETE", "/2013-04-01/healthcheck/*", "DeleteHealthCheck"),
    ("route53", "GET", "/2013-04-01/hostedzone", "ListHostedZones"),
    ("route53", "POST", "/2013-04-01/hostedzone", "CreateHostedZone"),
    ("route53", "GET", "/2013-04-01/hostedzone/*", "GetHostedZone"),
    ("route53", "POST", "/2013-04-01/hostedzone/*", "UpdateHostedZoneComment"),
    ("route53", "DELETE", "/2013-04-01/hostedzone/*", "DeleteHostedZone"),
    ("route53", "GET", "/2013-04-01/hostedzone/*/rrset", "ListResourceRecordSets"),
    ("route53", "POST", "/2013-04-01/hostedzone/*/rrset", "ChangeResourceRecordSets"),
    ("route53", "GET", "/2013-04-01/hostedzonesbyname", "ListHostedZonesByName"),
    ("route53", "GET", "/2013-04-01/queryloggingconfig", "ListQueryLoggingConfigs"),
    ("route53", "POST", "/2013-04-01/queryloggingconfig", "CreateQueryLoggingConfig"),
    ("route53", "GET", "/2013-04-01/queryloggingconfig/*", "GetQueryLoggingConfig"),
    ("route53", "DELETE", "/2013-04-01/queryloggingconfig/*", "DeleteQueryLoggingConfig"),
    ("route53", "POST", "/2013-04-01/tags/*", "ListTagsForResources"),
    ("route53", "GET", "/2013-04-01/tags/*/*", "ListTagsForResource"),
    ("route53", "POST", "/2013-04-01/tags/*/*", "ChangeTagsForResource"),
    ("backup", "GET", "/backup-vaults", "ListBackupVaults"),
    ("backup", "PUT", "/backup-vaults/*", "CreateBackupVault"),
    ("backup", "DELETE", "/backup-vaults/*", "DeleteBackupVault"),
    ("backup", "GET", "/backup-vaults/*/access-policy", "GetBackupVaultAccessPolicy"),
    ("backup", "PUT", "/backup-vaults/*/access-policy", "PutBackupVaultAccessPolicy"),
    ("backup", "DELETE", "/backup-vaults/*/access-policy", "DeleteBackupVaultAccessPolicy"),
    ("backup", "GET", "/backup-vaults/*/recovery-points", "ListRecoveryPointsByBackupVault"),
    ("backup", "DELETE", "/backup-vaults/*/recovery-points/*", "DeleteRecoveryPoint"),
    ("backup", "GET", "/backup/plans", "ListBackupPlans"),
    ("backup", "PUT", "/backup/plans", "CreateBackupPlan"),
    ("backup", "GET", "/backup/plans/*", "GetBackupPlan"),
    ("backup", "POST", "/backup/plans/*", "UpdateBackupPlan"),
    ("backup", "DELETE", "/backup/plans/*", "DeleteBackupPlan"),
    ("backup", "GET", "/backup/plans/*/selections", "ListBackupSelections"),
    ("backup", "PUT", "/backup/plans/*/selections", "CreateBackupSelection"),
    ("backup", "GET", "/backup/plans/*/selections/*", "GetBackupSelection"),
    ("backup", "DELETE", "/backup/plans/*/selections/*", "DeleteBackupSelection"),
    ("backup", "GET", "/tags/*", "ListTags"),
    ("backup", "POST", "/tags/*", "TagResource"),
    ("backup", "POST", "/untag/*", "UntagResource"),
];

/// The query of a bucket call, and its operation's name after the verb.
const OF_A_BUCKET: &[(&str, &str)] = &[
    ("encryption", "BucketEncryption"),
    ("lifecycle", "BucketLifecycleConfiguration"),
    ("location", "BucketLocation"),
    ("logging", "BucketLogging"),
    ("notification", "BucketNotificationConfiguration"),
    ("ownershipControls", "BucketOwnershipControls"),
    ("policy", "BucketPolicy"),
    ("publicAccessBlock", "PublicAccessBlock"),
    ("replication", "BucketReplication"),
    ("tagging", "BucketTagging"),
    ("versioning", "BucketVersioning"),
];

/// The operation, or method and path if it isn't listed here.
pub fn operation(service: &str, method: &Method, path: &str, query: &str) -> String {
    let known = match service {
        "s3" => of_s3(method, path, query),
        _ => PATHS
            .iter()
            .find(|known| known.0 == service && known.1 == method && fits(known.2, path))
            .map(|p| p.3.into()),
    };
    known.unwrap_or_else(|| format!("{method} {path}"))
}

fn fits(pattern: &str, path: &str) -> bool {
    let mut parts = path.trim_end_matches('/').split('/');
    pattern.split('/').all(|wanted| parts.next().is_some_and(|part| wanted == "*" || wanted == part))
        && parts.next().is_none()
}

fn of_s3(method: &Method, path: &str, query: &str) -> Option<String> {
    let asks = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    let operation = match (method.as_str(), bucket, key) {
        ("GET", "", _) => "ListBuckets",
        ("POST", _, "") if asks("delete") => "DeleteObjects",
        ("GET", _, "") if asks("versions") => "ListObjectVersions",
        ("GET", _, "") if asks("uploads") => "ListMultipartUploads",
        ("GET", _, "") if asks("list-type") => "ListObjectsV2",
        ("DELETE", _, "") if asks("lifecycle") => "DeleteBucketLifecycle",
        (_, _, "") if OF_A_BUCKET.iter().any(|(name, _)| asks(name)) => {
            let (_, thing) = OF_A_BUCKET.iter().find(|(name, _)| asks(name))?;
            return Some(format!("{}{thing}", verb(method)?));
        }
        ("HEAD", _, "") => "HeadBucket",
        ("GET", _, "") => "ListObjects",
        ("PUT", _, "") => "CreateBucket",
        ("DELETE", _, "") => "DeleteBucket",
        ("DELETE", ..) if asks("uploadId") => "AbortMultipartUpload",
        _ => return Some(format!("{}Object", verb(method)?)),
    };
    Some(operation.to_owned())
}

fn verb(method: &Method) -> Option<&'static str> {
    Some(match method.as_str() {
        "GET" => "Get",
        "HEAD" => "Head",
        "PUT" => "Put",
        "DELETE" => "Delete",
        _ => return None,
    })
}
