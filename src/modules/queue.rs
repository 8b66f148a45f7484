//! A queue with a dead-letter queue.

use serde_json::{Value, json};

use super::Scope;
use super::policy::{deny_plain_text, document};
use crate::resources::document::Document;
use crate::resources::ids::KeyArn;
use crate::resources::sqs::{self, DeadLetters, QueueOutputs};

/// The maximum retention of SQS.
const FOURTEEN_DAYS: u32 = 14 * 24 * 3600;

/// The parameters of a queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueParams<'a> {
    /// Its name in the system: `payments`.
    pub name: &'a str,
    /// The key that encrypts the messages.
    pub key: &'a KeyArn,
    /// Days that a message is kept, 1 to 14.
    pub retention_days: u32,
    /// The visibility timeout; for a function at least six times its timeout.
    pub visibility_timeout_seconds: u32,
    /// Receives of a message before it becomes a dead letter.
    pub max_receives: u32,
}

/// A queue with its dead-letter queue.
#[derive(Clone, Debug)]
pub struct Queue {
    /// The queue.
    pub main: QueueOutputs,
    /// The dead-letter queue; it keeps messages for 14 days.
    pub dead_letters: QueueOutputs,
}

/// A service that sends to a queue on behalf of one of its resources.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The service principal: `events.amazonaws.com`, `sns.amazonaws.com`.
    pub service: &'a str,
    /// The ARN of the rule or topic.
    pub source_arn: &'a str,
}

/// Adds a queue and its dead-letter queue.
pub fn queue(scope: &Scope<'_>, params: &QueueParams<'_>) -> Queue {
    let dead_letters = dead_letter_queue(scope, &format!("{}-dead-letters", params.name), params.key, &[]);
    let name = scope.name_within(&format!("{}-queue", params.name), 80);
    let main = scope.add(
        &format!("{}-queue", params.name),
        sqs::Queue {
            policy: policy(scope, &name, &[]),
            name,
            kms_key: Some(params.key.clone()),
            retention_seconds: params.retention_days * 24 * 3600,
            visibility_timeout_seconds: params.visibility_timeout_seconds,
            receive_wait_seconds: 20,
            dead_letters: Some(DeadLetters { queue: dead_letters.arn.clone(), max_receives: params.max_receives }),
        },
    );
    Queue { main, dead_letters }
}

/// Adds a dead-letter queue; it keeps messages for 14 days. `name` is its whole name without the suffix, `orders-dead-letters`, and
/// the name of the step.
pub fn dead_letter_queue(scope: &Scope<'_>, name: &str, key: &KeyArn, senders: &[Sender<'_>]) -> QueueOutputs {
    let leaf = name;
    let name = scope.name_within(name, 80);
    scope.add(
        leaf,
        sqs::Queue {
            policy: policy(scope, &name, senders),
            name,
            kms_key: Some(key.clone()),
            retention_seconds: FOURTEEN_DAYS,
            visibility_timeout_seconds: 30,
            receive_wait_seconds: 20,
            dead_letters: None,
        },
    )
}

/// Roles of the account are allowed by their own policies, services one by one here.
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
