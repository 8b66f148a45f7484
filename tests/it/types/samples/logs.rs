use provisioner::modules::Scope;
use provisioner::modules::policy::document;
use provisioner::resources::document::Document;
use provisioner::resources::logs::{LogGroup, MetricFilter, ResourcePolicy};
use serde_json::json;

use super::key;
use crate::types::{Sample, Samples};

impl Sample for LogGroup {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let other = key(scope, "other");
        Samples::of(log_group(scope, "orders"))
            .changing(|group| group.kms_key = Some(other))
            .changing(|group| group.kms_key = None)
            .changing(|group| group.retention_days = Some(365))
            .changing(|group| group.retention_days = None)
            .changing(|group| group.name = scope.name("refunds"))
    }
}

impl Sample for MetricFilter {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let [one, other] = ["one", "other"].map(|name| scope.add(&format!("log-group-{name}"), log_group(scope, name)));
        let first = MetricFilter {
            name: scope.name("failures"),
            log_group: one.name,
            pattern: "{ $.level = \"error\" }".to_owned(),
            namespace: "Shop".to_owned(),
            metric: "Failures".to_owned(),
            value: "1".to_owned(),
            default_value: None,
        };
        Samples::of(first)
            .changing(|filter| filter.pattern = "{ $.level = \"fatal\" }".to_owned())
            .changing(|filter| filter.namespace = "Store".to_owned())
            .changing(|filter| filter.metric = "Errors".to_owned())
            .changing(|filter| filter.value = "$.count".to_owned())
            .changing(|filter| filter.default_value = Some(0.0))
            .changing(|filter| filter.name = scope.name("errors"))
            .changing(|filter| filter.log_group = other.name)
    }
}

impl Sample for ResourcePolicy {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let first = ResourcePolicy { name: scope.name("writers"), document: writes(scope, "events.amazonaws.com") };
        Samples::of(first)
            .changing(|policy| policy.document = writes(scope, "route53.amazonaws.com"))
            .changing(|policy| policy.name = scope.name("authors"))
    }
}

fn log_group(scope: &Scope<'_>, name: &str) -> LogGroup {
    LogGroup { name: scope.name(name), kms_key: Some(key(scope, name)), retention_days: Some(30) }
}

/// Lets a service write into all log groups.
fn writes(scope: &Scope<'_>, service: &str) -> Document {
    document([json!({
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": scope.arn("logs", "log-group:*"),
    })])
}
