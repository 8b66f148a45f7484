//! Policy documents, and statements that many of them share.

use serde_json::{Value, json};

use super::Scope;
use crate::resources::document::Document;

/// A policy document with these statements.
pub fn document(statements: impl IntoIterator<Item = Value>) -> Document {
    Document::new(json!({"Version": "2012-10-17", "Statement": statements.into_iter().collect::<Vec<_>>()}))
}

/// A statement that allows these actions on these resources.
pub fn allow(actions: &[&str], resources: impl IntoIterator<Item = impl Into<String>>) -> Value {
    let resources: Vec<String> = resources.into_iter().map(Into::into).collect();
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}

/// A statement that denies `actions` (`sqs:*`) to requests without TLS.
pub fn deny_plain_text(actions: &str, resources: &[&str]) -> Value {
    json!({
        "Sid": "DenyPlainText",
        "Effect": "Deny",
        "Principal": "*",
        "Action": actions,
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    })
}

/// The condition that a principal belongs to another account. AWS's own services are exempt: they replicate.
pub(super) fn other_accounts(scope: &Scope<'_>) -> Value {
    json!({
        "StringNotEquals": {"aws:PrincipalAccount": scope.account()},
        "Bool": {"aws:PrincipalIsAWSService": "false"},
    })
}

/// The trust policy of a role that a service assumes on behalf of resources in this account.
pub fn trust(scope: &Scope<'_>, service: &str) -> Document {
    trust_for(service, json!({"StringEquals": {"aws:SourceAccount": scope.account()}}))
}

/// The trust policy of a role that a service assumes on this condition.
pub(super) fn trust_for(service: &str, condition: Value) -> Document {
    document([json!({
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    })])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_resource_is_written_as_aws_returns_it() {
        let policy = document([allow(&["sqs:SendMessage"], ["arn:aws:sqs:us-east-1:1:q"])]);
        assert_eq!(policy.value()["Statement"][0]["Resource"], "arn:aws:sqs:us-east-1:1:q");
        assert_eq!(policy.value()["Statement"][0]["Action"], "sqs:SendMessage");
    }
}
