//! An SNS topic with delivery logs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::policy::{allow, deny_plain_text, document, trust};
use super::{Scope, log_group};
use crate::resources::iam;
use crate::resources::ids::{KeyArn, RoleArn, TopicArn};
use crate::resources::sns::{self, DeliveryLogging};

/// The parameters of a topic.
#[derive(Clone, Copy, Debug)]
pub struct TopicParams<'a> {
    /// Its name in the system: `alerts`.
    pub name: &'a str,
    /// The display name, the sender of e-mails.
    pub display_name: &'a str,
    /// The key that encrypts messages and log groups. Its policy must allow the publishers to use it.
    pub key: &'a KeyArn,
    /// The services that publish directly: `cloudwatch.amazonaws.com`, `events.rds.amazonaws.com`.
    pub publishers: &'a [&'a str],
    /// E-mail addresses to subscribe. Each has to confirm.
    pub emails: &'a [String],
}

impl<'a> TopicParams<'a> {
    /// A topic without publishers, subscriptions and display name.
    pub fn new(name: &'a str, key: &'a KeyArn) -> Self {
        TopicParams { name, display_name: "", key, publishers: &[], emails: &[] }
    }
}

/// The protocols whose deliveries SNS can log. E-mail isn't one of them.
const LOGGED: [&str; 3] = ["HTTP", "Lambda", "SQS"];

/// Adds a topic and returns its ARN.
pub fn topic(scope: &Scope<'_>, params: &TopicParams<'_>) -> TopicArn {
    let scope = scope.at(params.name);
    let name = scope.name_within(params.name, 256);
    let role = delivery_logging(&scope, &name, params);
    let logging = DeliveryLogging { success_role: role.clone(), failure_role: role, success_sample_percent: 100 };
    let arn = scope.arn("sns", &name);
    let mut statements = vec![deny_plain_text("sns:Publish", &[&arn])];
    if !params.publishers.is_empty() {
        statements.push(json!({
            "Sid": "Publishers",
            "Effect": "Allow",
            "Principal": {"Service": params.publishers},
            "Action": "sns:Publish",
            "Resource": arn,
            "Condition": {"StringEquals": {"aws:SourceAccount": scope.account()}},
        }));
    }
    let topic = scope.add(
        "topic",
        sns::Topic {
            name,
            display_name: params.display_name.to_owned(),
            kms_key: Some(params.key.clone()),
            policy: document(statements),
            delivery_logging: LOGGED.into_iter().map(|kind| (kind.to_owned(), logging.clone())).collect(),
        },
    );
    for email in params.emails {
        scope.add(
            &format!("email-{email}"),
            sns::Subscription { topic: topic.arn.clone(), protocol: "email".to_owned(), endpoint: email.clone() },
        );
    }
    topic.arn
}

/// Adds the log groups of the deliveries, whose names SNS prescribes, and the role with which SNS writes to them.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-topic-attributes.html>
fn delivery_logging(scope: &Scope<'_>, topic: &str, params: &TopicParams<'_>) -> RoleArn {
    let group = |leaf: &str, end: &str| {
        let name = format!("sns/{}/{}/{topic}{end}", scope.region(), scope.account());
        log_group(scope, leaf, name, params.key).arn
    };
    let groups = [group("deliveries", ""), group("failed-deliveries", "/Failure")];
    // No logs:CreateLogGroup: SNS must not recreate a deleted log group without the key.
    let actions = ["logs:CreateLogStream", "logs:PutLogEvents"];
    let resources = groups.iter().flat_map(|arn| [arn.to_string(), format!("{arn}:*")]);
    let role = iam::Role {
        name: scope.name_within(&format!("{}-delivery-role", params.name), 64),
        description: format!("Logs the deliveries of the topic {topic}"),
        trust: trust(scope, "sns.amazonaws.com"),
        inline_policies: BTreeMap::from([("deliveries".to_owned(), document([allow(&actions, resources)]))]),
        managed_policies: BTreeSet::new(),
        max_session_seconds: 3600,
    };
    scope.add("delivery-role", role).arn
}
