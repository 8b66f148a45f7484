use provisioner::modules::Scope;
use provisioner::modules::policy::document;
use provisioner::resources::document::Document;
use provisioner::resources::kms::{Alias, Key, ReplicaKey};

use super::{key, policy};
use crate::types::{Sample, Samples};

/// Where replicas are.
const ELSEWHERE: &str = "us-west-2";

impl Sample for Alias {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (key(scope, "one"), key(scope, "other"));
        let name = |name: &str| format!("alias/{}", scope.name(name));
        Samples::of(Alias { name: name("orders"), target: one })
            .changing(|alias| alias.target = other)
            .changing(|alias| alias.name = name("refunds"))
    }
}

impl Sample for Key {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let first = Key {
            description: "Encrypts orders".to_owned(),
            policy: policy(scope, "kms:*"),
            rotation: true,
            multi_region: false,
        };
        Samples::of(first)
            .changing(|key| key.description = "Encrypts refunds".to_owned())
            .changing(|key| key.policy = policies(scope))
            .changing(|key| key.rotation = false)
            .changing(|key| key.multi_region = true)
            .kept_after_deletion()
    }
}

impl Sample for ReplicaKey {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let primary = |name: &str| {
            let key = Key {
                description: name.to_owned(),
                policy: policy(scope, "kms:*"),
                rotation: true,
                multi_region: true,
            };
            scope.add(&format!("primary-{name}"), key).arn
        };
        let (one, other) = (primary("one"), primary("other"));
        let first =
            ReplicaKey { primary: one, description: "Encrypts orders".to_owned(), policy: policy(scope, "kms:*") };
        Samples::of(first)
            .changing(|key| key.description = "Encrypts refunds".to_owned())
            .changing(|key| key.policy = policies(scope))
            .changing(|key| key.primary = other)
            .in_region(ELSEWHERE)
            .kept_after_deletion()
    }
}

/// A policy of two statements.
fn policies(scope: &Scope<'_>) -> Document {
    let statement = |action| policy(scope, action).value()["Statement"][0].clone();
    document([statement("kms:*"), statement("kms:Decrypt")])
}
