//! Statements that many policies share.

use serde_json::{Value, json};

use super::Scope;
use crate::resources::document::Document;

/// A policy of these statements.
pub fn document(statements: impl IntoIterator<Item = Value>) -> Document {
    Document::new(json!({"Version": "2012-10-17", "Statement": statements.into_iter().collect::<Vec<_>>()}))
}

/// A statement that allows the role or user which has it these actions on these resources.
pub fn allow(actions: &[&str], resources: impl IntoIterator<Item = impl Into<String>>) -> Value {
    let resources: Vec<String> = resources.into_iter().map(Into::into).collect();
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}

/// A statement that denies everybody everything in plain text: `actions` as `sqs:*`.
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

/// The trust policy of a role that a service takes on for resources of this account.
pub fn trust(scope: &Scope<'_>, service: &str) -> Document {
    document([json!({
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": scope.account()}},
    })])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_resource_is_written_as_aws_answers_it() {
        let policy = document([allow(&["sqs:SendMessage"], ["arn:aws:sqs:us-east-1:1:q"])]);
        assert_eq!(policy.value()["Statement"][0]["Resource"], "arn:aws:sqs:us-east-1:1:q");
        assert_eq!(policy.value()["Statement"][0]["Action"], "sqs:SendMessage");
    }
}
