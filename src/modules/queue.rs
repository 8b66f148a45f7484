//! A queue with its dead letters.

use serde_json::{Value, json};

use super::Scope;
use super::policy::{deny_plain_text, document};
use crate::resources::document::Document;
use crate::resources::ids::KeyArn;
use crate::resources::sqs::{self, DeadLetters, QueueOutputs};

/// The longest that SQS keeps a message.
const FOURTEEN_DAYS: u32 = 14 * 24 * 3600;

/// What a queue needs.
#[derive(Clone, Copy, Debug)]
pub struct QueueParams<'a> {
    /// What it is called here: `payments`.
    pub name: &'a str,
    /// The key that encrypts the messages.
    pub key: &'a KeyArn,
    /// How long a message that nobody takes is kept, 1 to 14 days.
    pub retention_days: u32,
    /// How long a message that was taken stays hidden; for a function at least six times its timeout.
    pub visibility_timeout_seconds: u32,
    /// How often a message is taken before it is a dead letter.
    pub max_receives: u32,
}

/// A queue with its dead letters.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Where messages are sent.
    pub main: QueueOutputs,
    /// Where those go that were taken too often; they are kept for 14 days.
    pub dead_letters: QueueOutputs,
}

/// A service that sends to a queue by itself, for one of its resources.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// `events.amazonaws.com`, `sns.amazonaws.com`
    pub service: &'a str,
    /// The rule or topic.
    pub source_arn: &'a str,
}

/// Puts a queue and the one for its dead letters here.
pub fn queue(scope: &Scope<'_>, params: &QueueParams<'_>) -> Queue {
    let dead_letters = dead_letter_queue(scope, &format!("{}-dead-letters", params.name), params.key, &[]);
    let name = scope.name_within(&format!("{}-queue", params.name), 80);
    let main = scope.add(
        &format!("{}-queue", params.name),
        sqs::Queue {
            policy: policy(scope, &name, &[]),
            name,
            kms_key: params.key.clone(),
            retention_seconds: params.retention_days * 24 * 3600,
            visibility_timeout_seconds: params.visibility_timeout_seconds,
            receive_wait_seconds: 20,
            dead_letters: Some(DeadLetters { queue: dead_letters.arn.clone(), max_receives: params.max_receives }),
        },
    );
    Queue { main, dead_letters }
}

/// Puts a queue for what failed here: kept for 14 days.
pub fn dead_letter_queue(scope: &Scope<'_>, name: &str, key: &KeyArn, senders: &[Sender<'_>]) -> QueueOutputs {
    let leaf = name;
    let name = scope.name_within(name, 80);
    scope.add(
        leaf,
        sqs::Queue {
            policy: policy(scope, &name, senders),
            name,
            kms_key: key.clone(),
            retention_seconds: FOURTEEN_DAYS,
            visibility_timeout_seconds: 30,
            receive_wait_seconds: 20,
            dead_letters: None,
        },
    )
}

/// The account's roles need no more than their own policies say; services are let in one by one.
fn policy(scope: &Scope<'_>, name: &str, senders: &[Sender<'_>]) -> Document {
    let arn = scope.arn("sqs", name);
    let sender = |sender: &Sender<'_>| -> Value {
        json!({
            "Effect": "Allow",
            "Principal": {"Service": sender.service},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {
                "ArnEquals": {"aws:SourceArn": sender.source_arn},
                "StringEquals": {"aws:SourceAccount": scope.account()},
            },
        })
    };
    document(std::iter::once(deny_plain_text("sqs:*", &[&arn])).chain(senders.iter().map(sender)))
}
