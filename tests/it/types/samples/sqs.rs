use provisioner::modules::Scope;
use provisioner::resources::document::Document;
use provisioner::resources::ids::{KeyArn, QueueArn};
use provisioner::resources::sqs::{DeadLetters, Queue};

use super::{key, policy};
use crate::types::{Sample, Samples};

impl Sample for Queue {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (key(scope, "one"), key(scope, "other"));
        let first = of_key(scope, "orders", &one);
        let dead_letters = |name: &str, max_receives| {
            let queue = scope.add(name, of_key(scope, name, &one)).arn;
            Some(DeadLetters { queue, max_receives })
        };
        let (some, others) = (dead_letters("dead-letters", 3), dead_letters("other-letters", 5));
        Samples::of(first)
            .changing(|queue| queue.kms_key = Some(other))
            .changing(|queue| queue.kms_key = None)
            .changing(|queue| queue.retention_seconds = 7200)
            .changing(|queue| queue.visibility_timeout_seconds = 60)
            .changing(|queue| queue.receive_wait_seconds = 20)
            .changing(|queue| queue.dead_letters = some)
            .changing(|queue| queue.dead_letters = others)
            .changing(|queue| queue.policy = policy(scope, "sqs:ReceiveMessage"))
            .changing(|queue| queue.policy = Document::default())
            .changing(|queue| queue.name = scope.name("refunds"))
    }
}

/// A queue that stands, encrypted with a key of its own.
pub(super) fn queue(scope: &Scope<'_>, name: &str) -> QueueArn {
    let key = key(scope, &format!("queue-{name}"));
    scope.add(&format!("queue-{name}"), of_key(scope, name, &key)).arn
}

fn of_key(scope: &Scope<'_>, name: &str, key: &KeyArn) -> Queue {
    Queue {
        name: scope.name(name),
        kms_key: Some(key.clone()),
        retention_seconds: 3600,
        visibility_timeout_seconds: 30,
        receive_wait_seconds: 0,
        dead_letters: None,
        policy: policy(scope, "sqs:SendMessage"),
    }
}
